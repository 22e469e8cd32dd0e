import { deriveInitialKey, deriveTransactionKey, usageKey } from "@swipewire/protocol/crypto/dukpt-tdes";
import { decryptReaderBlock } from "@swipewire/protocol/crypto/reader-block";
import { retailMac } from "@swipewire/protocol/crypto/retail-mac";
import { encryptEcb, tdesKey } from "@swipewire/protocol/crypto/tdes";
import { readerFamilies } from "@swipewire/protocol/readers/families";
import { activateAuthenticatedMode } from "@swipewire/protocol/readers/magtek-commands/activate-authenticated-mode";
import { activationChallengeReply } from "@swipewire/protocol/readers/magtek-commands/activation-challenge-reply";
import {
  activationReply,
  deactivationReply,
  decryptChallenge,
} from "@swipewire/protocol/readers/magtek-commands/authentication";
import { withMac } from "@swipewire/protocol/readers/magtek-commands/command-mac";
import { deactivateAuthenticatedMode } from "@swipewire/protocol/readers/magtek-commands/deactivate-authenticated-mode";
import { getKsn } from "@swipewire/protocol/readers/magtek-commands/get-ksn";
import { getProperty } from "@swipewire/protocol/readers/magtek-commands/get-property";
import { decodeMessage, RESULT_CODES } from "@swipewire/protocol/readers/magtek-commands/message";
import type { Property } from "@swipewire/protocol/readers/magtek-commands/properties";
import { getReaderState } from "@swipewire/protocol/readers/magtek-commands/reader-state";
import { reset } from "@swipewire/protocol/readers/magtek-commands/reset";
import { getSecurityLevel, setSecurityLevel } from "@swipewire/protocol/readers/magtek-commands/security-level";
import { setProperty } from "@swipewire/protocol/readers/magtek-commands/set-property";
import { setSessionId } from "@swipewire/protocol/readers/magtek-commands/set-session-id";
import type { FixedFamily } from "@swipewire/protocol/readers/reader-frame";
import { Seconds } from "@swipewire/protocol/time";
import { testCard } from "@swipewire/simulator/cards/test-cards";
import type { MagtekSecurityLevel } from "@swipewire/simulator/readers/magtek-commands";
import { virtualReader } from "@swipewire/simulator/readers/virtual-reader";
import fc from "fast-check";
import t from "tap";
import magtek from "../../fixtures/magtek.json" with { type: "json" };
import { hex, hexOf } from "../../protocol/readers/frame-samples.ts";
import { seededRandom } from "../../seeded-random.ts";
import { SimulatedClock } from "../../simulated-clock.ts";

const bdk = hex(magtek.bdk);
const FIRST_KSN = "FFFF9876543210E00001";
const CARD = testCard("visa-no-pin");

interface Setup {
  readonly family?: FixedFamily;
  readonly level?: MagtekSecurityLevel;
  readonly properties?: Partial<Record<Property, Uint8Array>>;
}

function begin({ family = "magtek-magnesafe", level = 2, properties }: Setup = {}) {
  const clock = new SimulatedClock();
  const reader = virtualReader(family, {
    bdk,
    ksn: hex(FIRST_KSN),
    device: { clock, random: seededRandom(1), magtekLevel: level, ...(properties && { magtekProperties: properties }) },
  });
  const ask = (request: Uint8Array) => reader.commands?.hear(request)?.reply ?? new Uint8Array();
  const code = (request: Uint8Array) => ask(request)[0];
  const ksn = () => getKsn.decodeResponse(ask(getKsn.encodeRequest())).ksn;
  const key = (usage: "pin" | "mac-request") =>
    usageKey(deriveTransactionKey(deriveInitialKey(bdk, ksn()), ksn()), usage);
  const proven = (request: Uint8Array) => withMac(request, (message) => retailMac(key("mac-request"), message));
  const state = () => getReaderState.decodeResponse(ask(getReaderState.encodeRequest()));
  return { reader, clock, ask, code, ksn, key, proven, state };
}

/** The reader of MagTek's examples, which another configuration was tried on before. */
const EXAMPLE: Setup["properties"] = { "format code": hex("31FFFFFFFF"), "aamva mask": hex("303430343059") };

for (const [example, setup] of [
  ["1", { family: "magtek-keyboard", properties: EXAMPLE }],
  ["2", { family: "magtek-keyboard", properties: EXAMPLE }],
  ["6", {}],
  ["7", {}],
] as const) {
  const { title, pairs } = magtek.exchanges[example];
  t.test(`answers MagTek's example ${example}, ${title}, row by row`, async (t) => {
    const { ask } = begin(setup);
    for (const { request, response } of pairs) t.equal(hexOf(ask(hex(request))), response, request);
  });
}

