/**
 * The API over fetch. Every change carries an `Idempotency-Key` and is repeated with the same key until there is an answer,
 * so that a lost connection never holds or buys twice.
 */

import type { EventInfo, Page, Tier } from "./wire.js";

/** Repetitions of a request that found nobody or was asked to wait. */
const RETRIES = 4;
const BACKOFF_MS = 400;
/** A buyer waits no longer than this for one repetition, whatever `Retry-After` says. */
const WAIT_MAX_MS = 20_000;

/** Why a request failed: a Problem of the API, or `network` when nobody answered. */
export class Problem extends Error {
  constructor(
    readonly code: string,
    readonly status: number,
    detail: string,
    /** Labels of the seats at fault. */
    readonly objects: string[] = [],
    readonly retryAfterMs = 0,
  ) {
    super(detail);
  }
}

/** How long to wait before repetition number `attempt` (0, 1, …), or -1 to give up. */
export function retryDelay(problem: Problem, attempt: number, random: number): number {
  const passing =
    problem.code === "network" ||
    problem.code === "idempotency_in_flight" ||
    problem.status === 429 ||
    problem.status === 502 ||
    problem.status === 503 ||
    problem.status === 504;
  if (!passing || attempt >= RETRIES) return -1;
  // Jitter: many visitors who lost the server at once must not come back at once.
  const delay = BACKOFF_MS * 2 ** attempt * (0.5 + random);
  return Math.min(WAIT_MAX_MS, Math.max(delay, problem.retryAfterMs * (1 + random / 4)));
}

/** `Retry-After`: seconds or a date. */
export function retryAfterMs(header: string | null, now: number): number {
  if (!header) return 0;
  const seconds = Number(header);
  const ms = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(header) - now;
  return Number.isFinite(ms) ? Math.max(0, ms) : 0;
}

async function problemOf(response: Response): Promise<Problem> {
  const after = retryAfterMs(response.headers.get("retry-after"), Date.now());
  try {
    const body = (await response.json()) as { code?: string; detail?: string; objects?: string[] };
    const code = body.code ?? (response.status === 503 ? "unavailable" : "internal");
    return new Problem(code, response.status, body.detail ?? "", body.objects ?? [], after);
  } catch {
    return new Problem(response.status >= 500 ? "unavailable" : "internal", response.status, "", [], after);
  }
}

export const newKey = (): string =>
  // Without a secure context there is no randomUUID; getRandomValues is everywhere.
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

const sleep = (ms: number, signal?: AbortSignal): Promise<void> =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason as Error);
    });
  });

interface Options {
  method?: string;
  body?: unknown;
  /** Instead of the publishable key. */
  token?: string | undefined;
  idempotency?: string;
  signal?: AbortSignal;
  headers?: Record<string, string>;
  /** An answer that is on its way already. */
  early?: Promise<Response> | undefined;
}

export class Api {
  constructor(
    readonly base: string,
    readonly event: string,
    readonly key: string,
    /** Told before each wait: the user should know why nothing happens. */
    private readonly waiting: (problem: Problem) => void = () => {},
  ) {}

  /** One request without repetitions. Throws a [`Problem`] unless the answer is 2xx or 304. */
  async once(path: string, options: Options = {}): Promise<Response> {
    let response: Response;
    try {
      response = await (options.early ??
        fetch(`${this.base}/v1${path}`, {
          method: options.method ?? "GET",
          headers: {
            authorization: `Bearer ${options.token ?? this.key}`,
            ...(options.body === undefined ? {} : { "content-type": "application/json" }),
            ...(options.idempotency ? { "idempotency-key": options.idempotency } : {}),
            ...options.headers,
          },
          ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
          ...(options.signal ? { signal: options.signal } : {}),
          credentials: "omit",
          referrerPolicy: "origin",
        }));
    } catch (error) {
      if (options.signal?.aborted) throw error;
      throw new Problem("network", 0, String(error));
    }
    if (response.ok || response.status === 304) return response;
    throw await problemOf(response);
  }

  async request(path: string, options: Options = {}): Promise<Response> {
    for (let attempt = 0; ; attempt++) {
      try {
        return await this.once(path, options);
      } catch (error) {
        const delay = error instanceof Problem ? retryDelay(error, attempt, Math.random()) : -1;
        if (delay < 0) throw error;
        this.waiting(error as Problem);
        delete options.early;
        await sleep(delay, options.signal);
      }
    }
  }

  async json<T>(path: string, options?: Options): Promise<T> {
    const response = await this.request(path, options);
    return (await response.json()) as T;
  }

  getEvent(early?: Promise<Response>): Promise<EventInfo> {
    return this.json(`/events/${this.event}`, { early });
  }

  async tiers(early?: Promise<Response>): Promise<Tier[]> {
    const all: Tier[] = [];
    let path = `/events/${this.event}/price-tiers?limit=100`;
    for (let first = true; ; first = false) {
      const page: Page<Tier> = await this.json(path, first ? { early } : {});
      all.push(...page.data);
      if (!page.next_cursor) return all.filter((tier) => tier.active);
      path = `/events/${this.event}/price-tiers?limit=100&cursor=${encodeURIComponent(page.next_cursor)}`;
    }
  }

  async plan(early?: Promise<Response>): Promise<Uint8Array> {
    const response = await this.request(`/events/${this.event}/plan`, { early });
    return new Uint8Array(await response.arrayBuffer());
  }
}
