/**
 * What is free, live. The stream goes on after its connection is lost, from the revision that it has; after a gap it
 * begins anew with a snapshot.
 */

import type { CallOptions, Client } from "./client.ts";
import { ApiError, ConnectionError, EventFlowError } from "./errors.ts";
import { isPassing, pause } from "./retry.ts";
import { type Changes, decodeDiff, eventBytes, SeatStates } from "./seat-states.ts";
import { EventParser, type ServerSentEvent } from "./sse.ts";

/** The server says something every 15 seconds; silence for longer is a dead connection. */
const SILENCE_MS = 40_000;
/** After an end that was none of ours: connections of many viewers end together, and should not come back together. */
const RETURN_MS = 250;
/** The first pause after a failure, unless the server wishes another. */
const RETRY_MS = 1_000;
const BACKOFF_MAX_MS = 30_000;

/** What happened. `states` is the whole: one object that every event brings up to date. */
export type AvailabilityEvent =
  /** Everything, at the beginning and whenever the changes in between are not known. */
  | { type: "snapshot"; revision: number; states: SeatStates }
  /** What is different since the event before. */
  | ({ type: "diff"; revision: number; states: SeatStates } & Changes)
  /** Prices, blocks, rules or the state of the event changed: read the event and its price tiers again. */
  | { type: "offer" };

export interface StreamOptions extends Pick<CallOptions, "signal" | "token" | "headers" | "timeoutMs" | "onResponse" | "onRetry"> {
  /** Failed attempts in a row after which the stream ends with the last error. Never, unless given. */
  retries?: number | undefined;
  /** Milliseconds without a word from the server after which the connection counts as lost. 40,000 unless given. */
  silenceMs?: number | undefined;
}

/** What the noun `events` has beside its operations. */
export interface EventStreams {
  /** What is free, live: `for await (const change of client.events.stream(id)) …` */
  stream(eventId: string, options?: StreamOptions): AsyncGenerator<AvailabilityEvent, void, undefined>;
}

/** Where a stream is. */
interface Position {
  states: SeatStates | undefined;
  /** Whether the connection has brought anything. */
  alive: boolean;
  retryMs: number | undefined;
}

/** Follows an event until the caller breaks the loop, aborts the signal, or may not look on any more. */
export async function* watch(
  client: Client,
  eventId: string,
  options: StreamOptions = {},
): AsyncGenerator<AvailabilityEvent, void, undefined> {
  const at: Position = { states: undefined, alive: false, retryMs: undefined };
  for (let failures = 0; ; ) {
    at.alive = false;
    let delayMs = RETURN_MS * Math.random();
    try {
      yield* connection(client, eventId, options, at);
      failures = 0;
    } catch (error) {
      failures = at.alive ? 1 : failures + 1;
      delayMs = comeAgainMs(error, failures, options, at.retryMs);
      options.onRetry?.(error as EventFlowError, delayMs);
    }
    await pause(delayMs, options.signal);
  }
}

/** The pause after a failure; throws what cannot pass. */
function comeAgainMs(error: unknown, failures: number, options: StreamOptions, baseMs = RETRY_MS): number {
  if (!isPassing(error) || failures > (options.retries ?? Infinity)) throw error;
  const asked = error instanceof ApiError ? error.retryAfterMs : 0;
  const backoff = Math.min(BACKOFF_MAX_MS, baseMs * 2 ** (failures - 1));
  return Math.max(asked * (1 + Math.random() / 4), backoff * (0.5 + Math.random()));
}

/** One connection: ends when the server ends it, or when a diff does not follow what we have. */
async function* connection(
  client: Client,
  eventId: string,
  options: StreamOptions,
  at: Position,
): AsyncGenerator<AvailabilityEvent, void, undefined> {
  const headers = { ...options.headers, accept: "text/event-stream", ...resume(at) };
  const { reader, facts } = await client.open("availability.stream", { path: { event_id: eventId } }, { ...options, headers });
  const cancel = (): void => void reader.cancel().catch(() => undefined);
  options.signal?.addEventListener("abort", cancel, { once: true });
  const parser = new EventParser();
  const text = new TextDecoder();
  try {
    for (;;) {
      const piece = await soon(reader.read(), options.silenceMs ?? SILENCE_MS);
      options.signal?.throwIfAborted();
      if (piece.done) return;
      at.alive = true;
      for (const event of parser.push(text.decode(piece.value, { stream: true }))) {
        const news = take(event, at);
        if (news === "gap") return;
        if (news) yield news;
      }
      at.retryMs = parser.retryMs;
    }
  } catch (error) {
    if (options.signal?.aborted || error instanceof EventFlowError) throw error;
    throw new ConnectionError("network", `the stream broke off: ${(error as Error).message}`, facts, { cause: error });
  } finally {
    options.signal?.removeEventListener("abort", cancel);
    cancel();
  }
}

/** The next piece, unless it takes too long. */
async function soon<T>(piece: Promise<T>, limitMs: number): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const silence = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`nothing came for ${limitMs} ms`)), limitMs);
  });
  try {
    return await Promise.race([piece, silence]);
  } finally {
    clearTimeout(timer);
  }
}

function resume({ states }: Position): Record<string, string> {
  return states ? { "last-event-id": String(states.revision) } : {};
}

/** What an event means for us; `"gap"` when only a snapshot helps. */
function take(event: ServerSentEvent, at: Position): AvailabilityEvent | "gap" | undefined {
  if (event.type === "offer") return { type: "offer" };
  if (event.type === "snapshot") {
    const states = (at.states = SeatStates.decode(eventBytes(event.data)));
    return { type: "snapshot", revision: states.revision, states };
  }
  if (event.type !== "diff") return undefined;
  const changes = at.states?.apply(decodeDiff(eventBytes(event.data)));
  if (!at.states || !changes) {
    at.states = undefined;
    return "gap";
  }
  if (!changes.seats.length && !changes.areas.length) return undefined;
  return { type: "diff", revision: at.states.revision, states: at.states, ...changes };
}
