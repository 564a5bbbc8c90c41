/**
 * One request: credential, idempotency key, timeout, repetitions, and errors with their request id. The operations come
 * from the contract; nothing here knows a noun.
 */

import { apiError, ConnectionError, EventFlowError, type RequestFacts, TimeoutError } from "./errors.ts";
import type { operations, Problem } from "./generated/contract.ts";
import type { OPERATIONS } from "./generated/operations.ts";
import { randomHex } from "./runtime.ts";
import { pause, retryAfterMs, retryDelayMs } from "./retry.ts";

/** Longer than any answer but an import takes. */
const TIMEOUT_MS = 30_000;
/** Repetitions after the first attempt: about three seconds of pauses in all. */
const RETRIES = 3;

/** How the contract describes an operation, as far as a request needs it. */
export interface Operation {
  readonly method: string;
  /** With the names of ids in braces. */
  readonly path: string;
  /** The media type of the body. */
  readonly body?: string;
  readonly answer: "json" | "page" | "bytes" | "text" | "none" | "events";
}

/** A body that goes out as it is. */
export type Bytes = Uint8Array | ArrayBuffer | Blob | string;

export interface ClientOptions {
  /** Where the platform is, as `https://tickets.example`. */
  baseUrl: string;
  /** The credential of every call that brings none of its own. */
  key: string;
  /** Milliseconds for one attempt, with its answer. 30,000 unless given. */
  timeoutMs?: number | undefined;
  /** Repetitions of a call that found nobody, was told to wait, or met a fault of the server. 3 unless given. */
  retries?: number | undefined;
  /** Headers of every request. */
  headers?: Record<string, string> | undefined;
  /** Instead of the `fetch` of the runtime: through a proxy, or in tests. */
  fetch?: typeof fetch | undefined;
  /** Told of every answer, good or bad, before its body is read: for logs and measurements. */
  onResponse?: ((response: Response, facts: RequestFacts) => void) | undefined;
  /** Told before every repetition: what failed, and how long the pause is. */
  onRetry?: ((error: EventFlowError, delayMs: number) => void) | undefined;
}

/** Options of one call; where an operation has a query, its parameters stand beside them. */
export interface CallOptions {
  /** Ends the call, its pauses included. */
  signal?: AbortSignal | undefined;
  timeoutMs?: number | undefined;
  retries?: number | undefined;
  /**
   * What makes this change one change, however often it is sent: kept by the server for 24 hours. A random one unless
   * given. Give one that you can make again (`order-4711`) when the process itself may die.
   */
  idempotencyKey?: string | undefined;
  /** Another credential than the client's: a buyer's token of a hold or an order. */
  token?: string | undefined;
  headers?: Record<string, string> | undefined;
  onResponse?: ClientOptions["onResponse"];
  onRetry?: ClientOptions["onRetry"];
}

/** What an operation takes: ids of the path, query, body. */
export interface Input {
  path?: Record<string, string> | undefined;
  query?: Record<string, unknown> | undefined;
  body?: unknown;
}

type Table = typeof OPERATIONS;
/** Every operation but the live stream, which is `events.stream`. */
export type OperationId = {
  [Id in keyof Table & keyof operations]: Table[Id]["answer"] extends "events" ? never : Id;
}[keyof Table & keyof operations];

/** The part of an operation's parameters that is there at all. */
type Part<Id extends OperationId, Name extends "path" | "query"> = operations[Id]["parameters"] extends {
  [key in Name]: infer Fields;
}
  ? { [key in Name]: Fields }
  : { [key in Name]?: operations[Id]["parameters"][Name] };
type Body<Id extends OperationId> = Table[Id] extends { body: infer Type }
  ? Type extends "application/json"
    ? operations[Id] extends { requestBody: { content: { "application/json": infer Json } } }
      ? { body: Json }
      : { body?: unknown }
    : { body: Bytes }
  : { body?: undefined };
/** What `request` takes for an operation. */
export type InputOf<Id extends OperationId> = Part<Id, "path"> & Part<Id, "query"> & Body<Id>;

