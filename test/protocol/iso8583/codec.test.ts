import { SwipewireError } from "@swipewire/protocol/failure";
import { compileDialect } from "@swipewire/protocol/iso8583/codec";
import type { FieldFormat, FieldsOf } from "@swipewire/protocol/iso8583/dialect";
import { unionPay } from "@swipewire/protocol/iso8583/dialects/unionpay";
import { SensitiveBytes } from "@swipewire/protocol/sensitive-bytes";
import fc from "fast-check";
import t from "tap";

const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex.replaceAll(" ", ""), "hex"));
const hex = (value: Uint8Array) => Buffer.from(value).toString("hex").toUpperCase();
const ascii = (text: string) => SensitiveBytes.copyOf(new TextEncoder().encode(text));
type Fields = FieldsOf<typeof unionPay>;
const codec = compileDialect(unionPay);
const start = { tpdu: "6000030000", header: "603100310100", mti: "0200" };
const PREFIX = "6000030000 603100310100 0200";

t.test("packs odd counts of digits on the side the dialect says", async (t) => {
  const fields = { 22: "021", 23: "001", 35: ascii("123=456"), 60: "22000001000" };
  const wire = codec.build({ ...start, fields });
  t.equal(hex(wire.subarray(13)), hex(bytes("0000060020000010 0210 0001 07123D4560 0011220000010000")));
  t.equal(hex(codec.build(codec.parse(wire))), hex(wire));
});

t.test("refuses a broken message with the field and the offset, and none of its content", async (t) => {
  const cases: Record<string, [wire: string, code: string, detail: string]> = {
    "nothing at all": ["", "iso8583_truncated", "bitmap, offset 0"],
    "half a bitmap": [`${PREFIX} 20000000`, "iso8583_truncated", "bitmap, offset 17"],
    "a TPDU that is not digits": [
      "6A00030000 603100310100 0200 0000000000000000",
      "iso8583_digit_invalid",
      "TPDU, offset 0",
    ],
    "an MTI that is not digits": [
      "6000030000 603100310100 02F0 0000000000000000",
      "iso8583_digit_invalid",
      "MTI, offset 11",
    ],
    "a second bitmap": [`${PREFIX} 8000000000000000 0000000000000000`, "iso8583_field_unknown", "field 1"],
    "a field the dialect lacks": [`${PREFIX} 0000010000000000 00`, "iso8583_field_unknown", "field 24"],
    "a fixed field cut short": [`${PREFIX} 1000000000000000 0000000011`, "iso8583_truncated", "field 4, offset 21"],
    "a length without its field": [`${PREFIX} 0000000000000010`, "iso8583_truncated", "field 60, offset 21"],
    "half a length": [`${PREFIX} 0000000000000010 00`, "iso8583_truncated", "field 60, offset 21"],
    "a variable field cut short": [`${PREFIX} 0000000020000000 37 622424`, "iso8583_truncated", "field 35, offset 22"],
    "a length beyond the field's longest": [
      `${PREFIX} 0000000020000000 38 ${"62".repeat(19)}`,
      "iso8583_length_invalid",
      "field 35, offset 21",
    ],
    "a length that is not digits": [
      `${PREFIX} 0000000020000000 3A ${"62".repeat(19)}`,
      "iso8583_digit_invalid",
      "field 35, offset 21",
    ],
    "a letter among digits": [`${PREFIX} 2000000000000000 00A000`, "iso8583_digit_invalid", "field 3, offset 21"],
    "a separator among digits": [`${PREFIX} 2000000000000000 00D000`, "iso8583_digit_invalid", "field 3, offset 21"],
    "a track with another letter than D": [
      `${PREFIX} 0000000020000000 04 62F4`,
      "iso8583_digit_invalid",
      "field 35, offset 22",
    ],
    "a pad that is not zero, on the right": [
      `${PREFIX} 0000000020000000 03 624F`,
      "iso8583_padding_invalid",
      "field 35, offset 22",
    ],
    "a pad that is not zero, on the left": [
      `${PREFIX} 0000020000000000 1001`,
      "iso8583_padding_invalid",
      "field 23, offset 21",
    ],
    "a control character in text": [
      `${PREFIX} 0000000002000000 300A`,
      "iso8583_character_invalid",
      "field 39, offset 22",
    ],
    "bytes after the last field": [
      `${PREFIX} 2000000000000000 000000 6224`,
      "iso8583_trailing_bytes",
      "2 from offset 24",
    ],
  };
  for (const [what, [wire, code, detail]] of Object.entries(cases)) {
    t.throws(() => codec.parse(bytes(wire)), { code, message: new RegExp(`\\(${detail}\\)$`) }, what);
  }
});

