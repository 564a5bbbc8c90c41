/**
 * The ticket token: what the QR code of a ticket says, and whether we signed it. 36 bytes of facts and 64 of Ed25519, as
 * `EF1:` and Base45. Reading is strict, and names the same error as every other implementation.
 */

import { fromBase64, Reader } from "./bytes.ts";
import { TicketError } from "./errors.ts";
import type { TicketKey } from "./generated/contract.ts";

export { TicketError, type TicketErrorCode } from "./errors.ts";

const PREFIX = "EF1:";
const VERSION = 1;
/** Characters of Base45 after the prefix: three for every two of 100 bytes. */
const DIGITS = 150;
const FACTS_LEN = 36;
const BASE45 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";
const BASE32 = "0123456789abcdefghjkmnpqrstvwxyz";
/** Goes before the signed bytes. */
const DOMAIN = "EFTKT1\0\0";
/** 2020-01-01T00:00Z, where the minutes of tokens begin. */
const EPOCH_MS = 1_577_836_800_000;

/** Bits that a door should know; the high byte of the flags is the zone mask. */
const FLAGS = ["id_check", "accessible", "companion", "rotating", "test"] as const;
export type TicketFlag = (typeof FLAGS)[number];

/** What a token says. Only `verifyTicket` tells whether it is true. */
export interface TicketToken {
  /** The key in the ring. */
  kid: number;
  eventNo: number;
  /** As everywhere in the API: `tkt_…`. */
  ticketId: string;
  /** Counts re-issues; doors accept the newest only. */
  generation: number;
  typeNo: number;
  notBefore: Date;
  notAfter: Date;
  flags: TicketFlag[];
  /** One bit for each zone; 0 when the ticket is not restricted to zones. */
  zoneMask: number;
}

/** Reads the text of a QR code without asking who wrote it. Throws a `TicketError`. */
export function decodeTicket(text: string): TicketToken {
  return facts(decode(text));
}

/** The facts of a ticket that one of the keys signed. Needs no network. Throws a `TicketError`. */
export async function verifyTicket(text: string, keys: TicketKeys): Promise<TicketToken> {
  const bytes = decode(text);
  const token = facts(bytes);
  const message = new Uint8Array(DOMAIN.length + FACTS_LEN);
  message.set(new TextEncoder().encode(DOMAIN));
  message.set(bytes.subarray(0, FACTS_LEN), DOMAIN.length);
  if (await keys.verify(token.kid, bytes.subarray(FACTS_LEN), message)) return token;
  throw new TicketError("signature", "the signature of the code is not valid");
}

/** Whether a moment lies in the window of a ticket. The clock of a door may be wrong by `toleranceMs`. */
export function isValidAt(token: Pick<TicketToken, "notBefore" | "notAfter">, moment: Date, toleranceMs = 0): boolean {
  const time = moment.getTime();
  return time >= token.notBefore.getTime() - toleranceMs && time <= token.notAfter.getTime() + toleranceMs;
}

/** The public keys of a tenant by `kid`: `new TicketKeys(await client.ticketKeys.list().all())`. */
export class TicketKeys {
  readonly #keys: Map<number, Pick<TicketKey, "public_key" | "state">>;
  readonly #imported = new Map<number, Promise<CryptoKey>>();

  constructor(keys: Iterable<Pick<TicketKey, "kid" | "public_key" | "state">>) {
    this.#keys = new Map(Array.from(keys, (key) => [key.kid, key]));
  }

  /** Whether a key signed the message; throws a `TicketError` for a key that is unknown or revoked. */
  async verify(kid: number, signature: Uint8Array, message: Uint8Array): Promise<boolean> {
    const key = await this.#import(kid);
    return crypto.subtle.verify("Ed25519", key, signature as Uint8Array<ArrayBuffer>, message as Uint8Array<ArrayBuffer>);
  }

  #import(kid: number): Promise<CryptoKey> {
    const key = this.#keys.get(kid);
    if (!key) throw new TicketError("unknown_key", "the key of the code is not known: are the keys up to date?");
    if (key.state === "revoked") throw new TicketError("revoked_key", "the key of the code has been revoked");
    let imported = this.#imported.get(kid);
    if (!imported) {
      imported = crypto.subtle.importKey("raw", fromBase64(key.public_key), "Ed25519", false, ["verify"]);
      this.#imported.set(kid, imported);
    }
    return imported;
  }
}

function facts(bytes: Uint8Array): TicketToken {
  const reader = new Reader(bytes);
  const [version, kid] = reader.take(2) as unknown as [number, number];
  if (version !== VERSION) throw new TicketError("version", "the code is of an unknown version: update this program");
  const eventNo = reader.u32();
  const ticketId = `tkt_${base32(reader.take(16))}`;
  const [generation, typeNo] = [reader.u16(), reader.u16()];
  const minutes = (): Date => new Date(EPOCH_MS + reader.u32() * 60_000);
  const [notBefore, notAfter] = [minutes(), minutes()];
  const bits = reader.u16();
  const flags = FLAGS.filter((_, index) => bits & (1 << index));
  return { kid, eventNo, ticketId, generation, typeNo, notBefore, notAfter, flags, zoneMask: bits >> 8 };
}

/** The 100 bytes of a token. */
function decode(text: string): Uint8Array<ArrayBuffer> {
  if (typeof text !== "string" || !text.startsWith(PREFIX)) throw new TicketError("prefix", "the code does not begin with `EF1:`");
  const characters = [...text.slice(PREFIX.length)];
  if (characters.length !== DIGITS) throw new TicketError("length", "the code does not have the length of a ticket's");
  const values = characters.map((character) => BASE45.indexOf(character));
  if (values.includes(-1)) throw new TicketError("alphabet", "the code has a character that is not in the Base45 alphabet");
  const bytes = new Uint8Array((DIGITS / 3) * 2);
  for (let group = 0; group < DIGITS / 3; group++) {
    const [first, second, third] = values.slice(group * 3) as [number, number, number];
    const value = first + second * 45 + third * 45 * 45;
    if (value > 0xffff) throw new TicketError("not_canonical", "the code is not written as we write it");
    bytes.set([value >> 8, value & 0xff], group * 2);
  }
  return bytes;
}

/** 128 bits as the 26 letters of a TypeID. */
function base32(bytes: Uint8Array): string {
  let value = bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  let text = "";
  for (let letter = 0; letter < 26; letter++, value >>= 5n) text = BASE32.charAt(Number(value & 31n)) + text;
  return text;
}
