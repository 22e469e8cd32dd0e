import { compileDialect } from "@swipewire/protocol/iso8583/codec";
import type { FieldsOf } from "@swipewire/protocol/iso8583/dialect";
import { iso1987, iso1987Binary } from "@swipewire/protocol/iso8583/dialects/iso1987";
import { unionPay } from "@swipewire/protocol/iso8583/dialects/unionpay";
import { SensitiveBytes } from "@swipewire/protocol/sensitive-bytes";
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
    "nothing at all": ["", "iso8583_truncated", "TPDU, offset 0"],
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

t.test("refuses a broken message in characters with the field and the offset", async (t) => {
  const characters = compileDialect(iso1987);
  const raw = compileDialect(iso1987Binary);
  const cases: Record<string, [codec: typeof characters | typeof raw, text: string, code: string, detail: string]> = {
    "an MTI with a letter": [characters, "02A00000000000000000", "iso8583_digit_invalid", "MTI, offset 2"],
    "a bitmap that is not hexadecimal": [
      characters,
      "0200000000000000000G",
      "iso8583_character_invalid",
      "bitmap, offset 19",
    ],
    "half a second bitmap": [characters, "0200800000000000000000000000", "iso8583_truncated", "bitmap, offset 28"],
    "half a second bitmap of bytes": [raw, "0200\x80\0\0\0\0\0\0\0\0\0", "iso8583_truncated", "bitmap, offset 14"],
    "a length with a letter": [
      characters,
      "020040000000000000001X622424",
      "iso8583_digit_invalid",
      "field 2, offset 21",
    ],
    "a length beyond the field's longest": [
      characters,
      `0200400000000000000020${"6".repeat(20)}`,
      "iso8583_length_invalid",
      "field 2, offset 20",
    ],
    "a letter in a number": [characters, "02000020000000000000123A56", "iso8583_digit_invalid", "field 11, offset 23"],
    "an amount without C or D": [
      characters,
      "02000000001000000000012345678",
      "iso8583_character_invalid",
      "field 28, offset 20",
    ],
    "a special character among letters and digits": [
      characters,
      "020000000000020000000-",
      "iso8583_character_invalid",
      "field 39, offset 21",
    ],
    "a field of bytes that is not hexadecimal": [
      characters,
      "02000000000000001000001122334455667Z",
      "iso8583_character_invalid",
      "field 52, offset 35",
    ],
  };
  for (const [what, [codec, text, code, detail]] of Object.entries(cases)) {
    const wire = Uint8Array.from(text, (character) => character.charCodeAt(0));
    t.throws(() => codec.parse(wire), { code, message: new RegExp(`\\(${detail}\\)$`) }, what);
  }
});

t.test("reads hexadecimal in either case and writes it in upper case", async (t) => {
  const codec = compileDialect(iso1987);
  const lower = "02000000000000000001aabbccddeeff0011";
  const message = codec.parse(ascii(lower).use((bytes) => Uint8Array.from(bytes)));
  t.equal(hex(message.fields[64] ?? new Uint8Array()), "AABBCCDDEEFF0011");
  t.equal(new TextDecoder().decode(codec.build(message)), lower.toUpperCase());
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
