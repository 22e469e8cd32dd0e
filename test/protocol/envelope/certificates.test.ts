import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import {
  signCertificateFinding,
  signCertificateRequest,
  verifyCertificateFinding,
  verifyCertificateRequest,
} from "@swipewire/protocol/envelope/certificates";
import { signSealingKeys } from "@swipewire/protocol/envelope/sealing-keys";
import type { PublicJwk } from "@swipewire/protocol/messages/fields";
import { CompactSign, importJWK } from "jose";
import t from "tap";

const TERMINAL = "5b1d2c3e-4f5a-4b6c-8d7e-9f0a1b2c3d4e";
const OTHER = "6f8f2c3a-6c1e-4f0e-8f57-0f7b8a0e2a11";
const PEM = `-----BEGIN CERTIFICATE-----\n${"QUFB".repeat(16)}\n-----END CERTIFICATE-----\n`;
const found = { authority: PEM, url: "mqtts://broker.example:8883", certificate: PEM };

function pair() {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  return { jwk: publicKey.export({ format: "jwk" }) as PublicJwk, privateKey };
}
const own = pair();
const stranger = pair();
const by = (key: KeyObject) => (input: Uint8Array) => sign(null, input, key);
const imported = async (key: KeyObject) => {
  const made = await importJWK(key.export({ format: "jwk" }), "EdDSA");
  if (made instanceof Uint8Array) throw new TypeError("no key pair's");
  return made;
};

t.test("a request is the terminal's that signed it, and no other's", async (t) => {
  const signed = await signCertificateRequest(TERMINAL, "AAAA", await imported(own.privateKey));
  t.equal(await verifyCertificateRequest(signed, TERMINAL, own.jwk), "AAAA");
  const refused = { code: "certificate_request_refused" };
  await t.rejects(verifyCertificateRequest(signed, OTHER, own.jwk), refused);
  await t.rejects(verifyCertificateRequest(signed, TERMINAL, stranger.jwk), refused);
  await t.rejects(verifyCertificateRequest(`${signed.slice(0, -4)}AAAA`, TERMINAL, own.jwk), refused);
  const payload = new TextEncoder().encode(JSON.stringify({ terminal: TERMINAL, request: "AAAA" }));
  const elsewhere = await new CompactSign(payload)
    .setProtectedHeader({ alg: "EdDSA", typ: "swipewire-swipe+1" })
    .sign(await imported(own.privateKey));
  await t.rejects(verifyCertificateRequest(elsewhere, TERMINAL, own.jwk), refused, "signed for something else");
  await t.rejects(signCertificateRequest("nobody", "AAAA", await imported(own.privateKey)), {
    code: "message_invalid",
  });
  await t.rejects(signCertificateRequest(TERMINAL, "?", await imported(own.privateKey)), { code: "message_invalid" });
});

t.test("an answer is the gateway's, and answers one question", async (t) => {
  const { certificate: _, ...without } = found;
  for (const finding of [found, without]) {
    const statement = signCertificateFinding(OTHER, finding, by(own.privateKey));
    t.same(await verifyCertificateFinding(statement, OTHER, own.jwk), finding);
  }
  const statement = signCertificateFinding(OTHER, found, by(own.privateKey));
  const refused = { code: "certificate_answer_refused" };
  await t.rejects(verifyCertificateFinding(statement, TERMINAL, own.jwk), refused);
  await t.rejects(verifyCertificateFinding(statement, OTHER, stranger.jwk), refused);
  await t.rejects(verifyCertificateFinding("a.b.c", OTHER, own.jwk), refused);
  const keys = signSealingKeys(OTHER, [own.jwk], by(own.privateKey));
  await t.rejects(verifyCertificateFinding(keys, OTHER, own.jwk), refused, "signed for something else");
  const plain = { ...found, url: "mqtt://broker.example" };
  t.throws(() => signCertificateFinding(OTHER, plain, by(own.privateKey)), { code: "message_invalid" });
});
