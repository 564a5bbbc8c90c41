/**
 * Webhooks: whether a message is from the platform. Standard Webhooks: `v1` is HMAC-SHA256 with a secret that both know,
 * `v1a` is Ed25519 with the platform's public key.
 */

import { fromBase64 } from "./bytes.ts";
import { WebhookError } from "./errors.ts";
import type { AnyWebhookEvent } from "./generated/webhook-events.ts";

export type { AnyWebhookEvent, WebhookEventOf } from "./generated/webhook-events.ts";
export { WebhookError } from "./errors.ts";

/** Older messages may be repetitions by somebody who overheard them. */
const TOLERANCE_SECS = 300;
const SECRET_PREFIX = "whsec_";
const PUBLIC_KEY_PREFIX = "whpk_";

/** A message that was verified. */
export interface WebhookMessage<T = AnyWebhookEvent> {
  /** The same for every delivery of this message: remember it to act once. */
  id: string;
  /** When it was sent, not when it happened. */
  sentAt: Date;
  payload: T;
}

/** `Headers`, or the headers of a Node request. */
export type WebhookHeaders = Headers | Record<string, string | string[] | undefined>;

export interface VerifyOptions {
  /** How far the clocks may differ, and how long a message may take. 300 unless given. */
  toleranceSecs?: number | undefined;
  /** Instead of this machine's clock. */
  now?: Date | undefined;
}

/**
 * Verifies a message and reads its payload. `body` is the body as it came: text or bytes, before any parser. `secret` is the
 * endpoint's `whsec_…`, its `whpk_…`, or several of them while they are exchanged. Throws a `WebhookError`. The payload is
 * typed by its `type`; a newer platform may send others.
 */
export async function verify<T = AnyWebhookEvent>(
  body: string | Uint8Array | ArrayBuffer,
  headers: WebhookHeaders,
  secret: string | readonly string[],
  options: VerifyOptions = {},
): Promise<WebhookMessage<T>> {
  const bytes = bodyBytes(body);
  const id = header(headers, "webhook-id");
  const timestamp = header(headers, "webhook-timestamp");
  const signatures = header(headers, "webhook-signature");
  const sentAt = checkTime(timestamp, options);
  const signed = joined(new TextEncoder().encode(`${id}.${timestamp}.`), bytes);
  const keys = await Promise.all([secret].flat().map(importKey));
  if (!(await anyMatches(signatures, keys, signed))) {
    throw new WebhookError(
      "signature",
      "no signature of this message is valid: compare the secret with that of the endpoint, and pass the body as it came",
    );
  }
  try {
    return { id, sentAt, payload: JSON.parse(new TextDecoder().decode(bytes)) as T };
  } catch (cause) {
    throw new WebhookError("not_json", "the message is signed, but its body is not JSON", { cause });
  }
}

/** A key and the kind of signature that it verifies. */
interface Key {
  version: "v1" | "v1a";
  key: CryptoKey;
}

async function importKey(secret: string): Promise<Key> {
  try {
    if (secret.startsWith(PUBLIC_KEY_PREFIX)) {
      const bytes = fromBase64(secret.slice(PUBLIC_KEY_PREFIX.length));
      return { version: "v1a", key: await crypto.subtle.importKey("raw", bytes, "Ed25519", false, ["verify"]) };
    }
    const bytes = fromBase64(secret.replace(SECRET_PREFIX, ""));
    const hmac = { name: "HMAC", hash: "SHA-256" };
    return { version: "v1", key: await crypto.subtle.importKey("raw", bytes, hmac, false, ["verify"]) };
  } catch (cause) {
    // The secret itself stays out of the text.
    throw new WebhookError("secret_malformed", "expected `whsec_` or `whpk_` and Base64, as the endpoint shows it", { cause });
  }
}

/** Any signature under any key: both change while keys are exchanged. */
async function anyMatches(signatures: string, keys: Key[], signed: Uint8Array<ArrayBuffer>): Promise<boolean> {
  for (const entry of signatures.split(" ")) {
    const [version, text = ""] = entry.split(",", 2);
    for (const { key } of keys.filter((candidate) => candidate.version === version)) {
      const signature = signatureBytes(text);
      // Compares in constant time.
      if (signature && (await crypto.subtle.verify(key.algorithm.name, key, signature, signed))) return true;
    }
  }
  return false;
}

function signatureBytes(text: string): Uint8Array<ArrayBuffer> | undefined {
  try {
    return fromBase64(text);
  } catch {
    return undefined;
  }
}

function checkTime(timestamp: string, { toleranceSecs = TOLERANCE_SECS, now = new Date() }: VerifyOptions): Date {
  const seconds = /^\d{1,12}$/.test(timestamp) ? Number(timestamp) : Number.NaN;
  const age = Math.floor(now.getTime() / 1000) - seconds;
  if (Math.abs(age) <= toleranceSecs) return new Date(seconds * 1000);
  const [code, relation] = age < 0 ? (["too_new", "ahead of"] as const) : (["too_old", "behind"] as const);
  const difference = Number.isNaN(age) ? "is no time" : `is ${Math.abs(age)} s ${relation} this machine's clock`;
  throw new WebhookError(code, `the message's time ${difference}: is the clock right, is the message a repetition?`);
}

function bodyBytes(body: string | Uint8Array | ArrayBuffer): Uint8Array {
  if (typeof body === "string") return new TextEncoder().encode(body);
  if (body instanceof ArrayBuffer) return new Uint8Array(body);
  if (ArrayBuffer.isView(body)) return body;
  throw new WebhookError("body_parsed", "pass the body as it came, as text or bytes: a parsed one has lost what was signed");
}

function header(headers: WebhookHeaders, name: string): string {
  const value = headers instanceof Headers ? headers.get(name) : named(headers, name);
  const text = Array.isArray(value) ? value.join(" ") : value;
  if (!text) throw new WebhookError("header_missing", `the message has no ${name}: it is no webhook of the platform`);
  return text;
}

function named(headers: Record<string, string | string[] | undefined>, name: string): string | string[] | undefined {
  return headers[name] ?? Object.entries(headers).find(([key]) => key.toLowerCase() === name)?.[1];
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array<ArrayBuffer> {
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}
