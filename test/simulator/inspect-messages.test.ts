import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { compileDialect } from "@swipewire/protocol/iso8583/codec";
import { iso1987, iso1987Binary } from "@swipewire/protocol/iso8583/dialects/iso1987";
import { frame } from "@swipewire/protocol/iso8583/framing";
import { batchListRequest } from "@swipewire/protocol/iso8583/unionpay-batch-upload";
import { unionPayCodec } from "@swipewire/protocol/iso8583/unionpay-messages";
import { NO_TOTALS, settlementRequest } from "@swipewire/protocol/iso8583/unionpay-settlement";
import { SensitiveBytes } from "@swipewire/protocol/sensitive-bytes";
import { messageInCharacters, messageKinds, messageProfile } from "@swipewire/simulator/inspect/message-profile";
import { asJson, asText } from "@swipewire/simulator/inspect/print";
import t from "tap";
import vectors from "../fixtures/unionpay-8583.json" with { type: "json" };

const hex = (text: string) => Uint8Array.from(Buffer.from(text, "hex"));
const ascii = (text: string) => new TextEncoder().encode(text);
const profile = (name: string) => {
  const kind = messageKinds[name];
  if (!kind) throw new Error(`no profile ${name}`);
  return messageProfile(name, kind);
};
const unionPay = profile("unionpay");
const published = (name: string) => vectors.messages.find((message) => message.name.includes(name))?.hex ?? "";
const purchase = published("MAC vector chfenix-1");

t.test("a published purchase is shown field by field, its track masked and its PIN block not at all", async (t) => {
  const inspection = unionPay(hex(purchase), {});
  t.notOk(inspection.failure);
  t.ok(inspection.checks.every(({ passed }) => passed));
  t.match(inspection.fields, { dialect: "UnionPay POS", tpdu: "6000000000", mti: "0200", transaction: "purchase" });
  t.same(
    inspection.message?.map(({ number }) => number),
    [3, 4, 11, 22, 25, 26, 35, 41, 42, 49, 52, 53, 60, 64],
  );
  const text = asText(inspection);
  t.match(text, /^ {2} 35 {2}track 2 +900110\*{6}0027=\*{20}$/m);
  t.match(text, /^ {2} 52 {2}PIN block +\[8 bytes, not shown\]$/m);
  t.match(text, /^ {2} 64 {2}message authentication code +28C7AFB5$/m);
  t.match(text, /pass {2}length before the message: 115 bytes/);
  for (const shown of [text, asJson(inspection)]) {
    t.notMatch(shown, /9001100000000027|3D87C8B8FA17C67C/i);
  }
});

t.test("of all published messages none shows a card number, a PIN block, chip data or keys", async (t) => {
  for (const { name, hex: capture } of vectors.messages) {
    const inspection = unionPay(hex(capture), {});
    t.notOk(inspection.failure, name);
    for (const shown of [asText(inspection), asJson(inspection)]) {
      t.notMatch(shown, /6224242300000069|9001100000000027|9661101006984290|9F2608|2903\b/, name);
    }
    for (const { number, value } of inspection.message ?? []) {
      if ([14, 52, 55, 58, 62].includes(number)) t.equal(value, undefined, `${name}: field ${number}`);
    }
  }
  const reply = unionPay(hex(published("DOWNLOAD_RESPONSE")), {});
  const values = Object.fromEntries((reply.message ?? []).map(({ number, value }) => [number, value]));
  t.match(values, { 39: "00 (approved)", 43: "墨文哲有限公司", 56: "成功" });
});

t.test("what does not parse as a card number or track is not shown at all", async (t) => {
  const codec = compileDialect(iso1987);
  const fields = {
    2: SensitiveBytes.copyOf(ascii("1234567")),
    35: SensitiveBytes.copyOf(ascii("12345678901234567890123")),
    36: SensitiveBytes.copyOf(ascii("==")),
    45: SensitiveBytes.copyOf(ascii("B6224242300000069^X^2912220")),
    48: SensitiveBytes.copyOf(ascii("CVV 123")),
    102: SensitiveBytes.copyOf(ascii("6224242300000069")),
  };
  const inspection = profile("iso1987")(codec.build({ tpdu: "", header: "", mti: "0200", fields }), {});
  t.notOk(inspection.failure);
  t.ok(inspection.message?.every(({ value, hidden }) => value === undefined && hidden?.endsWith("not shown")));
  t.notMatch(asJson(inspection), /1234567|6224|CVV/);
});

t.test("a card number is masked, and its check digit looked at", async (t) => {
  const codec = compileDialect(iso1987Binary);
  const fields = { 2: SensitiveBytes.copyOf(ascii("6224242300000060")), 70: "301" };
  const wire = codec.build({ tpdu: "", header: "", mti: "0800", fields });
  const inspection = profile("iso1987-binary")(frame(wire), {});
  t.match(inspection.message, [
    { number: 2, value: "622424******0060" },
    { number: 70, value: "301" },
  ]);
  t.same(inspection.warnings, ["field 2: the card number fails the Luhn check"]);
});

