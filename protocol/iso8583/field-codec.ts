import { Iso8583DigitInvalid, Iso8583LengthInvalid, Iso8583Truncated } from "../errors.ts";
import type { Failure, FailureClass } from "../failure.ts";
import { SensitiveBytes } from "../sensitive-bytes.ts";
import type { Dialect, FieldFormat, Value } from "./dialect.ts";
import { type ContentCodec, contentCodec, NOT_DIGITS, PACKED_NUMBERS } from "./field-content.ts";

/** A place in a message, in bytes from its start. */
export interface Cursor {
  readonly bytes: Uint8Array;
  at: number;
}

const ZERO = 0x30;

/** One field of a dialect, compiled. Its failures name it and the offset, never what it holds. */
export class FieldCodec {
  readonly #name: string;
  readonly #content: ContentCodec;
  readonly #longest: number;
  /** Bytes of the longest value. */
  readonly #size: number;
  /** 0 where the length is fixed. */
  readonly #lengthDigits: number;
  readonly #packedLength: boolean;
  /** Bytes that the length takes. */
  readonly #prefix: number;
  /** The value, or undefined where the bytes are not what they should be. */
  readonly #take: (bytes: Uint8Array, at: number, count: number) => Value | undefined;

  /** @param name how errors call the field */
  constructor(name: string, format: FieldFormat, dialect: Dialect) {
    this.#name = name;
    this.#content = contentCodec(format, dialect);
    this.#longest = "max" in format ? format.max : format.length;
    this.#size = this.#content.size(this.#longest);
    this.#lengthDigits = "max" in format ? format.lengthDigits : 0;
    this.#packedLength = dialect.digits === "packed";
    this.#prefix = this.#packedLength ? (this.#lengthDigits + 1) >> 1 : this.#lengthDigits;
    this.#take = takerOf(format, this.#content);
  }

  /** Bytes the value takes, its length before it included. @throws Iso8583LengthInvalid */
  measure({ length }: Value): number {
    if (this.#lengthDigits === 0) {
      if (length === this.#longest) return this.#size;
    } else if (length <= this.#longest) {
      return this.#prefix + this.#content.size(length);
    }
    throw new Iso8583LengthInvalid({
      detail: `${this.#name}, ${length} of ${this.#lengthDigits === 0 ? "" : "at most "}${this.#longest}`,
    });
  }

  /**
   * Writes a value that {@link measure} took where `out` holds zeros.
   * @returns the offset after it
   * @throws Iso8583DigitInvalid | Iso8583CharacterInvalid | SensitiveBytesWiped
   */
  write(value: Value, out: Uint8Array, at: number): number {
    const { length } = value;
    if (this.#lengthDigits > 0) this.#writeLength(length, out, at);
    const start = at + this.#prefix;
    const taken =
      value instanceof SensitiveBytes
        ? value.use((bytes) => this.#content.put(bytes, out, start))
        : this.#content.put(value, out, start);
    if (!taken) throw this.#failure(this.#content.refused, start);
    return start + (this.#lengthDigits === 0 ? this.#size : this.#content.size(length));
  }

  /**
   * Reads a value and goes on behind it.
   * @throws Iso8583Truncated | Iso8583LengthInvalid | Iso8583DigitInvalid | Iso8583PaddingInvalid | Iso8583CharacterInvalid
   */
  read(cursor: Cursor): Value {
    return this.#lengthDigits === 0
      ? this.#readContent(cursor, cursor.at, this.#longest, this.#size)
      : this.#readVariable(cursor);
  }

  #readVariable(cursor: Cursor): Value {
    const { bytes, at } = cursor;
    const count = this.#readLength(bytes, at);
    return this.#readContent(cursor, at + this.#prefix, count, this.#content.size(count));
  }

  #readContent(cursor: Cursor, start: number, count: number, size: number): Value {
    const { bytes } = cursor;
    const end = start + size;
    if (end > bytes.length) throw this.#failure(Iso8583Truncated, start);
    cursor.at = end;
    return this.#take(bytes, start, count) ?? this.#refuse(bytes, start, count);
  }

  #refuse(bytes: Uint8Array, start: number, count: number): never {
    const { Kind, at } = this.#content.fault(bytes, start, count);
    throw this.#failure(Kind, at);
  }

  #writeLength(length: number, out: Uint8Array, at: number): void {
    let rest = length;
    for (let i = at + this.#prefix - 1; i >= at; i--) {
      out[i] = this.#packedLength ? (Math.trunc((rest % 100) / 10) << 4) | (rest % 10) : ZERO + (rest % 10);
      rest = Math.trunc(rest / (this.#packedLength ? 100 : 10));
    }
  }

  #readLength(bytes: Uint8Array, at: number): number {
    const end = at + this.#prefix;
    if (end > bytes.length) throw this.#failure(Iso8583Truncated, at);
    let length = 0;
    for (let i = at; i < end; i++) {
      const byte = bytes[i] ?? 0;
      const number = this.#packedLength ? (PACKED_NUMBERS[byte] ?? NOT_DIGITS) : byte - ZERO;
      if (number < 0 || number > (this.#packedLength ? 99 : 9)) throw this.#failure(Iso8583DigitInvalid, i);
      length = length * (this.#packedLength ? 100 : 10) + number;
    }
    if (length > this.#longest) throw this.#failure(Iso8583LengthInvalid, at);
    return length;
  }

  #failure(Kind: FailureClass<string>, at: number): Failure<string> {
    return new Kind({ detail: `${this.#name}, offset ${at}` });
  }
}

/** What reads a field's value; undefined where the bytes are not what they should be. */
function takerOf({ sensitive, content: kind }: FieldFormat, content: ContentCodec) {
  const { text, copy } = content;
  if (!sensitive && kind !== "b") return text;
  return (bytes: Uint8Array, at: number, count: number): Value | undefined => {
    const into = new Uint8Array(count);
    if (copy(bytes, at, into)) return sensitive ? new SensitiveBytes(into) : into;
    into.fill(0);
    return undefined;
  };
}
