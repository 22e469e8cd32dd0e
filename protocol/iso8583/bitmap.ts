import { Iso8583CharacterInvalid, Iso8583Truncated } from "../errors.ts";
import type { Dialect } from "./dialect.ts";
import type { Cursor } from "./field-codec.ts";
import { hexadecimalFault, putHexadecimal } from "./field-content.ts";

const BYTES = 8;
/** Fields that one bitmap speaks of. */
export const BITMAP_FIELDS = 64;
const FIELDS_PER_WORD = 32;
const TOP_BIT = 0x80000000;

/** The bitmaps of one dialect's messages, ISO 8583-1:1987 4.3: bit 1 says that a second follows the first. */
export class Bitmaps {
  readonly #hexadecimal: boolean;
  /** Of either bitmap, reused: bytes on their way to or from hexadecimal. */
  readonly #bytes = new Uint8Array(BYTES);

  constructor({ bytes }: Pick<Dialect, "bytes">) {
    this.#hexadecimal = bytes === "hexadecimal";
  }

  /** Bytes of one bitmap on the wire. */
  get size(): number {
    return this.#hexadecimal ? BYTES * 2 : BYTES;
  }

  /**
   * Reads one bitmap into two of `words`, each for 32 fields, the first of them in its top bit.
   * @throws Iso8583Truncated | Iso8583CharacterInvalid
   */
  read(cursor: Cursor, words: Int32Array, word: number): void {
    const { bytes, at } = cursor;
    if (at + this.size > bytes.length) throw new Iso8583Truncated({ detail: `bitmap, offset ${bytes.length}` });
    if (this.#hexadecimal) {
      const fault = hexadecimalFault(bytes, at, this.#bytes);
      if (fault >= 0) throw new Iso8583CharacterInvalid({ detail: `bitmap, offset ${fault}` });
      words[word] = wordAt(this.#bytes, 0);
      words[word + 1] = wordAt(this.#bytes, 4);
    } else {
      words[word] = wordAt(bytes, at);
      words[word + 1] = wordAt(bytes, at + 4);
    }
    cursor.at = at + this.size;
  }

  /** Writes two of `words` as one bitmap. */
  write(words: Int32Array, word: number, out: Uint8Array, at: number): void {
    for (let i = 0; i < BYTES; i++) this.#bytes[i] = (words[word + (i >> 2)] ?? 0) >>> (24 - (i & 3) * 8);
    if (this.#hexadecimal) putHexadecimal(this.#bytes, out, at);
    else out.set(this.#bytes, at);
  }
}

/** Sets the bit of a field, 1 to 64 for each bitmap. */
export function setBit(words: Int32Array, field: number): void {
  const word = Math.trunc((field - 1) / FIELDS_PER_WORD);
  words[word] = (words[word] ?? 0) | (TOP_BIT >>> ((field - 1) % FIELDS_PER_WORD));
}

/** The first field of a word whose bit is set. @param word its place among the words @param bits not zero */
export const firstField = (word: number, bits: number): number => word * FIELDS_PER_WORD + Math.clz32(bits) + 1;
/** A word without its first set bit. */
export const withoutFirst = (bits: number): number => bits & ~(TOP_BIT >>> Math.clz32(bits));

/** The last field of all words whose bit is set; 0 where none is. */
export function lastField(words: Int32Array): number {
  for (let word = words.length - 1; word >= 0; word--) {
    const bits = words[word] ?? 0;
    // The lowest bit alone, and how far from the top it is.
    if (bits !== 0) return word * FIELDS_PER_WORD + Math.clz32(bits & -bits) + 1;
  }
  return 0;
}

const wordAt = (bytes: Uint8Array, at: number) =>
  ((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0);
