import type { SensitiveBytes } from "../sensitive-bytes.ts";

/**
 * What a field is made of, in the letters of ISO 8583:
 * `n` digits and `z` track digits, both packed two to a byte; `ans` printable ASCII; `b` bytes, among them text in a
 * character set of the acquirer's own.
 */
export type FieldContent = "n" | "z" | "ans" | "b";

interface FieldBase {
  /** For people. */
  readonly name: string;
  readonly content: FieldContent;
  /** Where an odd count of digits stands in its bytes; the pad is a zero nibble. Left unless said otherwise. */
  readonly justify?: "left" | "right";
  /** Carried as {@link SensitiveBytes}: `n` and `z` as the ASCII characters of the track alphabet, so D is `=`. */
  readonly sensitive?: true;
}

/** Lengths count digits or characters of `n`, `z` and `ans`, and bytes of `b`. */
export interface FixedField extends FieldBase {
  readonly length: number;
}

/** LLVAR or LLLVAR: the length goes before it, packed like `n`. */
export interface VariableField extends FieldBase {
  readonly max: number;
  readonly lengthDigits: 2 | 3;
}

export type FieldFormat = FixedField | VariableField;

/** Everything in which one bank's messages differ from another's, as data. */
export interface Dialect {
  readonly name: string;
  /** Digits of the transport address before the message, packed. */
  readonly tpduDigits: number;
  /** Digits of the application header after it, packed. */
  readonly headerDigits: number;
  /** By number, 2 to 64; a bit of any other is refused. */
  readonly fields: Readonly<Record<number, FieldFormat>>;
  /** The fixed-length `b` field that authenticates all before it, from the MTI on; nothing comes after it. */
  readonly macField: number;
}

type FieldValue<F> = F extends { sensitive: true } ? SensitiveBytes : F extends { content: "b" } ? Uint8Array : string;

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
