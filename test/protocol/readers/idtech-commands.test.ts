import { arm } from "@swipewire/protocol/readers/idtech-commands/arm";
import { BAUD_RATE_FUNCTION, baudRateOf, baudRateSetting } from "@swipewire/protocol/readers/idtech-commands/baud-rate";
import { securityLevelOf, securityLevelSetting } from "@swipewire/protocol/readers/idtech-commands/encryption";
import { ACK, encodeRefusal, NAK } from "@swipewire/protocol/readers/idtech-commands/message";
import { oposMode } from "@swipewire/protocol/readers/idtech-commands/opos-mode";
import { readBuffered, TRACK_SELECTIONS } from "@swipewire/protocol/readers/idtech-commands/read-buffered";
import { reset } from "@swipewire/protocol/readers/idtech-commands/reset";
import { review } from "@swipewire/protocol/readers/idtech-commands/review";
import { set } from "@swipewire/protocol/readers/idtech-commands/set";
import { version } from "@swipewire/protocol/readers/idtech-commands/version";
import { SensitiveBytes } from "@swipewire/protocol/sensitive-bytes";
import t from "tap";
import idtech from "../../fixtures/idtech.json" with { type: "json" };
import { ascii, hex, hexOf } from "./frame-samples.ts";

/** A published row with its blanks filled in and its LRC made. */
function row(text: string, ...blanks: string[]): string {
  const filled = text.replace(/<[^>]*>/g, () => blanks.shift() ?? "").replace("LRC", "");
  const bytes = hex(filled.replace(/\s/g, ""));
  const lrc = bytes.reduce((xor, byte) => xor ^ byte, 0);
  return `${hexOf(bytes)}${hexOf(Uint8Array.of(lrc))}`;
}

const { commands } = idtech;

t.test("each published row is what is sent, and is read again", async (t) => {
  const setting = { functionId: 0x1a, data: ascii("1") };
  const rows = [
    [row(commands.review, "D3"), review.encodeRequest({ functionId: 0xd3 })],
    [row(commands.set, "1A", "01", "31"), set.encodeRequest(setting)],
    [row(commands.reset), reset.encodeRequest()],
    [row(commands.version), version.encodeRequest()],
    [row(commands["arm buffered mode"], "0130"), arm.encodeRequest({ armed: true })],
    [row(commands["arm buffered mode"], "0132"), arm.encodeRequest({ armed: false })],
    [row(commands["read buffered"], "0137"), readBuffered.encodeRequest({ tracks: "1, 2 and 3" })],
    [row(commands["OPOS mode"], "0130"), oposMode.encodeRequest({ mode: hex("0130") })],
  ] as const;
  for (const [expected, sent] of rows) t.equal(hexOf(sent), expected);

  t.strictSame(review.decodeRequest(hex(rows[0][0])), { functionId: 0xd3 });
  t.strictSame(set.decodeRequest(hex(rows[1][0])), setting);
  t.equal(reset.decodeRequest(hex(rows[2][0])), undefined);
  t.equal(version.decodeRequest(hex(rows[3][0])), undefined);
  t.strictSame(arm.decodeRequest(hex(rows[4][0])), { armed: true });
  t.strictSame(arm.decodeRequest(hex(rows[5][0])), { armed: false });
  t.strictSame(readBuffered.decodeRequest(hex(rows[6][0])), { tracks: "1, 2 and 3" });
  t.strictSame(oposMode.decodeRequest(hex(rows[7][0])), { mode: hex("0130") });
});

t.test("the version request is the one that every reader of the family knows", async (t) => {
  t.equal(hexOf(version.encodeRequest()), "02390338");
});

t.test("a reader's printed answer to the review of its postamble is read and made", async (t) => {
  // ID TECH knowledge base, "SecureMag pre/postamble": the postamble is set to nothing.
  const printed = "0602D3010003D3";
  const answer = { functionId: 0xd3, data: Uint8Array.of(0) };
  t.strictSame(review.decodeResponse(hex(printed)), answer);
  t.equal(hexOf(review.encodeResponse(answer)), printed);
});

t.test("ACK and NAK are as published, and a refusal tells its reason", async (t) => {
  t.equal(hexOf(Uint8Array.of(ACK)), commands.ack);
  t.equal(hexOf(Uint8Array.of(NAK)), commands.nak);
  t.strictSame(set.encodeResponse(), Uint8Array.of(ACK));
  t.equal(set.decodeResponse(Uint8Array.of(ACK)), undefined);
  const refused: [Uint8Array, RegExp][] = [
    [encodeRefusal(), /NAK/],
    [encodeRefusal(0xfd), /NAK/],
    [encodeRefusal(0x16), /unknown setting/],
    [encodeRefusal(0x17), /OPOS/],
    [encodeRefusal(0x18), /buffered/],
  ];
  for (const [bytes, message] of refused) {
    t.throws(() => set.decodeResponse(bytes), { code: "reader_command_refused", message });
  }
});

