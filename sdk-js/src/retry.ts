/** When a failed request is sent again. */

import { ApiError, ConnectionError } from "./errors.ts";

/** The first pause; each one after is twice as long. */
const BACKOFF_MS = 400;
/** What the server may ask us to wait. Longer waits are for the caller to plan. */
const WAIT_MAX_MS = 20_000;

/**
 * How long to wait before repetition number `attempt` (0, 1, …); `undefined` if there is to be none. `random` is in 0..1:
 * many who lost the server at once must not come back at once.
 */
export function retryDelayMs(error: unknown, attempt: number, retries: number, random: number): number | undefined {
  if (attempt >= retries || !isPassing(error)) return undefined;
  const asked = error instanceof ApiError ? error.retryAfterMs : 0;
  if (asked > WAIT_MAX_MS) return undefined;
  const backoff = BACKOFF_MS * 2 ** attempt * (0.5 + random);
  // Never earlier than asked.
  return Math.min(WAIT_MAX_MS * 1.25, Math.max(backoff, asked * (1 + random / 4)));
}

/** Whether the same request may succeed later. Changes carry their idempotency key, so that none happens twice. */
export function isPassing(error: unknown): boolean {
  if (error instanceof ConnectionError) return true;
  if (!(error instanceof ApiError)) return false;
  return error.code === "idempotency_in_flight" || error.status === 408 || error.status === 429 || error.status >= 500;
}

/**
 * `Retry-After` in milliseconds. A date is compared with the server's own clock (`Date`) where there is one: ours may be
 * wrong.
 */
export function retryAfterMs(headers: Headers, nowMs: number): number {
  const value = headers.get("retry-after");
  if (!value) return 0;
  const seconds = Number(value);
  if (Number.isFinite(seconds)) return Math.max(0, seconds * 1000);
  const serverNow = Date.parse(headers.get("date") ?? "");
  const wait = Date.parse(value) - (Number.isFinite(serverNow) ? serverNow : nowMs);
  return Number.isFinite(wait) ? Math.max(0, wait) : 0;
}

/** Waits; rejects with the signal's reason when it is aborted. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, ms);
    if (signal?.aborted) stop();
    else signal?.addEventListener("abort", stop, { once: true });
  });
}
