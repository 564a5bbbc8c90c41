/** Bytes and texts. */

/** The bytes of a Base64 text; throws when it is none. */
export function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

/** Reads big-endian numbers and LEB128 from the front of bytes. */
export class Reader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  take(length: number): Uint8Array {
    if (length > this.left) throw new RangeError("the bytes end too early");
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  text(length: number): string {
    return String.fromCharCode(...this.take(length));
  }

  u16(): number {
    return this.#view.getUint16(this.#skip(2));
  }

  u32(): number {
    return this.#view.getUint32(this.#skip(4));
  }

  /** A revision: the platform keeps them below 2^53. */
  u64(): number {
    const value = this.#view.getBigUint64(this.#skip(8));
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new RangeError("a number is too large");
    return Number(value);
  }

  /** A LEB128 number of 32 bits, in the one way to write it. */
  leb128(): number {
    let value = 0;
    for (let shift = 0; shift <= 28; shift += 7) {
      const byte = this.take(1)[0] as number;
      if (shift === 28 && byte > 0x0f) break;
      // Not `<<`: it would make the top bit a sign.
      value += (byte & 0x7f) * 2 ** shift;
      if (byte >= 0x80) continue;
      if (byte === 0 && shift > 0) break;
      return value;
    }
    throw new RangeError("a number is too large, or longer than it needs");
  }

  #skip(length: number): number {
    this.take(length);
    return this.#at - length;
  }
}
