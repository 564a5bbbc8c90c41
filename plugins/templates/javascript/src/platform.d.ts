// What a plugin can call. There is nothing else.

declare module "eventflow:plugin/log@1.0.0" {
  export function write(level: "debug" | "info" | "warn" | "error", message: string): void;
}
declare module "eventflow:plugin/config@1.0.0" {
  export function get(key: string): string | undefined;
  export function all(): string;
}
declare module "eventflow:plugin/key-value@1.0.0" {
  export function get(key: string): string | undefined;
  /** Throws what was wrong. In `notification` only. */
  export function set(key: string, value: string): void;
}
