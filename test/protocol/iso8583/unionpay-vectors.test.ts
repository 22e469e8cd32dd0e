import { tdesKey } from "@swipewire/protocol/crypto/tdes";
import { unionPayMac } from "@swipewire/protocol/crypto/unionpay-mac";
import { wipeMessage } from "@swipewire/protocol/iso8583/codec";
import { unionPay } from "@swipewire/protocol/iso8583/dialects/unionpay";
import { FrameReader, frame } from "@swipewire/protocol/iso8583/framing";
import { macIsRight, unionPayCodec } from "@swipewire/protocol/iso8583/unionpay-messages";
import { SensitiveBytes } from "@swipewire/protocol/sensitive-bytes";
import t from "tap";
import vectors from "../../fixtures/unionpay-8583.json" with { type: "json" };

const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex, "hex"));
const hex = (value: Uint8Array) => Buffer.from(value).toString("hex").toUpperCase();
const gbk = new TextDecoder("gbk", { fatal: true });

/** A published message without the length before it, which some have. */
const body = ({ hex, hasLength }: { hex: string; hasLength: boolean }) => bytes(hex).subarray(hasLength ? 2 : 0);

/** A field's value as the publication prints it. */
function printed(number: number, value: unknown): unknown {
  const raw = value instanceof SensitiveBytes ? value.use((lent) => Uint8Array.from(lent)) : value;
  if (!(raw instanceof Uint8Array)) return raw;
  const { content } = unionPay.fields[number as keyof typeof unionPay.fields];
  if (content !== "b") return Buffer.from(raw).toString("latin1").replace("=", "D");
  return number === 43 || number === 56 ? gbk.decode(raw) : hex(raw);
}

t.test("every published message parses to the printed fields and builds to the same bytes", async (t) => {
  t.equal(vectors.messages.length, 9);
  for (const vector of vectors.messages) {
    const message = unionPayCodec.parse(body(vector));
    const fields = Object.entries(message.fields).map(([number, value]) => [number, printed(Number(number), value)]);
    t.same(
      { tpdu: message.tpdu, header: message.header, mti: message.mti, fields: Object.fromEntries(fields) },
      {
        tpdu: vector.parsed.tpdu,
        header: vector.parsed.header,
        mti: vector.parsed.mti,
        fields: vector.parsed.fields,
      },
      vector.name,
    );
    t.equal(hex(unionPayCodec.build(message)), hex(body(vector)), vector.name);
  }
});

t.test("published messages with a length come out of a stream as they went in", async (t) => {
  for (const vector of vectors.messages.filter(({ hasLength }) => hasLength)) {
    t.equal(hex(frame(body(vector))), vector.hex);
    t.same(new FrameReader().push(bytes(vector.hex)).map(hex), [hex(body(vector))]);
  }
});

t.test("field 64 of a published purchase is made and checked with its key", async (t) => {
  const [published] = vectors.mac.vectors;
  const vector = vectors.messages.find(({ name }) => name.endsWith("MAC vector chfenix-1"));
  const key = tdesKey(bytes(published?.mak ?? ""));
  const mac = (covered: Uint8Array) => unionPayMac(key, covered);
  const wire = vector ? body(vector) : new Uint8Array();
  const message = unionPayCodec.parse(wire);
  t.equal(hex(unionPayCodec.macCovered(wire)), published?.mab);
  t.equal(hex(unionPayCodec.build(message, mac)), hex(wire), "the MAC is made anew, whatever field 64 held");
  t.ok(macIsRight(wire, message, mac));
  const altered = Uint8Array.from(wire);
  altered[30] = (altered[30] ?? 0) ^ 1;
  t.notOk(macIsRight(altered, message, mac), "an altered amount");
  t.notOk(macIsRight(wire, { ...message, fields: { ...message.fields, 64: new Uint8Array(7) } }, mac), "a short MAC");
  const { 64: _, ...unsealed } = message.fields;
  t.notOk(macIsRight(wire, { ...message, fields: unsealed }, mac), "no MAC");
});

t.test(
  "card number, expiry, tracks, PIN block and chip data are sensitive, and wiped with their message",
  async (t) => {
    const message = unionPayCodec.parse(body(vectors.messages[3] ?? { hex: "", hasLength: false }));
    const sensitive = [message.fields[2], message.fields[14], message.fields[52], message.fields[55]];
    for (const value of sensitive) t.ok(value instanceof SensitiveBytes);
    t.notMatch(JSON.stringify(message), /6224242300000069|2903/);
    wipeMessage(message);
    for (const value of sensitive) t.ok(value?.wiped);
    for (const number of [35, 36] as const) t.ok(unionPay.fields[number].sensitive);
  },
);