type Json<Responses> = {
  [status in keyof Responses]: status extends 200 | 201 | 202
    ? Responses[status] extends { content: { "application/json": infer Answer } }
      ? Answer
      : never
    : never;
}[keyof Responses];
/** What `request` answers for an operation. */
export type AnswerOf<Id extends OperationId> = {
  json: Json<operations[Id]["responses"]>;
  page: Json<operations[Id]["responses"]>;
  bytes: Uint8Array;
  text: string;
  none: void;
}[Exclude<Table[Id]["answer"], "events">];

/** One attempt, ready to be sent; repetitions differ in their request id only. */
interface Attempt {
  id: string;
  operation: Operation;
  url: string;
  headers: Headers;
  body: BodyInit | undefined;
  options: CallOptions;
}

type Read<T> = (response: Response, facts: RequestFacts) => Promise<T>;

/** An answer that is read as it comes. */
export interface Opened {
  reader: ReadableStreamDefaultReader<Uint8Array>;
  facts: RequestFacts;
}

/** What an entry point adds: its operations, and what its runtime allows. */
export interface Platform {
  operations: Record<string, Operation>;
  headers: Record<string, string>;
  init: RequestInit;
}

/** The requests of one credential. Entry points give it its nouns. */
export class Client {
  readonly #options: ClientOptions;
  readonly #platform: Platform;
  readonly #base: string;

  constructor(options: ClientOptions, platform: Platform) {
    if (!/^https?:\/\//.test(options.baseUrl ?? "")) {
      throw new TypeError("baseUrl is the address of the platform, as `https://tickets.example`");
    }
    if (!options.key) throw new TypeError("key is missing: a key or token of the platform");
    if (!/^[\x21-\x7e]+$/.test(options.key)) {
      throw new TypeError("key has a character that no key has: copy it whole, without `…` and white space");
    }
    this.#options = options;
    this.#platform = platform;
    // Paths begin with the version.
    this.#base = options.baseUrl.replace(/\/+$/, "").replace(/\/v1$/, "");
  }

  /**
   * Any operation by its id: `client.request("holds.create", { path: { event_id }, body })`. The nouns
   * (`client.holds.create`) say the same with less; a list answers one page here.
   */
  request<Id extends OperationId>(id: Id, input: InputOf<Id>, options?: CallOptions): Promise<AnswerOf<Id>> {
    return this.send(id, input as Input, options) as Promise<AnswerOf<Id>>;
  }

