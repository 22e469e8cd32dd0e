import {
  Iso8583CharacterInvalid,
  Iso8583DigitInvalid,
  Iso8583LengthInvalid,
  Iso8583PaddingInvalid,
  Iso8583Truncated,
} from "../errors.ts";
import type { Failure, FailureClass } from "../failure.ts";
import { SensitiveBytes } from "../sensitive-bytes.ts";
import type { FieldFormat } from "./dialect.ts";
import { isDigit, isTrackCharacter, type Justify, packDigits, packedLength, unpackDigits } from "./packed-digits.ts";

export type Value = string | Uint8Array | SensitiveBytes;

/** One field of a dialect, compiled. Offsets are bytes from the start of the message. */
export interface FieldCodec {
  /** Bytes the value takes, its length before it included. @throws Iso8583LengthInvalid */
  measure(value: Value): number;
  /** Writes where `out` holds zeros. @throws Iso8583DigitInvalid | Iso8583CharacterInvalid */
  write(value: Value, out: Uint8Array, at: number): void;
  /** @throws Iso8583Truncated | Iso8583LengthInvalid | Iso8583DigitInvalid | Iso8583PaddingInvalid | Iso8583CharacterInvalid */
  read(bytes: Uint8Array, at: number): { readonly value: Value; readonly end: number };
}

const isPrintable = (byte: number) => byte >= 0x20 && byte <= 0x7e;

/** @param name how errors call the field */
export function compileField(name: string, format: FieldFormat): FieldCodec {
  const { content } = format;
  const packed = content === "n" || content === "z";
  const allowed = content === "z" ? isTrackCharacter : isDigit;
  const justify: Justify = format.justify ?? "left";
  const variable = "max" in format ? format : undefined;
  const longest = "max" in format ? format.max : format.length;
  const prefix = variable ? packedLength(variable.lengthDigits) : 0;

  const fault = (Kind: FailureClass<string>, at: number): Failure<string> =>
    new Kind({ detail: `${name}, offset ${at}` });

  const bytesFor = (count: number) => (packed ? packedLength(count) : count);
  const lengthFits = (count: number) => (variable ? count <= longest : count === longest);

  function writeCharacters(characters: string | Uint8Array, out: Uint8Array, at: number): void {
    if (variable) {
      packDigits(String(characters.length).padStart(prefix * 2, "0"), out, at, "left", isDigit);
    }
    const start = at + prefix;
    if (packed) {
      if (!packDigits(characters, out, start, justify, allowed)) throw fault(Iso8583DigitInvalid, start);
      return;
    }
    for (let i = 0; i < characters.length; i++) {
      const byte = typeof characters === "string" ? characters.charCodeAt(i) : (characters[i] ?? 0);
      if (content === "ans" && !isPrintable(byte)) throw fault(Iso8583CharacterInvalid, start + i);
      out[start + i] = byte;
    }
  }

  function readLength(bytes: Uint8Array, at: number): number {
    if (!variable) return longest;
    if (at + prefix > bytes.length) throw fault(Iso8583Truncated, at);
    let length = 0;
    for (let i = at; i < at + prefix; i++) {
      const byte = bytes[i] ?? 0;
      if (byte >> 4 > 9 || (byte & 0xf) > 9) throw fault(Iso8583DigitInvalid, i);
      length = length * 100 + (byte >> 4) * 10 + (byte & 0xf);
    }
    if (length > longest) throw fault(Iso8583LengthInvalid, at);
    return length;
  }

  function readCharacters(bytes: Uint8Array, at: number, into: Uint8Array): Failure<string> | undefined {
    if (packed) {
      const wrong = unpackDigits(bytes, at, justify, allowed, into);
      return wrong && fault(wrong === "digit" ? Iso8583DigitInvalid : Iso8583PaddingInvalid, at);
    }
    into.set(bytes.subarray(at, at + into.length));
    const odd = content === "ans" ? into.findIndex((byte) => !isPrintable(byte)) : -1;
    return odd < 0 ? undefined : fault(Iso8583CharacterInvalid, at + odd);
  }

  return {
    measure(value) {
      if (!lengthFits(value.length)) {
        throw new Iso8583LengthInvalid({
          detail: `${name}, ${value.length} of ${variable ? "at most " : ""}${longest}`,
        });
      }
      return prefix + bytesFor(value.length);
    },

    write(value, out, at) {
      if (value instanceof SensitiveBytes) value.use((bytes) => writeCharacters(bytes, out, at));
      else writeCharacters(value, out, at);
    },

    read(bytes, at) {
      const count = readLength(bytes, at);
      const start = at + prefix;
      const end = start + bytesFor(count);
      if (end > bytes.length) throw fault(Iso8583Truncated, start);
      const characters = new Uint8Array(count);
      const wrong = readCharacters(bytes, start, characters);
      if (wrong) {
        characters.fill(0);
        throw wrong;
      }
      if (format.sensitive) return { value: new SensitiveBytes(characters), end };
      return { value: content === "b" ? characters : String.fromCharCode(...characters), end };
    },
  };
}