t.test("is entered into authenticated mode, and left, by who holds its key", async (t) => {
  const { ask, code, key, ksn, state, clock, reader } = begin({ level: 4 });
  t.strictSame(state(), { state: "waiting for activation", antecedent: "powered up" });
  t.equal(reader.nextFrame(CARD).length, 0, "no card is read before");
  const enter = () =>
    activateAuthenticatedMode.decodeResponse(ask(activateAuthenticatedMode.encodeRequest({ replyWithin: 60 })));
  const first = enter();
  t.strictSame(first.ksn, ksn());
  t.equal(state().state, "waiting for the activation reply");
  t.equal(code(reset.encodeRequest()), 7, "no reset without a MAC meanwhile");
  const sessionId = hex("1122334455667788");
  const encryptedSessionId = encryptEcb(tdesKey(key("pin").map((byte) => byte ^ 0x3c)), sessionId);
  const reply = activationReply(key("pin"), first.challenge1, 30);
  t.equal(code(activationChallengeReply.encodeRequest({ reply, encryptedSessionId })), 0);
  t.strictSame(state(), { state: "waiting for a swipe", antecedent: "authenticated" });
  t.equal(code(activateAuthenticatedMode.encodeRequest({ replyWithin: 60 })), 3, "it is in that mode already");

  const used = ksn();
  const frame = readerFamilies["magtek-magnesafe"].decode(reader.nextFrame(CARD));
  t.strictSame(frame.encryption?.ksn, used);
  const sent = frame.fields?.find(({ name }) => name === "encryptedSessionId")?.bytes ?? new Uint8Array();
  t.strictSame(
    decryptReaderBlock(bdk, "tdes-dukpt-pin-cbc", used, sent).use((bytes) => bytes.slice()),
    sessionId,
  );
  t.strictSame(frame.fields?.find(({ name }) => name === "readerEncryptionStatus")?.bytes, hex("000E"));
  t.strictSame(state(), { state: "waiting for activation", antecedent: "good swipe" }, "a swipe ends it");
  t.notSame(ksn(), used);

  const second = enter();
  t.equal(
    code(activationChallengeReply.encodeRequest({ reply: activationReply(key("pin"), second.challenge1, 30) })),
    0,
  );
  const wrong = deactivationReply(key("pin"), second.challenge1, true);
  t.equal(code(deactivateAuthenticatedMode.encodeRequest({ reply: wrong })), 3);
  t.strictSame(state(), { state: "waiting for a swipe", antecedent: "deactivation failed" }, "it stays");
  const before = ksn();
  const leave = (next: boolean, challenge: Uint8Array) =>
    code(deactivateAuthenticatedMode.encodeRequest({ reply: deactivationReply(key("pin"), challenge, next) }));
  t.equal(leave(false, second.challenge2), 0);
  t.strictSame(ksn(), before, "the host let it keep its key");
  t.equal(leave(false, second.challenge2), 7, "it is out of the mode");

  const third = enter();
  t.not(hexOf(decryptChallenge(key("pin"), third.challenge1)), hexOf(decryptChallenge(key("pin"), second.challenge1)));
  t.equal(
    code(activationChallengeReply.encodeRequest({ reply: activationReply(key("pin"), third.challenge1, 30) })),
    0,
  );
  await clock.advance(Seconds(31));
  t.strictSame(state(), { state: "waiting for activation", antecedent: "swipe timed out" });
  t.notSame(ksn(), before, "which uses up a key");
  enter();
  await clock.advance(Seconds(61));
  t.strictSame(state(), { state: "waiting for activation", antecedent: "authentication timed out" });
});

t.test("lets nobody guess at its key", async (t) => {
  const { ask, code, key, proven, state, clock } = begin({ level: 3 });
  const request = activateAuthenticatedMode.encodeRequest({ replyWithin: 60 });
  const guess = () => {
    activateAuthenticatedMode.decodeResponse(ask(request));
    return code(activationChallengeReply.encodeRequest({ reply: hex("0102030405060708") }));
  };
  t.equal(guess(), 3);
  t.strictSame(state(), { state: "waiting for a swipe", antecedent: "authentication failed" });
  t.equal(guess(), 3);
  t.equal(state().state, "waiting for the anti-hacking timer");
  t.equal(code(request), 5, "delayed");
  await clock.advance(Seconds(11));
  t.equal(guess(), 3);
  await clock.advance(Seconds(11));
  t.equal(code(request), 5, "twice as long");
  t.equal(code(reset.encodeRequest()), 7);
  t.equal(code(proven(reset.encodeRequest())), 0);
  await clock.advance(Seconds(20));
  const { challenge1 } = activateAuthenticatedMode.decodeResponse(ask(request));
  t.equal(code(activationChallengeReply.encodeRequest({ reply: activationReply(key("pin"), challenge1, 9) })), 0);
});

