import { compileDialect } from "@swipewire/protocol/iso8583/codec";
import type { Dialect } from "@swipewire/protocol/iso8583/dialect";
import { iso1987, iso1987Binary } from "@swipewire/protocol/iso8583/dialects/iso1987";
import { FrameReader, frame } from "@swipewire/protocol/iso8583/framing";
import { SensitiveBytes } from "@swipewire/protocol/sensitive-bytes";
import fc from "fast-check";
import t from "tap";
import { Iso8583 } from "../../bench/peers.ts";
import vectors from "../../fixtures/unionpay-8583.json" with { type: "json" };
import { anyMessageOf, dialects, formatsOf, unwrapped, wrapped } from "./dialect-samples.ts";

const hex = (value: Uint8Array) => Buffer.from(value).toString("hex").toUpperCase();

for (const codec of dialects) {
  const { dialect } = codec;

  t.test(`${dialect.name}: whatever fields a message has, it parses to what it was built from`, async (t) => {
    fc.assert(
      fc.property(anyMessageOf(dialect), (message) => {
        const wire = codec.build(wrapped(dialect, message));
        const parsed = codec.parse(wire);
        t.strictSame(unwrapped(parsed), { ...message, fields: { ...message.fields } });
        t.equal(hex(codec.build(parsed)), hex(wire));
      }),
      { numRuns: 60 },
    );
  });

  t.test(
    `${dialect.name}: the last field of the last bitmap is the MAC of all before it, from the MTI on`,
    async (t) => {
      const start = { tpdu: "0".repeat(dialect.tpduDigits), header: "0".repeat(dialect.headerDigits), mti: "0200" };
      const covered: Uint8Array[] = [];
      const mac = (bytes: Uint8Array) => {
        covered.push(Uint8Array.from(bytes));
        return new TextEncoder().encode("8D2C0E1A");
      };
      for (const [fields, number] of [
        [{ 11: "000001" }, 64],
        ...(dialect.bitmaps === 2 ? ([[{ 11: "000001", 70: "301" }, 128]] as const) : []),
      ] as const) {
        const wire = codec.build({ ...start, fields: { ...fields, 64: new Uint8Array(8) } }, mac);
        const parsed = codec.parse(wire);
        t.same(
          Object.keys(parsed.fields),
          [...Object.keys(fields), String(number)],
          "a MAC in the message is left out",
        );
        t.equal(parsed.fields[number]?.toString(), new TextEncoder().encode("8D2C0E1A").toString());
        t.equal(hex(codec.macCovered(wire)), hex(covered.at(-1) ?? wire));
        t.equal(hex(codec.build(parsed)), hex(wire));
      }
      for (const length of [0, 7, 9]) {
        const build = () => codec.build({ ...start, fields: {} }, () => new Uint8Array(length));
        t.throws(build, { code: "iso8583_length_invalid" }, `a MAC of ${length} bytes`);
      }
    },
  );

  t.test(`${dialect.name}: a message cut short anywhere or with a byte too many is refused`, async (t) => {
    const [sample] = fc.sample(anyMessageOf(dialect), { numRuns: 1, seed: 1987 });
    const wire = codec.build(wrapped(dialect, sample ?? { tpdu: "", header: "", mti: "", fields: {} }));
    for (let length = 0; length < wire.length; length++) {
      t.throws(() => codec.parse(wire.subarray(0, length)), { code: "iso8583_truncated" }, `${length} bytes`);
    }
    t.throws(() => codec.parse(Uint8Array.from([...wire, 0x30])), { code: "iso8583_trailing_bytes" });
  });

  t.test(`${dialect.name}: a broken message is taken apart as far as it goes`, async (t) => {
    const start = { tpdu: "0".repeat(dialect.tpduDigits), header: "0".repeat(dialect.headerDigits), mti: "0200" };
    const wire = codec.build({ ...start, fields: { 3: "000000", 4: "000000000100", 39: "00" } });
    const { message, reached, failure } = codec.examine(wire.subarray(0, -1));
    t.match(failure, { code: "iso8583_truncated" });
    t.equal(reached, "fields");
    t.same(message, { ...start, fields: { 3: "000000", 4: "000000000100" } });
    t.same(codec.examine(wire), {
      reached: "end",
      message: { ...start, fields: { 3: "000000", 4: "000000000100", 39: "00" } },
    });
  });

  t.test(`${dialect.name}: a field that the dialect lacks is not built`, async (t) => {
    const start = { tpdu: "0".repeat(dialect.tpduDigits), header: "0".repeat(dialect.headerDigits), mti: "0200" };
    for (const number of [0, 1, 129, 200]) {
      t.throws(() => codec.build({ ...start, fields: { [number]: "0" } }), { code: "iso8583_field_unknown" });
    }
  });

  t.test(`${dialect.name}: its data hold together`, async (t) => {
    t.same(faultsOf(dialect), []);
  });
}

