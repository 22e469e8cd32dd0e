import { createCipheriv } from "node:crypto";
import { keyCheckValue } from "@swipewire/protocol/crypto/key-check-value";
import { decryptReaderBlock } from "@swipewire/protocol/crypto/reader-block";
import { tdesKey } from "@swipewire/protocol/crypto/tdes";
import { unionPayMac } from "@swipewire/protocol/crypto/unionpay-mac";
import { wipeMessage } from "@swipewire/protocol/iso8583/codec";
import {
  asksForEcho,
  asksToSignOff,
  asksToSignOn,
  batchOf,
  downloadRequest,
  echoRequest,
  replyTo,
  signOffRequest,
  signOnRequest,
  type UnionPayMessage,
  unionPayCodec,
} from "@swipewire/protocol/iso8583/unionpay-messages";
import {
  reversalRequest,
  type Transaction,
  transactionRequest,
} from "@swipewire/protocol/iso8583/unionpay-transactions";
import { unwrapWorkingKeys, wrapWorkingKeys } from "@swipewire/protocol/iso8583/unionpay-working-keys";
import { SensitiveBytes } from "@swipewire/protocol/sensitive-bytes";
import t from "tap";
import vectors from "../../fixtures/unionpay-8583.json" with { type: "json" };

const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex, "hex"));
const hex = (value: Uint8Array) => Buffer.from(value).toString("hex").toUpperCase();
const ascii = (text: string) => new TextEncoder().encode(text);
const [{ mak: MAK, field64Hex } = { mak: "", field64Hex: "" }] = vectors.mac.vectors;
const mac = (covered: Uint8Array) => unionPayMac(tdesKey(bytes(MAK)), covered);

const pos = { tpdu: "6000000000", header: "603100311003", terminal: "11115007", merchant: "123456789111115" };

t.test("a purchase is the published one, byte for byte, when it has the published data", async (t) => {
  const published = vectors.messages.find(({ name }) => name.endsWith("MAC vector chfenix-1"));
  const message = transactionRequest(pos, "purchase", {
    trace: 13867,
    batch: 1437,
    amount: 1,
    currency: "CNY",
    pin: true,
    track2: SensitiveBytes.copyOf(ascii(";9001100000000027=00000000000000000000?")),
    pinBlock: bytes("3D87C8B8FA17C67C"),
  });
  t.equal(message.fields[26], "12");
  // The publication's terminal takes six digits at most.
  const wire = unionPayCodec.build({ ...message, fields: { ...message.fields, 26: "06" } }, mac);
  t.equal(hex(wire), published?.hex.slice(4));
  t.equal(hex(wire.subarray(-8)), field64Hex);
});

/** Track 2 of MagTek D99875475-10 appendix D, example 11: 40 bytes of ciphertext, 37 of clear text. */
const example11 = {
  bdk: "0123456789ABCDEFFEDCBA9876543210",
  ksn: "FFFF9876543210E00008",
  track2: "724C5DB7D6F901C7F0FEAE7908801093B3DBFE51CCF6D483E789D7D2C007D539499BAADCC8D16CA2",
  length: 37,
};

/** The dialect's MAC written out step by step, on node:crypto alone. */
function macByHand(key: Uint8Array, covered: Uint8Array): Uint8Array {
  const des = (block: Uint8Array) =>
    createCipheriv("des-ede", Buffer.concat([key, key]), null)
      .setAutoPadding(false)
      .update(block);
  const padded = Buffer.concat([covered, Buffer.alloc((8 - (covered.length % 8)) % 8)]);
  let folded = 0n;
  for (let at = 0; at < padded.length; at += 8) folded ^= padded.readBigUInt64BE(at);
  const text = Buffer.from(folded.toString(16).toUpperCase().padStart(16, "0"), "ascii");
  const chained = des(text.subarray(0, 8)).readBigUInt64BE() ^ text.readBigUInt64BE(8);
  const last = Buffer.alloc(8);
  last.writeBigUInt64BE(chained);
  return Buffer.from(des(last).toString("hex").toUpperCase().slice(0, 8), "ascii");
}

