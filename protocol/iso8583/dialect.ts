import type { SensitiveBytes } from "../sensitive-bytes.ts";

/**
 * What a field is made of, in the letters of ISO 8583-1:1987 4.4: `n` digits, `z` track 2 and 3 characters, `an` letters
 * and digits, `ns` digits and special characters, `ans` all of them, each with the space that fills a field up; `x+n` C or
 * D before digits; `b` bytes, among them text in a character set of the acquirer's own.
 */
export type FieldContent = "n" | "z" | "an" | "ns" | "ans" | "x+n" | "b";

/**
 * What must not be seen in a field, and so how it may be masked: in `slips` the card numbers of a batch upload. `other` is
 * what no mask is known for, among it whatever two parties agreed to put into a private field.
 */
export type SensitiveContent = "pan" | "track-2" | "track-3" | "slips" | "other";

interface FieldBase {
  /** For people. */
  readonly name: string;
  readonly content: FieldContent;
  /** Where an odd count of packed digits stands in its bytes; the pad is a zero nibble. Left unless said otherwise. */
  readonly justify?: "left" | "right";
  /** Carried as {@link SensitiveBytes}: `n` and `z` as the ASCII characters of the track alphabet, so a packed D is `=`. */
  readonly sensitive?: SensitiveContent;
}

/** Lengths count digits or characters (the sign of `x+n` too), and bytes of `b`. */
export interface FixedField extends FieldBase {
  readonly length: number;
}

/** LLVAR or LLLVAR: the length goes before it, written as digits are. */
export interface VariableField extends FieldBase {
  readonly max: number;
  readonly lengthDigits: 2 | 3;
}

/** How a field is laid out. */
export type FieldFormat = FixedField | VariableField;

/**
 * Everything in which one bank's messages differ from another's, as data. The last field of the last bitmap that a
 * message has, 64 or 128, is its MAC (ISO 8583-1:1987 4.4), a fixed-length `b` field.
 */
export interface Dialect {
  readonly name: string;
  /** How digits are written, those of the MTI and of lengths too: two to a byte, or in ASCII. */
  readonly digits: "packed" | "characters";
  /** How the bitmaps and `b` fields are written: as they are, or each byte as two hexadecimal characters. */
  readonly bytes: "raw" | "hexadecimal";
  /** At most; the second is there when bit 1 says so. */
  readonly bitmaps: 1 | 2;
  /** Digits of the transport address before the message. */
  readonly tpduDigits: number;
  /** Digits of the application header after it. */
  readonly headerDigits: number;
  /** By number, 2 to 64 or to 128; a bit of any other is refused. */
  readonly fields: Readonly<Record<number, FieldFormat>>;
}

/** What a field holds. */
export type Value = string | Uint8Array | SensitiveBytes;

type FieldValue<F> = FieldFormat extends F
  ? Value
  : F extends { sensitive: SensitiveContent }
    ? SensitiveBytes
    : F extends { content: "b" }
      ? Uint8Array
      : string;

/** The fields of a dialect's messages by number, each as its format says: text, bytes or {@link SensitiveBytes}. */
export type FieldsOf<D extends Dialect> = { readonly [N in keyof D["fields"]]?: FieldValue<D["fields"][N]> };

/** One message, taken apart. */
export interface Message<D extends Dialect> {
  /** Digits. */
  readonly tpdu: string;
  /** Digits. */
  readonly header: string;
  /** Message type indicator, four digits. */
  readonly mti: string;
  readonly fields: FieldsOf<D>;
}
