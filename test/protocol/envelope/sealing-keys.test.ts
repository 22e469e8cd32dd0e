import {
  answerChallenge,
  challengeGateway,
  signSealingKeys,
  verifySealingKeys,
} from "@swipewire/protocol/envelope/sealing-keys";
import type { PublicJwk } from "@swipewire/protocol/messages/fields";
import { randomUuid } from "@swipewire/protocol/random";
import { SensitiveBytes } from "@swipewire/protocol/sensitive-bytes";
import { CompactEncrypt, CompactSign, type CryptoKey, compactDecrypt, exportJWK, generateKeyPair } from "jose";
import t from "tap";
import { signWith } from "../../ed25519.ts";
import { seededRandom } from "../../seeded-random.ts";

const random = seededRandom(5);
const publicOf = async (key: CryptoKey) => (await exportJWK(key)) as PublicJwk;
const refused = { code: "sealing_keys_refused" };

const gateway = await generateKeyPair("Ed25519", { extractable: true });
const stranger = await generateKeyPair("Ed25519", { extractable: true });
const sealing = await generateKeyPair("ECDH-ES", { crv: "X25519", extractable: true });
const gatewayKey = await publicOf(gateway.publicKey);
const newer: PublicJwk = { ...(await publicOf(sealing.publicKey)), kid: "newer", use: "enc" };
const older: PublicJwk = { kty: "OKP", crv: "X25519", x: "3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08", kid: "older" };

t.test("the gateway's answer to this question is believed, and no other", async (t) => {
  const question = randomUuid(random);
  const statement = signSealingKeys(question, [newer, older], signWith(gateway.privateKey));
  t.same(await verifySealingKeys(statement, question, gatewayKey), [newer, older]);

  const [header = "", payload = "", signature = ""] = statement.split(".");
  const json = (content: unknown) => Buffer.from(JSON.stringify(content)).toString("base64url");
  const signed = (content: unknown, typ = "swipewire-sealing-keys+1", key = gateway.privateKey) =>
    new CompactSign(new TextEncoder().encode(JSON.stringify(content)))
      .setProtectedHeader({ alg: "EdDSA", typ })
      .sign(key);
  const good = { question, sealingKeys: [newer, older] };
  for (const [what, forged] of Object.entries({
    "another key of the gateway's": await signed(good, "swipewire-sealing-keys+1", stranger.privateKey),
    "an answer to another question": signSealingKeys(randomUuid(random), [newer], signWith(gateway.privateKey)),
    "something else that the gateway signed": await signed(good, "swipewire-swipe+1"),
    "other keys under the old signature": [header, json({ question, sealingKeys: [older] }), signature].join("."),
    "no signature": [header, payload, ""].join("."),
    "no algorithm": [json({ alg: "none", typ: "swipewire-sealing-keys+1" }), payload, ""].join("."),
    "a key that signs": await signed({ question, sealingKeys: [gatewayKey] }),
    "no keys": await signed({ question, sealingKeys: [] }),
    "more than was agreed": await signed({ ...good, surplus: 1 }),
    nothing: "",
  })) {
    await t.rejects(verifySealingKeys(forged, question, gatewayKey), refused, what);
  }
  t.throws(() => signSealingKeys("1", [newer], signWith(gateway.privateKey)), { code: "message_invalid" });
});

t.test("only who can open what is sealed to the pinned key can say which signing key the gateway has", async (t) => {
  const { challenge, open } = await challengeGateway(newer, random);
  const { plaintext } = await compactDecrypt(challenge, sealing.privateKey);
  const answer = await answerChallenge(new SensitiveBytes(plaintext.slice()), gatewayKey);
  t.same(await open(answer), gatewayKey);

  const stale = await challengeGateway(newer, random);
  await t.rejects(stale.open(answer), refused, "an older question's answer");
  const sealed = (content: unknown, typ = "swipewire-sealing-keys+1") =>
    new CompactEncrypt(new TextEncoder().encode(JSON.stringify(content)))
      .setProtectedHeader({ alg: "dir", enc: "A256GCM", typ })
      .encrypt(plaintext);
  await t.rejects(open(await sealed(newer)), refused, "a key that signs nothing");
  await t.rejects(open(await sealed(gatewayKey, "swipewire-swipe+1")), refused);
  await t.rejects(open(await sealed({})), refused);
  await t.rejects(open(challenge), refused, "the question itself");
  for (const bent of ["", "a.b.c.d.e", answer.slice(0, -8), answer.replace(/.$/, (end) => (end === "A" ? "Q" : "A"))]) {
    await t.rejects(open(bent), refused);
  }
  await t.rejects(answerChallenge(new SensitiveBytes(new Uint8Array(31)), gatewayKey), refused, "no challenge");
});