t.test("above level 2 it is set by who holds its key, and each proof uses one up", async (t) => {
  const { code, ask, proven, ksn } = begin({ level: 3 });
  const request = setProperty.encodeRequest({ property: "polling interval", value: Uint8Array.of(5) });
  const first = ksn();
  t.equal(code(request), 7, "no MAC");
  t.equal(code(proven(request).with(-1, 0).with(-2, 0)), 7, "a wrong one");
  t.strictSame(ksn(), first);
  const maced = proven(request);
  t.equal(code(maced), 0);
  t.notSame(ksn(), first);
  t.equal(code(maced), 7, "not again");
  const level = () => getSecurityLevel.decodeResponse(ask(getSecurityLevel.encodeRequest())).level;
  t.equal(code(setSecurityLevel.encodeRequest({ level: 4 })), 7);
  for (const wrong of [2, 3, 5]) t.equal(code(proven(setSecurityLevel.encodeRequest({ level: wrong }))), 2, `${wrong}`);
  t.equal(code(proven(setSecurityLevel.encodeRequest({ level: 4 }))), 0);
  t.equal(level(), 3, "until it begins anew");
  t.equal(code(reset.encodeRequest()), 0);
  t.equal(level(), 4);
  t.equal(code(proven(setSecurityLevel.encodeRequest({ level: 3 }))), 2, "never back");
});

t.test("what it is set to shows in its frames from the next reset on", async (t) => {
  const { reader, code, ask } = begin({ family: "magtek-keyboard" });
  const set = (property: Property, value: Uint8Array) =>
    t.equal(code(setProperty.encodeRequest({ property, value })), 0);
  const text = () => String.fromCharCode(...reader.nextFrame(CARD));
  t.notMatch(text(), /\|/, "SureSwipe text, as it is delivered");
  set("keyboard sureswipe flag", Uint8Array.of(0));
  t.notMatch(text(), /\|/);
  t.match(reader.commands?.hear(reset.encodeRequest()), { resets: true });
  const frame = readerFamilies["magtek-keyboard"].decode(reader.nextFrame(CARD));
  t.ok(frame.tracks[1].clear, "MagneSafe's own, clear at level 2");
  set("interface type", Uint8Array.of(0));
  t.equal(code(reset.encodeRequest()), 0);
  t.equal(reader.family, "magtek-magnesafe");
  t.ok(readerFamilies["magtek-magnesafe"].decode(reader.nextFrame(CARD)).tracks[1].clear);
  t.equal(hexOf(ask(getProperty.encodeRequest({ property: "software id" })).subarray(2)), "3231303432383132463031");
  const { reader: encrypting } = begin({
    level: 3,
    properties: { "device serial": Uint8Array.from(Buffer.from("B400795")) },
  });
  const typed = begin({ family: "magtek-keyboard", level: 3 }).reader.nextFrame(CARD);
  const { encryption, fields } = readerFamilies["magtek-keyboard"].decode(typed);
  t.ok(encryption);
  t.equal(fields?.find(({ name }) => name === "clearTextCrc")?.bytes.length, 2);
  t.match(readerFamilies["magtek-magnesafe"].decode(encrypting.nextFrame(CARD)), { serial: "B400795" });
});

t.test("what the manual does not allow is refused by its code", async (t) => {
  const { code, ask } = begin();
  for (const [bytes, expected] of [
    ["", 2],
    ["00", 2],
    ["0001", 2],
    ["0001FF", 2],
    ["00011A", 2],
    ["0102000041", 2],
    ["01020200", 2],
    ["0103020101", 2],
    ["01021002", 2],
    ["010600" + "0102030405", 2],
    ["0100", 2],
    ["020101", 2],
    ["090101", 2],
    ["0A0701020304050607", 2],
    ["1000", 2],
    ["1002003C", 7],
    ["11080102030405060708", 7],
    ["12080102030405060708", 7],
    ["140101", 2],
    ["150103", 7],
    ["FF00", 1],
  ] as const) {
    t.equal(code(hex(bytes)), expected, bytes);
  }
  t.equal(code(setSessionId.encodeRequest({ sessionId: new Uint8Array(8) })), 0);
  t.strictSame(ask(hex("FF00")), hex("0100"));
  const plain = begin({ family: "magtek-sureswipe" });
  t.equal(plain.code(getProperty.encodeRequest({ property: "software id" })), 0);
  t.equal(plain.code(getProperty.encodeRequest({ property: "device serial" })), 2);
  t.equal(plain.code(getSecurityLevel.encodeRequest()), 1, "it has no keys");
});

t.test("any report is answered with a result code", async (t) => {
  const { ask } = begin({ level: 4 });
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (report) => {
      const { first } = decodeMessage(ask(report));
      t.ok(RESULT_CODES[first] !== undefined);
    }),
    { seed: 6, numRuns: 500 },
  );
});