t.test("a purchase from MagTek's example 11 carries the right field 35 and MAC", async (t) => {
  using opened = decryptReaderBlock(
    bytes(example11.bdk),
    "tdes-dukpt-pin-cbc",
    bytes(example11.ksn),
    bytes(example11.track2),
  );
  const track2 = opened.use((clear) => SensitiveBytes.copyOf(clear.subarray(0, example11.length)));
  const charge = { trace: 7, batch: 1, amount: 128_00, currency: "CNY", pin: false, track2 };
  const message = transactionRequest(pos, "purchase", charge);
  const wire = unionPayCodec.build(message, mac);
  t.equal(
    hex(wire),
    [
      "6000000000",
      "603100311003",
      "0200",
      // Bits 3 4 11, 22 25, 35, 41 42, 49, 60 64.
      "3020048020C08011",
      "000000",
      "000000012800",
      "000007",
      "0220",
      "00",
      // 35 digits, D for the separator, and a nibble that makes them whole bytes.
      "35",
      "5452300551227189D0804321000000072500",
      hex(ascii("11115007")),
      hex(ascii("123456789111115")),
      hex(ascii("156")),
      "0011220000010000",
      hex(macByHand(bytes(MAK), wire.subarray(11, -8))),
    ].join(""),
  );
});

const purchase: Transaction<"purchase"> = {
  trace: 999999,
  batch: 999999,
  amount: 999_999_999_999,
  currency: "CNY",
  pin: true,
  track2: SensitiveBytes.copyOf(ascii(";6224242300000069=2912220?")),
  track3: SensitiveBytes.copyOf(ascii(";996224242300000069=1561560?")),
  pinBlock: bytes("0011223344556677"),
};

t.test(
  "a purchase holds copies, so that wiping it leaves the caller's bytes alone, and the other way round",
  async (t) => {
    const message = transactionRequest(pos, "purchase", purchase);
    const { 35: track2, 36: track3, 52: pinBlock } = message.fields;
    t.equal(track3?.use(hex), hex(ascii("996224242300000069=1561560")));
    t.equal(message.fields[53], "2600000000000000");
    t.equal(message.fields[22], "021");
    wipeMessage(message);
    for (const copy of [track2, track3, pinBlock]) t.ok(copy?.wiped);
    t.equal(purchase.track2.use(hex), hex(ascii(";6224242300000069=2912220?")));
    t.equal(hex(purchase.pinBlock ?? new Uint8Array()), "0011223344556677");
  },
);

t.test("a reversal names its purchase and holds neither card nor PIN", async (t) => {
  const original = transactionRequest(pos, "purchase", purchase);
  const reversal = reversalRequest(pos, "purchase", purchase, "98");
  t.equal(reversal.mti, "0400");
  for (const number of [3, 4, 11, 22, 25, 41, 42, 49, 60] as const) {
    t.equal(reversal.fields[number], original.fields[number], `field ${number}`);
  }
  t.equal(reversal.fields[39], "98");
  for (const number of [2, 14, 35, 36, 52, 53, 55] as const) t.equal(reversal.fields[number], undefined);
  t.equal(batchOf(reversal), "999999");
});

t.test("refuses a currency the channel does not charge in", async (t) => {
  for (const currency of ["USD", "XXX", "constructor"]) {
    t.throws(() => transactionRequest(pos, "purchase", { ...purchase, currency }), { code: "currency_unsupported" });
    t.throws(() => reversalRequest(pos, "purchase", { ...purchase, currency }, "98"), { code: "currency_unsupported" });
  }
});

t.test("sign-on and echo are told apart, and answered from the other side", async (t) => {
  const address = { ...pos, tpdu: "6000030001" };
  const signOn = unionPayCodec.parse(unionPayCodec.build(signOnRequest(address, 12)));
  const echo = unionPayCodec.parse(unionPayCodec.build(echoRequest(address, 13)));
  const signOff = unionPayCodec.parse(unionPayCodec.build(signOffRequest(address, 14)));
  const told = (message: UnionPayMessage) => [asksToSignOn(message), asksToSignOff(message), asksForEcho(message)];
  t.same(told(signOn), ["double", false, false]);
  t.same(told(signOff), [undefined, true, false]);
  t.same(told(echo), [undefined, false, true]);
  for (const [keys, code] of [
    ["single", "001"],
    ["double", "003"],
    ["double-and-track", "004"],
  ] as const) {
    const asked = signOnRequest(address, 15, keys);
    t.equal(asked.fields[60], `00000000${code}`);
    t.equal(asksToSignOn(asked), keys);
  }
  t.same(told(downloadRequest(address, 16, "360")), [undefined, false, false]);
  t.equal(downloadRequest(address, 16, "360").fields[60], "00000000360");
  t.equal(replyTo(signOff, "00").mti, "0830");
  t.equal(signOn.fields[60], "00000000003");
  t.match(echo, { mti: "0820", fields: { 60: "00000000301" } });
  const reply = unionPayCodec.parse(unionPayCodec.build(replyTo(signOn, "00", { 62: new Uint8Array(40) })));
  t.equal(reply.mti, "0810");
  t.equal(reply.tpdu, "6000010003");
  t.equal(reply.fields[11], "000012");
  t.equal(reply.fields[39], "00");
  t.equal(reply.fields[41], pos.terminal);
  t.equal(replyTo(transactionRequest(pos, "purchase", purchase), "51").mti, "0210");
  t.equal(replyTo(transactionRequest(pos, "purchase", purchase), "51").fields[35], undefined);
  t.equal(replyTo(reversalRequest(pos, "purchase", purchase, "06"), "25").mti, "0410");
});