t.test("of a batch upload the slips are shown, their card numbers masked", async (t) => {
  const pos = { tpdu: "6000000000", header: "603100311003", terminal: "11115007", merchant: "123456789111115" };
  const cards = ["6224242300000069", "62242423000000690012"].map((card) => SensitiveBytes.copyOf(ascii(card)));
  const [cardNumber, tooLong] = cards as [SensitiveBytes, SensitiveBytes];
  const slip = { trace: 41, amount: 128_00, foreign: false };
  const list = batchListRequest(pos, { trace: 9, batch: 726 }, [
    { ...slip, cardNumber },
    { ...slip, foreign: true, cardNumber: tooLong },
    slip,
  ]);
  const inspection = unionPay(unionPayCodec.build(list), {});
  const value = "41 622424******0069 12800; foreign 41 [card not shown] 12800; 41 no card 12800";
  t.match(
    inspection.message?.filter(({ number }) => number === 48),
    [{ value }],
  );
  const settlement = settlementRequest(
    pos,
    { trace: 9, batch: 726, currency: "CNY" },
    { domestic: NO_TOTALS, foreign: NO_TOTALS },
  );
  const totals = unionPay(unionPayCodec.build(settlement), {});
  t.match(
    totals.message?.filter(({ number }) => number === 48),
    [{ value: "0".repeat(62) }],
  );
  const neither = { ...list, fields: { 48: SensitiveBytes.copyOf(ascii("6224242300000069")) } };
  t.match(unionPay(unionPayCodec.build(neither), {}).message, [{ number: 48, value: undefined }]);
});

t.test("a broken message is shown as far as it goes, and every check that could be made", async (t) => {
  const cut = unionPay(hex(purchase).subarray(0, 60), {});
  t.match(cut.failure, { code: "iso8583_truncated" });
  t.same(
    cut.message?.map(({ number }) => number),
    [3, 4, 11, 22, 25, 26, 35],
  );
  const text = asText(cut);
  t.match(text, /FAIL {2}length before the message: says 115, 58 follow/);
  t.match(text, /pass {2}bitmap/);
  t.match(text, /FAIL {2}fields: 7 read/);
  t.match(text, /field 41, offset/);
  const trailing = unionPay(Uint8Array.from([...hex(purchase).subarray(2), 0]), {});
  t.match(trailing.failure, { code: "iso8583_trailing_bytes" });
  t.match(trailing.checks.at(-1), { name: "end", passed: false });
  const short = unionPay(Uint8Array.from([0, 200, ...hex(purchase).subarray(2)]), {});
  t.match(short.failure, { code: "iso8583_frame_length" }, "only the length is wrong");
  t.equal(short.message?.length, 14);
  for (const nothing of [new Uint8Array(), Uint8Array.of(0x60), ascii("hello")]) {
    t.ok(unionPay(nothing, {}).failure);
    t.ok(profile("iso1987")(nothing, {}).failure);
  }
});

t.test("text that would move a terminal's cursor is shown as bytes", async (t) => {
  const inspection = unionPay(hex(`6000000000603100311003 0810 0000000000000002 0003 1B5B32`.replaceAll(" ", "")), {});
  t.match(inspection.message, [{ number: 63, value: "1B5B32" }]);
});

t.test("a message in characters is told from hex text, also where it is nothing but hexadecimal digits", async (t) => {
  t.same(messageInCharacters(ascii("0800ABCD\r\n")), ascii("0800ABCD"));
  t.equal(messageInCharacters(ascii("30383030")), undefined);
  t.equal(messageInCharacters(ascii(`0200${"30".repeat(0x200)}`)), undefined, "hex text with the length 0x200");
  t.same(messageInCharacters(ascii(`0200${"30".repeat(0x201)}`))?.length, 4 + 2 * 0x201);
  t.equal(messageInCharacters(new Uint8Array()), undefined);
});

function run(args: string[], input: string) {
  const bin = join(import.meta.dirname, "../../simulator/bin/swipewire-sim.js");
  return spawnSync(process.execPath, [bin, "inspect", ...args], { input, encoding: "utf8" });
}

t.test("the command prints a message as JSON, and exits 1 for a broken one", async (t) => {
  const whole = run(["--profile", "8583:unionpay", "--in", "-", "--json"], purchase);
  t.equal(whole.status, 0);
  const report = JSON.parse(whole.stdout);
  t.match(report, { ok: true, profile: "8583:unionpay", length: 117 });
  t.match(report.message[1], { number: 4, name: "amount", value: "000000000001" });
  const text = "02003220000000808000000010000000001500120604120000000112340001840";
  const other = run(["--profile", "8583:iso1987", "--in", "-"], `${text}\n`);
  t.equal(other.status, 0);
  t.match(other.stdout, /^ {3}41 {2}terminal +12340001$/m);
  t.equal(run(["--profile", "8583:unionpay", "--in", "-"], purchase.slice(0, 100)).status, 1);
});