  /** As `request`, for ids that only the running program knows. */
  async send(id: string, input: Input, options: CallOptions = {}): Promise<unknown> {
    const attempt = this.#prepare(id, input, options);
    if (attempt.operation.answer === "events") throw new TypeError(`${id} has no end: use client.events.stream`);
    const retries = options.retries ?? this.#options.retries ?? RETRIES;
    for (let number = 0; ; number++) {
      try {
        return await this.#attempt(attempt, (response) => readAnswer(attempt.operation, response));
      } catch (error) {
        const delayMs = retryDelayMs(error, number, retries, Math.random());
        if (delayMs === undefined) throw error;
        (options.onRetry ?? this.#options.onRetry)?.(error as EventFlowError, delayMs);
        await pause(delayMs, options.signal);
      }
    }
  }

  /** One attempt at an operation whose answer has no end. The timeout is for its beginning. */
  open(id: string, input: Input, options: CallOptions): Promise<Opened> {
    return this.#attempt(this.#prepare(id, input, options), async (response, facts) => {
      if (!response.body) throw new ConnectionError("network", "the answer has no body", facts);
      return { reader: response.body.getReader(), facts };
    });
  }

  #prepare(id: string, input: Input, options: CallOptions): Attempt {
    const operation = this.#platform.operations[id];
    if (!operation) throw new TypeError(`there is no operation ${id} here: look at the contract, or at the other entry point`);
    const path = operation.path.replace(/\{(\w+)\}/g, (_, name: string) => {
      const value = input.path?.[name];
      // Dots alone would lead to another path.
      if (typeof value !== "string" || /^\.*$/.test(value)) throw new TypeError(`${id}: ${name} is missing`);
      return encodeURIComponent(value);
    });
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(input.query ?? {})) {
      if (value !== undefined && value !== null) query.append(name, String(value));
    }
    const headers = new Headers(this.#platform.headers);
    for (const [name, value] of Object.entries({ ...this.#options.headers, ...options.headers })) headers.set(name, value);
    headers.set("authorization", `Bearer ${options.token ?? this.#options.key}`);
    if (operation.method !== "GET") headers.set("idempotency-key", options.idempotencyKey ?? randomHex(16));
    let body: BodyInit | undefined;
    if (operation.body) {
      headers.set("content-type", operation.body);
      // Written once: a repetition has to be the same to the byte.
      body = operation.body === "application/json" ? JSON.stringify(input.body ?? {}) : (input.body as BodyInit);
    }
    const url = `${this.#base}${path}${query.size ? `?${query}` : ""}`;
    return { id, operation, url, headers, body, options };
  }

  async #attempt<T>(attempt: Attempt, read: Read<T>): Promise<T> {
    const { signal, onResponse = this.#options.onResponse } = attempt.options;
    signal?.throwIfAborted();
    const facts: RequestFacts = {
      operation: attempt.id,
      requestId: `sdk_${randomHex(12)}`,
      idempotencyKey: attempt.headers.get("idempotency-key") ?? undefined,
    };
    const timeoutMs = attempt.options.timeoutMs ?? this.#options.timeoutMs ?? TIMEOUT_MS;
    const ours = new AbortController();
    const stop = (): void => ours.abort(signal?.reason);
    signal?.addEventListener("abort", stop, { once: true });
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      ours.abort();
    }, timeoutMs);
    try {
      const response = await this.#fetch(attempt, facts, ours.signal);
      facts.requestId = response.headers.get("x-request-id") ?? facts.requestId;
      onResponse?.(response, facts);
      if (!response.ok) throw await problemOf(response, facts);
      return await read(response, facts);
    } catch (error) {
      if (error instanceof EventFlowError) throw error;
      // The caller's wish to end is no failure of ours.
      if (signal?.aborted) throw signal.reason;
      if (late) throw new TimeoutError("timeout", `no answer within ${timeoutMs} ms`, facts, { cause: error });
      throw new ConnectionError("network", `no answer: ${reason(error)} at ${this.#base}`, facts, { cause: error });
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", stop);
    }
  }

  #fetch({ operation, url, headers, body }: Attempt, facts: RequestFacts, signal: AbortSignal): Promise<Response> {
    headers.set("x-request-id", facts.requestId);
    // A `fetch` of the runtime must not be called as a method of ours.
    const send = this.#options.fetch ?? globalThis.fetch;
    return send(url, {
      ...this.#platform.init,
      method: operation.method,
      headers,
      signal,
      // A redirect would turn a POST into a GET, or carry the credential elsewhere.
      redirect: "manual",
      ...(body === undefined ? {} : { body }),
    });
  }
}

async function readAnswer(operation: Operation, response: Response): Promise<unknown> {
  switch (operation.answer) {
    case "json":
    case "page":
      return response.json();
    case "bytes":
      return new Uint8Array(await response.arrayBuffer());
    case "text":
      return response.text();
    default:
      // Read to its end, so that the connection can be used again.
      await response.arrayBuffer();
      return undefined;
  }
}

async function problemOf(response: Response, facts: RequestFacts): Promise<EventFlowError> {
  const { status, headers } = response;
  if (response.type === "opaqueredirect" || (status >= 300 && status < 400 && status !== 304)) {
    const target = headers.get("location") ?? "another address";
    return apiError({ code: "redirected", detail: `baseUrl leads to ${target}: use that` }, status, 0, facts);
  }
  const text = await response.text();
  let problem: Partial<Problem> = {};
  try {
    problem = JSON.parse(text) as Partial<Problem>;
  } catch {
    // A page of a proxy: the status says enough.
  }
  return apiError(problem, status, retryAfterMs(headers, Date.now()), facts);
}

/** Node hides the reason of a failed `fetch` in its cause. */
function reason(error: unknown): string {
  const { message, cause } = error as { message?: string; cause?: { code?: string; message?: string } };
  return cause?.code ?? cause?.message ?? message ?? String(error);
}
