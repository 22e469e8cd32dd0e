import { deriveInitialKey, deriveTransactionKey, usageKey } from "@swipewire/protocol/crypto/dukpt-tdes";
import { retailMac } from "@swipewire/protocol/crypto/retail-mac";
import { activateAuthenticatedMode } from "@swipewire/protocol/readers/magtek-commands/activate-authenticated-mode";
import { activationChallengeReply } from "@swipewire/protocol/readers/magtek-commands/activation-challenge-reply";
import {
  activationReply,
  deactivationReply,
  decryptChallenge,
  encryptChallenge,
  readActivationReply,
  readDeactivationReply,
} from "@swipewire/protocol/readers/magtek-commands/authentication";
import { takeMac, withMac } from "@swipewire/protocol/readers/magtek-commands/command-mac";
import { deactivateAuthenticatedMode } from "@swipewire/protocol/readers/magtek-commands/deactivate-authenticated-mode";
import { getKsn } from "@swipewire/protocol/readers/magtek-commands/get-ksn";
import { getProperty } from "@swipewire/protocol/readers/magtek-commands/get-property";
import { encodeRefusal, RESULT_CODES } from "@swipewire/protocol/readers/magtek-commands/message";
import { PROPERTIES } from "@swipewire/protocol/readers/magtek-commands/properties";
import { getReaderState } from "@swipewire/protocol/readers/magtek-commands/reader-state";
import { reset } from "@swipewire/protocol/readers/magtek-commands/reset";
import { getSecurityLevel, setSecurityLevel } from "@swipewire/protocol/readers/magtek-commands/security-level";
import { setProperty } from "@swipewire/protocol/readers/magtek-commands/set-property";
import { setSessionId } from "@swipewire/protocol/readers/magtek-commands/set-session-id";
import type { ReaderCommand } from "@swipewire/protocol/readers/reader-command";
import t from "tap";
import magtek from "../../fixtures/magtek.json" with { type: "json" };
import { hex, hexOf } from "./frame-samples.ts";

/** A message taken apart and put together again. */
const again = <Request, Response>(command: ReaderCommand<Request, Response>) => ({
  name: command.name,
  request: (bytes: Uint8Array) => command.encodeRequest(command.decodeRequest(bytes)),
  response: (bytes: Uint8Array) => command.encodeResponse(command.decodeResponse(bytes)),
});

/** By number; of the two that share one, the one without data asks. */
const commands: Readonly<Record<number, ReturnType<typeof again>>> = {
  0: again(getProperty),
  1: again(setProperty),
  2: again(reset),
  9: again(getKsn),
  16: again(activateAuthenticatedMode),
  21: again(getSecurityLevel),
};

function macUnder(ksn: string) {
  const key = usageKey(deriveTransactionKey(deriveInitialKey(hex(magtek.bdk), hex(ksn)), hex(ksn)), "mac-request");
  return (message: Uint8Array) => retailMac(key, message);
}
const FIRST_KSN = "FFFF9876543210E00001";

for (const [example, { title, pairs }] of Object.entries(magtek.exchanges)) {
  t.test(`MagTek's example ${example}, ${title}: each row is taken apart and put together again`, async (t) => {
    for (const { request, response } of pairs) {
      const bytes = hex(request);
      const isMaced = bytes[0] === 0x15 && bytes.length > 2;
      const command = isMaced ? again(setSecurityLevel) : commands[bytes[0] ?? 0];
      if (!command) throw new Error(`no command for ${request}`);
      const mac = macUnder(FIRST_KSN);
      const sent = isMaced ? withMac(command.request(takeMac(bytes, mac)), mac) : command.request(bytes);
      t.equal(hexOf(sent), request, command.name);
      t.equal(hexOf(command.response(hex(response))), response, command.name);
    }
  });
}

t.test("what the rows say can be read in them", async (t) => {
  t.strictSame(getProperty.decodeRequest(hex("000103")), { property: "device serial" });
  t.equal(hexOf(getProperty.decodeResponse(hex("000742303030373935")).value), "42303030373935");
  t.strictSame(setProperty.decodeRequest(hex("01021000")), { property: "interface type", value: Uint8Array.of(0) });
  t.equal(hexOf(getKsn.decodeResponse(hex("000AFFFF9876543210E00002")).ksn), "FFFF9876543210E00002");
  t.strictSame(getSecurityLevel.decodeResponse(hex("000104")), { level: 4 });
  t.strictSame(activateAuthenticatedMode.decodeRequest(hex("100200F0")), { replyWithin: 240 });
  t.strictSame(setSecurityLevel.decodeRequest(takeMac(hex("150503E7E2FA38"), macUnder(FIRST_KSN))), { level: 3 });
});

t.test("every published property and result code has its name", async (t) => {
  t.strictSame(
    Object.values(PROPERTIES),
    Object.keys(magtek.properties)
      .map((number) => Number.parseInt(number, 16))
      .sort((a, b) => a - b),
  );
  for (const code of Object.keys(magtek.result_codes)) t.ok(RESULT_CODES[Number.parseInt(code, 16)], code);
});

t.test("each published command MAC is made and taken", async (t) => {
  for (const { ksn, message_padded, mac_first4 } of magtek.command_macs) {
    const message = hex(message_padded);
    const length = (message[1] ?? 0) - 4;
    const request = Uint8Array.of(message[0] ?? 0, length, ...message.subarray(2, 2 + length));
    const maced = withMac(request, macUnder(ksn));
    t.equal(hexOf(maced.subarray(-4)), mac_first4);
    t.strictSame(maced.subarray(0, -4), message.subarray(0, 2 + length));
    t.strictSame(takeMac(maced, macUnder(ksn)), request);
    const { property, value } = setProperty.decodeRequest(request);
    t.strictSame(setProperty.encodeRequest({ property, value }), request);
  }
});

