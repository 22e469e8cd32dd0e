import { type Codec, compileDialect } from "@swipewire/protocol/iso8583/codec";
import type { Dialect, FieldFormat, Message } from "@swipewire/protocol/iso8583/dialect";
import { iso1987, iso1987Binary } from "@swipewire/protocol/iso8583/dialects/iso1987";
import { unionPay } from "@swipewire/protocol/iso8583/dialects/unionpay";
import { SensitiveBytes } from "@swipewire/protocol/sensitive-bytes";
import fc from "fast-check";

/** Every dialect there is, as any dialect: what is true of one must be true of all. */
export const dialects: readonly Codec<Dialect>[] = [unionPay, iso1987, iso1987Binary].map((dialect: Dialect) =>
  compileDialect(dialect),
);

export const formatsOf = ({ fields }: Dialect): [number, FieldFormat][] =>
  Object.entries(fields).map(([number, format]) => [Number(number), format]);

const PRINTABLE = String.fromCharCode(...Array.from({ length: 0x5f }, (_, i) => 0x20 + i));
const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const ALPHABETS = {
  n: "0123456789",
  z: "0123456789=",
  an: `0123456789${LETTERS} `,
  ns: PRINTABLE.replaceAll(/[A-Za-z]/g, ""),
  ans: PRINTABLE,
};

const characters = (alphabet: string, minLength: number, maxLength: number) =>
  fc.string({ unit: fc.constantFrom(...alphabet), minLength, maxLength });

/** Any value that a field's format allows; where it is sensitive, as bytes that are not wrapped yet. */
export function anyValueOf(format: FieldFormat): fc.Arbitrary<string | Uint8Array> {
  const [min, max] = "max" in format ? [0, format.max] : [format.length, format.length];
  const value: fc.Arbitrary<string | Uint8Array> =
    format.content === "b"
      ? fc.uint8Array({ minLength: min, maxLength: max })
      : format.content === "x+n"
        ? fc.tuple(fc.constantFrom("C", "D"), characters(ALPHABETS.n, min - 1, max - 1)).map((parts) => parts.join(""))
        : characters(ALPHABETS[format.content], min, max);
  return format.sensitive ? value.map((v) => (typeof v === "string" ? new TextEncoder().encode(v) : v)) : value;
}

export interface Sample extends Message<Dialect> {
  readonly fields: Readonly<Record<number, string | Uint8Array>>;
}

/** Any message that a dialect allows, its sensitive values not wrapped yet. */
export function anyMessageOf(dialect: Dialect): fc.Arbitrary<Sample> {
  const { tpduDigits, headerDigits } = dialect;
  const { n } = ALPHABETS;
  return fc.record({
    tpdu: characters(n, tpduDigits, tpduDigits),
    header: characters(n, headerDigits, headerDigits),
    mti: characters(n, 4, 4),
    fields: fc.oneof(
      // Few fields, so that shrinking and short messages come often; any fields; those of one bitmap only.
      fc.subarray(formatsOf(dialect), { maxLength: 4 }).chain(record),
      record(formatsOf(dialect)),
      record(formatsOf(dialect).filter(([number]) => number <= 64)),
    ),
  });
}

const record = (formats: [number, FieldFormat][]): fc.Arbitrary<Sample["fields"]> =>
  fc.record<Record<string, string | Uint8Array>>(
    Object.fromEntries(formats.map(([number, format]) => [number, anyValueOf(format)])),
    { requiredKeys: [] },
  );

/** A message as the codec takes it. */
export function wrapped(dialect: Dialect, message: Sample): Message<Dialect> {
  const fields = Object.entries(message.fields).map(([number, value]) => [
    number,
    dialect.fields[Number(number)]?.sensitive && value instanceof Uint8Array ? SensitiveBytes.copyOf(value) : value,
  ]);
  return { ...message, fields: Object.fromEntries(fields) };
}

/** A parsed message with its sensitive values laid open. */
export function unwrapped(message: Message<Dialect>): Message<Dialect> {
  const fields = Object.entries<unknown>(message.fields).map(([number, value]) => [
    number,
    value instanceof SensitiveBytes ? value.use((lent) => Uint8Array.from(lent)) : value,
  ]);
  return { ...message, fields: Object.fromEntries(fields) };
}