/** Card data wherever ISO 8583-1:1987 has a place for it, and the names of what may be shown of it. */
const SENSITIVE: Readonly<Record<number, string>> = {
  2: "pan",
  14: "other",
  34: "other",
  35: "track-2",
  36: "track-3",
  45: "other",
  52: "other",
  55: "other",
};

/** What is wrong with the data of a dialect. */
function faultsOf(dialect: Dialect): string[] {
  const faults: string[] = [];
  const check = (right: boolean, what: string) => {
    if (!right) faults.push(what);
  };
  const packed = dialect.digits === "packed";
  check(!packed || (dialect.tpduDigits % 2 === 0 && dialect.headerDigits % 2 === 0), "an odd header");
  check(dialect.name.length > 0, "no name");
  const macs = dialect.bitmaps === 2 ? [64, 128] : [64];
  for (const number of macs) {
    const mac = dialect.fields[number];
    check(mac?.content === "b" && "length" in mac && mac.length === 8, `field ${number} is no MAC`);
  }
  for (const [number, format] of formatsOf(dialect)) {
    const { name, content, justify, sensitive } = format;
    const field = `field ${number}`;
    check(Number.isInteger(number) && number >= 2 && number <= dialect.bitmaps * 64, `${field}: has no bit`);
    check(/^[A-Za-z]/.test(name), `${field}: name`);
    if ("max" in format) {
      check(format.max > 0 && format.max < 10 ** format.lengthDigits, `${field}: longer than its length can say`);
    } else {
      check(format.length > (content === "x+n" ? 1 : 0), `${field}: empty`);
    }
    check(justify === undefined || (packed && (content === "n" || content === "z")), `${field}: justified for nothing`);
    check(content !== "x+n" || !packed, `${field}: a packed sign`);
    const due = SENSITIVE[number];
    check(due === undefined || sensitive === due, `${field}: not marked ${due}`);
    check(content !== "z" || sensitive !== undefined, `${field}: a track that is not sensitive`);
  }
  return faults;
}

t.test("the check of a dialect's data finds what is wrong with it", async (t) => {
  const field = (format: object) => faultsOf({ ...iso1987, fields: { ...iso1987.fields, ...format } } as Dialect);
  t.same(field({ 129: { name: "beyond", content: "n", length: 1 } }), ["field 129: has no bit"]);
  t.same(field({ 44: { name: "long", content: "ans", max: 100, lengthDigits: 2 } }), [
    "field 44: longer than its length can say",
  ]);
  t.same(field({ 35: { name: "track 2", content: "z", max: 37, lengthDigits: 2 } }), [
    "field 35: not marked track-2",
    "field 35: a track that is not sensitive",
  ]);
  t.same(field({ 128: { name: "MAC", content: "an", length: 8 } }), ["field 128 is no MAC"]);
  t.same(field({ 3: { name: "", content: "n", length: 0, justify: "right" } }), [
    "field 3: name",
    "field 3: empty",
    "field 3: justified for nothing",
  ]);
});

t.test("ISO 8583:1987 has all its fields, and what parties agree on among themselves is sensitive", async (t) => {
  t.same(
    Object.keys(iso1987.fields).map(Number),
    Array.from({ length: 127 }, (_, i) => i + 2),
  );
  for (const [number, { name, sensitive }] of formatsOf(iso1987)) {
    if (/^(reserved|additional data|account)/.test(name)) t.equal(sensitive, "other", `field ${number}`);
  }
  t.equal(iso1987Binary.fields, iso1987.fields);
});