t.test("takes working keys from the published field 62, and makes such a field", async (t) => {
  const [published] = vectors.key_download;
  const masterKey = tdesKey(bytes(published?.tmk ?? ""));
  const keys = unwrapWorkingKeys(masterKey, bytes(published?.field62 ?? ""));
  t.equal(hex(keyCheckValue(keys.pin, 4)), published?.pikKcv);
  t.equal(hex(keyCheckValue(keys.mac, 4)), published?.makKcv);
  for (const macKey of [bytes(MAK), bytes("0123456789ABCDEFFEDCBA9876543210")]) {
    const pinKey = bytes("4567C298FB0B045DAB54BF499E10EFCD");
    const back = unwrapWorkingKeys(masterKey, wrapWorkingKeys(masterKey, { pin: pinKey, mac: macKey }));
    t.equal(hex(keyCheckValue(back.pin, 4)), hex(keyCheckValue(tdesKey(pinKey), 4)));
    t.equal(hex(keyCheckValue(back.mac, 4)), hex(keyCheckValue(tdesKey(macKey), 4)));
  }
});

t.test("takes working keys of every layout: single length, double length, and with one for tracks", async (t) => {
  const masterKey = tdesKey(bytes("0C5F27F0536077FA1BA9D76AA3711100"));
  const single = bytes("4567C298FB0B045D");
  const double = bytes("4567C298FB0B045DAB54BF499E10EFCD");
  const track = bytes("0123456789ABCDEFFEDCBA9876543210");
  const sets = [
    ["single", { pin: single, mac: single }, 24],
    ["double", { pin: double, mac: double }, 40],
    ["double-and-track", { pin: double, mac: single, track }, 60],
  ] as const;
  for (const [set, keys, length] of sets) {
    const field62 = wrapWorkingKeys(masterKey, keys, set);
    t.equal(field62.length, length);
    const back = unwrapWorkingKeys(masterKey, field62);
    t.same(Object.keys(back), Object.keys(keys));
    for (const [name, key] of Object.entries(back)) {
      const given: Record<string, Uint8Array> = keys;
      t.equal(hex(keyCheckValue(key, 4)), hex(keyCheckValue(tdesKey(given[name] ?? track), 4)), `${set}: ${name}`);
    }
  }
  t.throws(() => wrapWorkingKeys(masterKey, { pin: single, mac: single }, "double"), { code: "key_length" });
  t.throws(() => wrapWorkingKeys(masterKey, { pin: double, mac: double }, "double-and-track"), { code: "key_length" });
});

t.test("refuses working keys of another length, altered ones, and those under another master key", async (t) => {
  const [published] = vectors.key_download;
  const masterKey = tdesKey(bytes(published?.tmk ?? ""));
  const field62 = bytes(published?.field62 ?? "");
  const refused = { code: "working_keys_refused" };
  t.throws(() => unwrapWorkingKeys(masterKey, field62.subarray(0, 39)), refused);
  t.throws(() => unwrapWorkingKeys(masterKey, new Uint8Array()), refused);
  t.throws(() => unwrapWorkingKeys(tdesKey(new Uint8Array(16)), field62), refused);
  for (const at of [0, 15, 16, 19, 20, 27, 28, 35, 36, 39]) {
    const altered = Uint8Array.from(field62);
    // Not the lowest bit, which DES keys ignore.
    altered[at] = (altered[at] ?? 0) ^ 0x10;
    t.throws(() => unwrapWorkingKeys(masterKey, altered), refused, `byte ${at}`);
  }
});
