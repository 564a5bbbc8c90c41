/**
 * The live stream of availability: server-sent events over fetch, since `EventSource` cannot send a credential. It resumes
 * after the last revision it saw, backs off when the server is away, and asks for snapshots where streams do not get through.
 */

import { Problem, type Api } from "./api.js";

export interface SseEvent {
  type: string;
  data: string;
  id: string;
}

/** Cuts a byte stream, in whatever pieces it comes, into server-sent events. */
export class SseParser {
  #rest = "";
  #type = "";
  #data: string[] = [];
  /** The last id seen, for `Last-Event-ID`. */
  id = "";
  /** The server's wish for a pause before reconnecting. */
  retryMs = 0;

  push(text: string): SseEvent[] {
    const events: SseEvent[] = [];
    // A CR at the very end may be half of a CRLF: it waits for the next piece.
    const lines = (this.#rest + text).split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop() ?? "";
    for (const line of lines) this.#line(line, events);
    return events;
  }

  #line(line: string, events: SseEvent[]): void {
    if (line === "") {
      if (this.#data.length) events.push({ type: this.#type || "message", data: this.#data.join("\n"), id: this.id });
      this.#type = "";
      this.#data = [];
      return;
    }
    const colon = line.indexOf(":");
    if (colon === 0) return;
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "event") this.#type = value;
    else if (field === "data") this.#data.push(value);
    else if (field === "id" && !value.includes("\0")) this.id = value;
    else if (field === "retry" && /^\d+$/.test(value)) this.retryMs = Number(value);
  }
}

export function base64(text: string): Uint8Array {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

/** What a change of availability did. */
export type Applied = "ok" | "gap" | "malformed";

export interface Listener {
  snapshot(bytes: Uint8Array): Applied;
  diff(bytes: Uint8Array): Applied;
  /** Prices, blocks or rules have changed. */
  offer(): void;
  /** How fresh what we show is. */
  state(state: NetState): void;
}

export type NetState = "live" | "polling" | "stale" | "offline";

/** The server speaks at least every 15 s; silence for longer is a dead connection. */
const SILENCE_MS = 40_000;
const BACKOFF_MAX_MS = 30_000;
const POLL_MS = 4_000;
/** Attempts without one event after which snapshots are polled as well. */
const FAILURES_BEFORE_POLLING = 2;

export class LiveStream {
  #abort = new AbortController();
  #connection: AbortController | undefined;
  #lastId = "";
  #etag = "";
  #failures = 0;
  #wake: (() => void) | undefined;
  #polling = false;

  constructor(
    private readonly api: Api,
    private readonly listener: Listener,
    early?: Promise<Response>,
  ) {
    addEventListener("online", this.#online);
    addEventListener("offline", this.#offline);
    document.addEventListener("visibilitychange", this.#visible);
    void this.#run(early);
  }

  close(): void {
    removeEventListener("online", this.#online);
    removeEventListener("offline", this.#offline);
    document.removeEventListener("visibilitychange", this.#visible);
    this.#abort.abort();
    this.#connection?.abort();
    this.#wake?.();
  }

  #online = (): void => {
    this.#failures = 0;
    this.#wake?.();
  };
  #offline = (): void => {
    this.listener.state("offline");
    this.#connection?.abort();
  };
  /** A tab that comes back may have slept through the end of its connection. */
  #visible = (): void => {
    if (document.visibilityState === "visible") this.#wake?.();
  };

  async #run(early?: Promise<Response>): Promise<void> {
    while (!this.#abort.signal.aborted) {
      let retryMs = 2_000;
      try {
        retryMs = await this.#connect(early);
      } catch (error) {
        this.#failures++;
        if (error instanceof Problem && error.retryAfterMs) retryMs = error.retryAfterMs;
      }
      early = undefined;
      if (this.#abort.signal.aborted) return;
      if (this.#failures) this.listener.state(navigator.onLine ? "stale" : "offline");
      if (this.#failures >= FAILURES_BEFORE_POLLING) void this.#poll();
      const backoff = Math.min(BACKOFF_MAX_MS, retryMs * 2 ** Math.max(0, this.#failures - 1));
      await this.#pause(this.#failures ? backoff * (0.5 + Math.random()) : 250 * Math.random());
    }
  }

  /** Resolves when the stream has ended, with the pause that the server asked for. */
  async #connect(early?: Promise<Response>): Promise<number> {
    const connection = (this.#connection = new AbortController());
    const response = await this.api.once(`/events/${this.api.event}/availability/stream`, {
      headers: { accept: "text/event-stream", ...(this.#lastId ? { "last-event-id": this.#lastId } : {}) },
      signal: connection.signal,
      early,
    });
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    if (!reader) throw new Problem("network", 0, "no stream");
    const parser = new SseParser();
    let alarm: ReturnType<typeof setTimeout> | undefined;
    let useful = false;
    try {
      for (;;) {
        clearTimeout(alarm);
        alarm = setTimeout(() => connection.abort(), SILENCE_MS);
        const { done, value } = await reader.read();
        if (done || connection.signal.aborted) break;
        // Nothing but a greeting: what we have is still true.
        if (this.#lastId && !useful) {
          useful = true;
          this.#alive();
        }
        for (const event of parser.push(value)) {
          if (!this.#take(event)) {
            // A diff that does not follow: the next connection begins with a snapshot.
            this.#lastId = "";
            return parser.retryMs;
          }
          useful ||= event.type !== "offer";
        }
      }
    } catch (error) {
      // An end that came after good news is no failure.
      if (!useful) throw error;
    } finally {
      clearTimeout(alarm);
      // Also ends an answer that began before this connection had a signal.
      void reader.cancel().catch(() => undefined);
    }
    if (!useful) throw new Problem("network", 0, "the stream ended before it began");
    return parser.retryMs || 2_000;
  }

  #take(event: SseEvent): boolean {
    if (event.type === "offer") {
      this.listener.offer();
      return true;
    }
    if (event.type !== "snapshot" && event.type !== "diff") return true;
    const applied = this.listener[event.type](base64(event.data));
    if (applied !== "ok" && event.type === "snapshot") throw new Problem("internal", 0, "a snapshot of another plan");
    if (applied !== "ok") return false;
    this.#lastId = event.id;
    this.#alive();
    return true;
  }

  #alive(): void {
    this.#failures = 0;
    this.listener.state("live");
  }

  /** Snapshots at intervals, for as long as the stream does not get through. */
  async #poll(): Promise<void> {
    if (this.#polling) return;
    this.#polling = true;
    while (!this.#abort.signal.aborted && this.#failures >= FAILURES_BEFORE_POLLING) {
      try {
        const response = await this.api.once(`/events/${this.api.event}/availability.bin`, {
          headers: this.#etag ? { "if-none-match": this.#etag } : {},
          signal: this.#abort.signal,
        });
        if (response.status !== 304) {
          this.#etag = response.headers.get("etag") ?? "";
          this.listener.snapshot(new Uint8Array(await response.arrayBuffer()));
        }
        this.listener.state("polling");
      } catch {
        this.listener.state(navigator.onLine ? "stale" : "offline");
      }
      await new Promise((resolve) => setTimeout(resolve, POLL_MS * (0.75 + Math.random() / 2)));
    }
    this.#polling = false;
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