t.test("UnionPay's fields are those of its published table, and two more that published messages have", async (t) => {
  const [unionPay] = dialects.map(({ dialect }) => dialect);
  const published = Object.keys(vectors.fields).filter((key) => /^\d+$/.test(key));
  t.same(
    Object.keys(unionPay?.fields ?? {}),
    [...published, "46", "53", "56"]
      .map(Number)
      .sort((a, b) => a - b)
      .filter((n, i, all) => n !== all[i - 1])
      .map(String),
  );
  const shape = /^(?<content>n|z|ans?|b)(?<dots>\.\.)?(?<length>\d+)?/;
  for (const number of published) {
    const format = unionPay?.fields[Number(number)];
    const { content, dots, length } = shape.exec(vectors.fields[number as keyof typeof vectors.fields])?.groups ?? {};
    if (!format || content === undefined || length === undefined) continue;
    // A list of eight slips is longer than what was published for totals.
    const listed = number === "48" ? 322 : Number(length);
    const count = content === "b" && !dots ? listed / 8 : listed;
    t.equal("max" in format ? format.max : format.length, count, `field ${number}: length`);
    t.equal("max" in format, dots !== undefined, `field ${number}: variable or not`);
    // A text in Chinese is bytes, and letters and digits are read as any printable text.
    if (content === "n" || content === "z") t.equal(format.content, content, `field ${number}: content`);
  }
});

t.test("a published ISO 8583:1987 message parses to its fields and builds to the same bytes", async (t) => {
  const codec = dialects.find(({ dialect }) => dialect === iso1987);
  // github.com/patrickaburu1/ISO8583-PACK-UNPACK, README.
  const text = "02003220000000808000000010000000001500120604120000000112340001840";
  const fields = { 3: "000010", 4: "000000001500", 7: "1206041200", 11: "000001", 41: "12340001", 49: "840" };
  const message = codec?.parse(new TextEncoder().encode(text));
  t.same(message, { tpdu: "", header: "", mti: "0200", fields });
  t.equal(message && new TextDecoder().decode(codec?.build(message)), text);
});

t.test(
  "an independent implementation builds the same bytes, with a second bitmap, and its empty one is read",
  async (t) => {
    const codec = compileDialect(iso1987Binary);
    const fields = { 3: "000000", 4: "000000012800", 11: "013867", 39: "00", 41: "11115007", 49: "156" };
    const wire = codec.build({
      tpdu: "",
      header: "",
      mti: "0200",
      fields: {
        ...fields,
        52: SensitiveBytes.copyOf(Uint8Array.from(Buffer.from("3D87C8B8FA17C67C", "hex"))),
        70: "301",
      },
    });
    const peer = { 0: "0200", ...fields, 52: "3D87C8B8FA17C67C" };
    const same = new Iso8583({ ...peer, 70: "301" }).getBufferMessage();
    t.equal(Buffer.isBuffer(same) && hex(same), hex(frame(wire)));
    const emptySecond = new Iso8583(peer).getBufferMessage();
    const [read] = Buffer.isBuffer(emptySecond) ? new FrameReader().push(emptySecond) : [];
    t.match(read && codec.parse(read), { mti: "0200", fields });
  },
);

t.test("what is sensitive in a field comes as bytes that can be wiped", async (t) => {
  for (const codec of dialects) {
    const [message] = fc.sample(anyMessageOf(codec.dialect), { numRuns: 1, seed: 7 });
    if (!message) throw new Error("no sample");
    const parsed = codec.parse(codec.build(wrapped(codec.dialect, message)));
    for (const [number, value] of Object.entries<unknown>(parsed.fields)) {
      const { sensitive } = codec.dialect.fields[Number(number)] ?? {};
      t.equal(value instanceof SensitiveBytes, sensitive !== undefined, `${codec.dialect.name}, field ${number}`);
    }
  }
});