t.test("the speeds of a serial reader have the digits that are published", async (t) => {
  const [functionId = "", digits = ""] = commands.baud.replace("FuncID ", "").split(", ");
  t.equal(BAUD_RATE_FUNCTION, Number.parseInt(functionId, 16));
  for (const [, digit = "", baudRate] of digits.matchAll(/(\d)=(\d+)/g)) {
    const setting = baudRateSetting(Number(baudRate));
    t.strictSame(setting.data, ascii(digit));
    t.equal(baudRateOf(set.decodeRequest(set.encodeRequest(setting))), Number(baudRate));
  }
  t.throws(() => baudRateSetting(12_345), { code: "reader_command_malformed" });
  t.throws(() => baudRateOf({ functionId: 0x41, data: ascii("1") }), { code: "reader_command_malformed" });
});

t.test("what an armed reader kept comes back, and prints as nothing", async (t) => {
  const frame = hex(idtech.original_format.hex);
  const bytes = readBuffered.encodeResponse({ data: SensitiveBytes.copyOf(frame) });
  const { data } = readBuffered.decodeResponse(bytes);
  t.strictSame(
    data.use((bytes) => bytes.slice()),
    frame,
  );
  t.equal(JSON.stringify(data), '"[redacted]"');
  for (const tracks of TRACK_SELECTIONS) {
    t.strictSame(readBuffered.decodeRequest(readBuffered.encodeRequest({ tracks })), { tracks });
  }
});

t.test("the version comes back as text", async (t) => {
  const answer = version.encodeResponse({ version: "ID TECH TM3 SecureMag V1.00" });
  t.strictSame(version.decodeResponse(answer), { version: "ID TECH TM3 SecureMag V1.00" });
  t.throws(() => version.encodeResponse({ version: "\r" }), { code: "reader_command_malformed" });
});

t.test("broken commands and answers have their failures", async (t) => {
  const malformed = "reader_command_malformed";
  const good = review.encodeRequest({ functionId: 1 });
  const bad: [() => unknown, string][] = [
    [() => review.decodeRequest(good.with(-1 + good.length, 0)), "reader_frame_lrc"],
    [() => review.decodeRequest(good.subarray(0, -1)), malformed],
    [() => review.decodeRequest(new Uint8Array()), malformed],
    [() => reset.decodeRequest(good), malformed],
    [() => set.decodeRequest(hex(row("02 53 41 02 35 03 LRC"))), malformed],
    [() => arm.decodeRequest(hex(row("02 50 01 31 03 LRC"))), malformed],
    [() => readBuffered.decodeRequest(hex(row("02 51 01 3A 03 LRC"))), malformed],
    [() => reset.decodeRequest(hex(row("02 49 00 03 LRC"))), malformed],
    [() => reset.decodeResponse(Uint8Array.of(ACK, 0)), malformed],
    [() => reset.decodeResponse(new Uint8Array()), malformed],
    [() => reset.decodeResponse(Uint8Array.of(0x41)), malformed],
    [() => review.decodeResponse(Uint8Array.of(ACK)), malformed],
    [() => readBuffered.decodeResponse(Uint8Array.of(ACK, ...hex(row("02 00 05 03 LRC")))), malformed],
    [() => review.encodeRequest({ functionId: 300 }), malformed],
    [() => set.encodeRequest({ functionId: 1, data: new Uint8Array(256) }), malformed],
    [() => oposMode.encodeRequest({ mode: new Uint8Array(2000) }), malformed],
  ];
  for (const [n, [action, code]] of bad.entries()) t.throws(action, { code }, `row ${n}`);
});

t.test("the security levels have the digits of the maker's table", async (t) => {
  // 80096504-001 appendix A: '1' no encryption, '2' key loaded, '3' encrypted reader, '0' DUKPT exhausted, '4' authentication.
  t.equal(hexOf(review.encodeResponse(securityLevelSetting("clear"))), "06027E0131034F");
  for (const [digit, level] of ["keys used up", "clear", "keys loaded, clear", "encrypted"].entries()) {
    t.equal(securityLevelOf({ functionId: 0x7e, data: ascii(`${digit}`) }), level);
  }
  t.equal(securityLevelOf({ functionId: 0x7e, data: ascii("4") }), "encrypted after authentication");
  for (const [functionId, data] of [
    [0x7e, "5"],
    [0x7e, "11"],
    [0x7e, ""],
    [0x4c, "1"],
  ] as const) {
    t.throws(() => securityLevelOf({ functionId, data: ascii(data) }), { code: "reader_command_malformed" }, data);
  }
});
