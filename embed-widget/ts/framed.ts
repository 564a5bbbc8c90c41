/**
 * The widget in a frame of its own origin, for pages that refuse WebAssembly. Page and frame greet each other once, each
 * checking the other's origin, and then speak through a channel that nobody else can hear.
 */

import { EVENTS, LIVE_ATTRIBUTES, type Mounted, type MountOptions } from "./mount.js";

/** What the page says to the frame. */
export type ToFrame =
  | { attributes: Record<string, string | null>; height: number; saved: string | null }
  | { attribute: string; value: string | null }
  | { look: Record<string, string>; dark: boolean }
  | { answer: number; go: boolean }
  | { call: number; name: string; args: unknown[] };

/** What the frame says to the page. */
export type FromFrame =
  | { height: number }
  | { look: string[] }
  | { save: string }
  | { value: string }
  /** With `ask`, whether the event was cancelled has to be answered. */
  | { event: string; detail: unknown; ask?: number }
  | { result: number; value?: unknown; problem?: unknown };

export const HELLO = "eventflow-frame";

/** How long a frame may take to greet. */
const GREETING_MS = 15_000;
/** The frame is at most so tall; what it shows scrolls inside. */
const HEIGHT_MAX = 20_000;

type Framed = Pick<MountOptions, "host" | "root" | "internals" | "api" | "event" | "key">;

/** The page itself, marked: the frame's own address is of no use to a buyer who comes back. */
function comeBack(mark: string): string {
  const url = new URL(location.href);
  url.searchParams.set("eventflow", mark);
  url.hash = "";
  return url.href;
}

function attributesOf(host: HTMLElement): Record<string, string | null> {
  const attributes: Record<string, string | null> = {};
  for (const name of LIVE_ATTRIBUTES) attributes[name] = host.getAttribute(name);
  attributes["success-url"] ??= comeBack("paid");
  attributes["cancel-url"] ??= comeBack("back");
  attributes["lang"] ??= host.closest<HTMLElement>("[lang]")?.lang ?? null;
  return attributes;
}

export async function framed({ host, root, internals, api, event, key }: Framed): Promise<Mounted> {
  const origin = new URL(api, location.href).origin;
  const frame = document.createElement("iframe");
  const query = new URLSearchParams({ event, key, origin: location.origin });
  frame.title = "EventFlow";
  frame.allow = "fullscreen";
  frame.src = `${api}/embed/v1/frame?${query}`;
  // The mark of a buyer who has come back has done its work.
  const here = new URL(location.href);
  if (here.searchParams.has("eventflow")) {
    here.searchParams.delete("eventflow");
    history.replaceState(history.state, "", here);
  }
  const port = await greet(frame, root, origin);
  const calls = new Map<number, { resolve: (value: unknown) => void; reject: (problem: unknown) => void }>();
  let next = 0;
  let value = "";
  const send = (message: ToFrame): void => port.postMessage(message);
  port.onmessage = (message: MessageEvent<FromFrame>) => {
    const said = message.data;
    if ("save" in said) keep(event, String(said.save));
    else if ("height" in said) frame.style.height = `${Math.min(HEIGHT_MAX, Math.max(0, Number(said.height)))}px`;
    else if ("value" in said && !("result" in said)) {
      value = String(said.value);
      internals.setFormValue(value || null);
    } else if ("event" in said) {
      const go = relay(host, said.event, said.detail);
      if (said.ask) send({ answer: said.ask, go });
    } else if ("look" in said) send(lookOf(frame, host.getAttribute("theme"), said.look));
    else if ("result" in said) {
      const call = calls.get(said.result);
      calls.delete(said.result);
      if (said.problem === undefined) call?.resolve(said.value);
      else call?.reject(said.problem);
    }
  };
  send({ attributes: attributesOf(host), height: innerHeight, saved: kept(event) });
  return {
    get value() {
      return value;
    },
    attribute: (name, text) => send({ attribute: name, value: text }),
    call: (name, args) =>
      new Promise((resolve, reject) => {
        calls.set(++next, { resolve, reject });
        send({ call: next, name, args });
      }),
    close: () => {
      port.close();
      frame.remove();
    },
  };
}

/** Custom properties of ours as they are at the frame, and whether its colours are dark ones. */
function lookOf(frame: HTMLIFrameElement, theme: string | null, names: string[]): ToFrame {
  // What is behind a frame shows through only when the page in it has the same scheme.
  frame.style.colorScheme = theme === "dark" || theme === "light" ? theme : "";
  frame.style.color = "light-dark(#000,#fff)";
  const style = getComputedStyle(frame);
  const look: Record<string, string> = {};
  for (const name of names) if (/^--ef-/.test(name)) look[name] = style.getPropertyValue(name);
  return { look, dark: /255/.test(style.color) };
}

/** Browsers keep nothing for frames of others: the page around them keeps the basket, under the name that it has there. */
function kept(event: string): string | null {
  try {
    return sessionStorage.getItem(`eventflow:${event}`);
  } catch {
    return null;
  }
}
function keep(event: string, text: string): void {
  try {
    sessionStorage.setItem(`eventflow:${event}`, text);
  } catch {
    // Refused or full: the basket then lives as long as the page.
  }
}

/** Waits for the greeting of the frame, from its origin and its window, and hands it one end of the channel. */
function greet(frame: HTMLIFrameElement, root: ShadowRoot, origin: string): Promise<MessagePort> {
  return new Promise((resolve, reject) => {
    const done = (): void => {
      clearTimeout(timer);
      removeEventListener("message", hear);
    };
    const timer = setTimeout(() => {
      done();
      reject(new Error("EventFlow: the frame does not answer"));
    }, GREETING_MS);
    const hear = (message: MessageEvent): void => {
      if (message.source !== frame.contentWindow || message.origin !== origin || message.data !== HELLO) return;
      done();
      const channel = new MessageChannel();
      frame.contentWindow?.postMessage(HELLO, origin, [channel.port2]);
      resolve(channel.port1);
    };
    addEventListener("message", hear);
    root.replaceChildren(frame);
  });
}

/** An event of the frame becomes one of the element; only known ones, and only web pages to go to. False when cancelled. */
function relay(host: HTMLElement, name: string, detail: unknown): boolean {
  if (!(EVENTS as readonly string[]).includes(name)) return true;
  const leaves = name === "eventflow-checkout";
  const cancelable = leaves || name === "eventflow-before-select";
  const go = host.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true, cancelable }));
  const url = leaves && go ? (detail as { url?: unknown }).url : undefined;
  if (typeof url === "string" && /^https?:\/\//.test(url)) location.assign(url);
  return go;
}