t.test("refuses to build what the dialect does not allow", async (t) => {
  const cases: Record<string, [fields: Fields, code: string]> = {
    "a fixed field too short": [{ 11: "12345" }, "iso8583_length_invalid"],
    "a fixed field too long": [{ 41: "123456789" }, "iso8583_length_invalid"],
    "a variable field too long": [{ 35: ascii("1".repeat(38)) }, "iso8583_length_invalid"],
    "a sign among digits": [{ 4: "00000000-100" }, "iso8583_digit_invalid"],
    "a character outside a byte": [{ 41: "1234567\u{130}" }, "iso8583_character_invalid"],
    "a sentinel in a track": [{ 35: ascii(";6224=29") }, "iso8583_digit_invalid"],
    "wiped bytes": [{ 35: wiped() }, "sensitive_bytes_wiped"],
  };
  for (const [what, [fields, code]] of Object.entries(cases)) {
    t.throws(() => codec.build({ ...start, fields }), { code }, what);
  }
  t.throws(() => codec.build({ ...start, mti: "200", fields: {} }), { code: "iso8583_length_invalid" });
  t.throws(() => codec.build({ ...start, tpdu: "60000300zz", fields: {} }), { code: "iso8583_digit_invalid" });

  function wiped() {
    const track = ascii("6224=29");
    track.wipe();
    return track;
  }
});

const characters = (alphabet: string, minLength: number, maxLength: number) =>
  fc.string({ unit: fc.constantFrom(...alphabet), minLength, maxLength });

/** Any value that a field's format allows. */
function anyValueOf(format: FieldFormat): fc.Arbitrary<string | Uint8Array> {
  const [min, max] = "max" in format ? [0, format.max] : [format.length, format.length];
  const printable = String.fromCharCode(...Array.from({ length: 0x5f }, (_, i) => 0x20 + i));
  const value =
    format.content === "b"
      ? fc.uint8Array({ minLength: min, maxLength: max })
      : characters({ n: "0123456789", z: "0123456789=", ans: printable }[format.content], min, max);
  return format.sensitive ? value.map((v) => (typeof v === "string" ? new TextEncoder().encode(v) : v)) : value;
}

const formats: Readonly<Record<number, FieldFormat>> = unionPay.fields;
const anyFields = fc.record(
  Object.fromEntries(Object.entries(formats).map(([number, format]) => [number, anyValueOf(format)])),
  { requiredKeys: [] },
);

t.test("whatever fields a message has, it parses to what it was built from", async (t) => {
  fc.assert(
    fc.property(anyFields, (values) => {
      const fields = Object.fromEntries(
        Object.entries(values).map(([number, value]) => {
          const { sensitive } = formats[Number(number)] ?? {};
          return [number, sensitive && value instanceof Uint8Array ? SensitiveBytes.copyOf(value) : value];
        }),
      );
      const wire = codec.build({ ...start, fields: fields as Fields });
      const parsed = codec.parse(wire);
      const back = Object.fromEntries(
        Object.entries<unknown>(parsed.fields).map(([number, value]) => [
          number,
          value instanceof SensitiveBytes ? value.use((lent) => Uint8Array.from(lent)) : value,
        ]),
      );
      t.strictSame({ ...parsed, fields: back }, { ...start, fields: { ...values } });
      t.equal(hex(codec.build(parsed)), hex(wire));
    }),
    { numRuns: 50 },
  );
});

t.test("whatever bytes come, parsing gives a message that builds to them, or a typed failure", async () => {
  const wires = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.tuple(fc.uint8Array({ minLength: 8, maxLength: 8 }), fc.uint8Array({ maxLength: 100 })).map(([bitmap, rest]) =>
      // Few bits, so that some get through.
      Uint8Array.from([...bytes(PREFIX), ...bitmap.map((byte, i) => (i % 3 === 0 ? byte & 0x24 : 0)), ...rest]),
    ),
  );
  fc.assert(
    fc.property(wires, (wire) => {
      try {
        return hex(codec.build(codec.parse(wire))) === hex(wire);
      } catch (error) {
        return error instanceof SwipewireError && error.code.startsWith("iso8583_");
      }
    }),
    { numRuns: 2000 },
  );
});