t.test("a wrong MAC, or none, is refused", async (t) => {
  const mac = macUnder(FIRST_KSN);
  const maced = withMac(setSecurityLevel.encodeRequest({ level: 3 }), mac);
  t.throws(() => takeMac(maced.with(2, 4), mac), { code: "reader_command_mac" });
  t.throws(() => takeMac(maced, macUnder("FFFF9876543210E00002")), { code: "reader_command_mac" });
  t.throws(() => takeMac(hex("0200"), mac), { code: "reader_command_malformed" });
});

const { authentication } = magtek;
const key = hex(authentication.current_key_pin_variant_ksn3);

t.test("authenticated mode is entered and left as MagTek's example 10 does", async (t) => {
  const ksn = hex("FFFF9876543210E00003");
  t.equal(
    hexOf(usageKey(deriveTransactionKey(deriveInitialKey(hex(magtek.bdk), ksn), ksn), "pin")),
    authentication.current_key_pin_variant_ksn3,
  );
  t.equal(hexOf(decryptChallenge(key, hex(authentication.challenge1_enc))), authentication.challenge1);
  t.equal(hexOf(decryptChallenge(key, hex(authentication.challenge2_enc))), authentication.challenge2);
  t.equal(hexOf(encryptChallenge(key, hex(authentication.challenge1))), authentication.challenge1_enc);
  t.equal(hexOf(encryptChallenge(key, hex(authentication.challenge2))), authentication.challenge2_enc);

  const seconds = Number.parseInt(authentication.activation_clear.slice(-4), 16);
  const entering = activationReply(key, hex(authentication.challenge1_enc), seconds);
  t.equal(hexOf(entering), authentication.activation_reply);
  t.equal(readActivationReply(key, hex(authentication.challenge1), entering), seconds);

  const leaving = deactivationReply(key, hex(authentication.challenge2_enc), false);
  t.equal(hexOf(leaving), authentication.deactivate);
  t.equal(readDeactivationReply(key, hex(authentication.challenge2), leaving), false);
  const onward = deactivationReply(key, hex(authentication.challenge2_enc), true);
  t.equal(readDeactivationReply(key, hex(authentication.challenge2), onward), true);

  const request = activationChallengeReply.encodeRequest({ reply: entering });
  t.equal(hexOf(request), `1108${authentication.activation_reply}`);
  t.strictSame(activationChallengeReply.decodeRequest(request), { reply: entering });
  t.equal(hexOf(deactivateAuthenticatedMode.encodeRequest({ reply: leaving })), `1208${authentication.deactivate}`);
});

t.test("a host that holds another key is found out, and a key of another length is none", async (t) => {
  const other = key.map((byte) => byte ^ 2);
  const reply = activationReply(other, hex(authentication.challenge1_enc), 60);
  const challenge1 = hex(authentication.challenge1);
  t.throws(() => readActivationReply(key, challenge1, reply), { code: "reader_challenge_failed" });
  t.throws(() => decryptChallenge(key.subarray(1), challenge1), { code: "key_length" });
  t.throws(() => decryptChallenge(key, challenge1.subarray(1)), { code: "reader_command_malformed" });
});

t.test("what has no published row comes back as it was", async (t) => {
  const sessionId = hex("0102030405060708");
  const request = setSessionId.encodeRequest({ sessionId });
  t.equal(hexOf(request), "0A080102030405060708");
  t.strictSame(setSessionId.decodeRequest(request), { sessionId });
  const both = { reply: sessionId, encryptedSessionId: sessionId };
  t.strictSame(activationChallengeReply.decodeRequest(activationChallengeReply.encodeRequest(both)), both);
  const leaving = deactivateAuthenticatedMode.encodeRequest({ reply: sessionId });
  t.strictSame(deactivateAuthenticatedMode.decodeRequest(leaving), { reply: sessionId });
  const state = { state: "waiting for a swipe", antecedent: "authenticated" } as const;
  t.equal(hexOf(getReaderState.encodeResponse(state)), "00020201");
  t.strictSame(getReaderState.decodeResponse(hex("00020201")), state);
});

t.test("a feature report's zeros behind a response are no part of it", async (t) => {
  const report = new Uint8Array(60);
  report.set(hex("000742303030373935"));
  t.equal(hexOf(getProperty.decodeResponse(report).value), "42303030373935");
});

t.test("a refusal tells the reader's reason", async (t) => {
  t.throws(() => reset.decodeResponse(encodeRefusal(7)), { code: "reader_command_refused", message: /MAC/ });
  t.throws(() => reset.decodeResponse(encodeRefusal(5)), { code: "reader_command_refused", message: /delayed/ });
  t.throws(() => reset.decodeResponse(encodeRefusal(99)), { code: "reader_command_refused", message: /99/ });
});

t.test("broken messages have their failure", async (t) => {
  const code = "reader_command_malformed";
  for (const bytes of ["", "00", "0002", "0001FF", "00FF", "00010000FF", "020100", `003C${"00".repeat(60)}`]) {
    t.throws(() => getProperty.decodeRequest(hex(bytes)), { code }, bytes);
  }
  t.throws(() => getKsn.decodeResponse(hex("0009FFFF9876543210E000")), { code });
  t.throws(() => getReaderState.decodeResponse(hex("00020900")), { code });
  t.throws(() => reset.decodeRequest(hex("020101")), { code });
  t.throws(() => setProperty.encodeRequest({ property: "pre card", value: new Uint8Array(58) }), { code });
  t.throws(() => setSecurityLevel.encodeRequest({ level: 256 }), { code });
  t.throws(() => activateAuthenticatedMode.encodeRequest({ replyWithin: 70_000 }), { code });
});
