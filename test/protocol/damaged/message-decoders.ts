import { KeyObject, sign, type webcrypto } from "node:crypto";
import { configReader } from "@swipewire/protocol/config/config-reader";
import {
  signCertificateFinding,
  signCertificateRequest,
  verifyCertificateFinding,
  verifyCertificateRequest,
} from "@swipewire/protocol/envelope/certificates";
import { SealHeader } from "@swipewire/protocol/envelope/header";
import { openSealedSwipe } from "@swipewire/protocol/envelope/open";
import { sealSwipe } from "@swipewire/protocol/envelope/seal";
import {
  answerChallenge,
  challengeGateway,
  signSealingKeys,
  verifySealingKeys,
} from "@swipewire/protocol/envelope/sealing-keys";
import { EnrolmentReply, EnrolmentRequest } from "@swipewire/protocol/messages/enrolment";
import type { PublicJwk } from "@swipewire/protocol/messages/fields";
import { strict } from "@swipewire/protocol/messages/fields";
import { SessionCommand } from "@swipewire/protocol/messages/local-session";
import { NewOrder } from "@swipewire/protocol/messages/merchant-api";
import { reader } from "@swipewire/protocol/messages/parse";
import { TerminalPresence } from "@swipewire/protocol/messages/presence";
import { PhoneEvent, PhoneRequest } from "@swipewire/protocol/messages/simulated-phone";
import { DownMessage, MAX_LINK_MESSAGE, UpMessage } from "@swipewire/protocol/messages/terminal-link";
import { parseTerminalTopic, topics } from "@swipewire/protocol/messages/topics";
import { WebhookEvent } from "@swipewire/protocol/messages/webhook";
import { SensitiveBytes } from "@swipewire/protocol/sensitive-bytes";
import { compactDecrypt, exportJWK, FlattenedSign, generateKeyPair } from "jose";
import Type from "typebox";
import { seededRandom } from "../../seeded-random.ts";
import { ascii } from "../readers/frame-samples.ts";
import type { DamagedDecoder } from "./damaged-decoder.ts";

const uuid = "6f8f2c3a-6c1e-4f0e-8f57-0f7b8a0e2a11";
const at = "2026-11-01T00:00:00.000Z";
const json = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
const latin1 = (bytes: Uint8Array) => Buffer.from(bytes).toString("latin1");

const jwk: PublicJwk = { kty: "OKP", crv: "X25519", x: "A".repeat(43) };
const link = (type: string, body: object) => ({ v: 1, id: uuid, type, at, until: at, body });

/** Who reads which messages, with one of each. */
const schemas: readonly (readonly [name: string, schema: Type.TSchema, ...messages: readonly object[]])[] = [
  [
    "terminal to gateway",
    UpMessage,
    link("order.find", { code: "12345678" }),
    link("swipe.submit", { payment: uuid, sealed: "eyJhbGciOiJFQ0RILUVTIn0..aXY.Y2lwaGVydGV4dA.dGFn" }),
  ],
  [
    "gateway to terminal",
    DownMessage,
    link("payment.state", { payment: uuid, state: "calling" }),
    link("payment.result", {
      payment: uuid,
      order: uuid,
      outcome: "approved",
      amount: 12_800,
      currency: "CNY",
      maskedPan: "622424******0069",
      orderPayable: false,
    }),
  ],
  ["presence", TerminalPresence, { v: 1, state: "online", at, version: "1", reader: { connected: false } }],
  ["page to daemon", SessionCommand, { do: "card", pin: true, phone: "+8613800000000" }],
  ["gateway to phone", PhoneRequest, { do: "call", call: uuid, to: "+8613800000000", prompt: "pin" }],
  ["phone to gateway", PhoneEvent, { call: uuid, event: "key", key: "5" }],
  ["enrolment", EnrolmentRequest, { token: "t".repeat(22), name: "kiosk 1", signingKey: jwk }],
  [
    "answer to an enrolment",
    EnrolmentReply,
    {
      terminal: uuid,
      mqtt: { url: "mqtts://gateway.example", username: "u", password: "p" },
      sealingKeys: [jwk],
      serverTime: at,
    },
  ],
  ["new order", NewOrder, { orderNumber: "1", product: "tea", amount: 12_800, currency: "CNY" }],
  [
    "webhook",
    WebhookEvent,
    {
      type: "payment.approved",
      timestamp: at,
      data: { order: uuid, orderNumber: "1", payment: uuid, status: "paid", amount: 12_800, currency: "CNY" },
    },
  ],
];

const messages = schemas.map(([name, schema, ...samples]): DamagedDecoder => {
  const read = reader(schema, MAX_LINK_MESSAGE);
  return {
    name: `message, ${name}`,
    of: ["reader", "fromJson", "checker"].map((name) => `messages/parse#${name}`),
    samples: samples.map(json),
    codes: /^message_(too_large|not_json|invalid)$/,
    decode: (bytes) => read(bytes),
  };
});

const terminal = await generateKeyPair("EdDSA", { extractable: true });
const gateway = await generateKeyPair("ECDH-ES", { crv: "X25519", extractable: true });
const verificationKey = (await exportJWK(terminal.publicKey)) as PublicJwk;
const context = { terminal: uuid, swipe: uuid, payment: uuid, order: uuid, pin: false, at: 1_793_534_400_000 };
const card = ascii(";6224242300000069=30122200000000000?");
const sealed = await sealSwipe(
  { kind: "clear", family: "ascii", tracks: [{ number: 2, data: SensitiveBytes.copyOf(card) }] },
  context,
  terminal.privateKey,
  { ...((await exportJWK(gateway.publicKey)) as PublicJwk), kid: "1" },
);
const { plaintext } = await compactDecrypt(sealed, gateway.privateKey);
const header = json({
  ...{ alg: "EdDSA", b64: false, crit: ["b64"], typ: "swipewire-swipe+1", kid: uuid },
  ...{ swipe: uuid, payment: uuid, order: uuid, pin: false, at: context.at },
  content: { kind: "clear", family: "ascii", tracks: [{ number: 2, length: card.length }] },
});

/** Signed as a terminal would, whatever the header says. */
async function signed(damaged: Uint8Array): Promise<SensitiveBytes> {
  const fields: Record<string, unknown> = JSON.parse(latin1(damaged));
  const protectedHeader = { ...fields, alg: "EdDSA", b64: false, crit: ["b64"] };
  const jws = await new FlattenedSign(card).setProtectedHeader(protectedHeader).sign(terminal.privateKey);
  const detached = ascii(`${jws.protected}..${jws.signature}`);
  return new SensitiveBytes(Uint8Array.of(detached.length >> 8, detached.length & 255, ...detached, ...card));
}

const envelope: readonly DamagedDecoder[] = [
  {
    name: "opened envelope",
    of: ["envelope/open#openSealedSwipe"],
    samples: [plaintext],
    codes: /^envelope_(malformed|signature_invalid)$/,
    decode: (bytes) => openSealedSwipe("", async () => SensitiveBytes.copyOf(bytes), verificationKey),
  },
  {
    // Signed anew each time: a tenth of the inputs.
    name: "opened envelope with a right signature",
    of: ["envelope/open#openSealedSwipe"],
    samples: [header],
    share: 0.1,
    codes: /^envelope_(malformed|signature_invalid)$/,
    async decode(bytes) {
      let plain: SensitiveBytes;
      try {
        plain = await signed(bytes);
      } catch {
        // What cannot be signed cannot come.
        return;
      }
      await openSealedSwipe("", async () => plain, verificationKey);
    },
  },
  {
    name: "header of an envelope",
    of: ["messages/parse#reader"],
    samples: [header],
    codes: /^message_(too_large|not_json|invalid)$/,
    decode: reader(SealHeader, MAX_LINK_MESSAGE),
  },
];

const question = uuid;
const gatewayKey = (await exportJWK(terminal.publicKey)) as PublicJwk;
const statement = signSealingKeys(question, [jwk], (input) =>
  sign(null, input, KeyObject.from(terminal.privateKey as webcrypto.CryptoKey)),
);
const pinned = (await exportJWK(gateway.publicKey)) as PublicJwk;
const { challenge, open } = await challengeGateway(pinned, seededRandom(9));
const challengeKey = (await compactDecrypt(challenge, gateway.privateKey)).plaintext;
const answer = await answerChallenge(SensitiveBytes.copyOf(challengeKey), verificationKey);

const sealingKeys: readonly DamagedDecoder[] = [
  {
    // A signature is checked each time: a tenth of the inputs.
    name: "signed sealing keys",
    of: ["envelope/sealing-keys#verifySealingKeys"],
    samples: [ascii(statement)],
    share: 0.1,
    codes: /^sealing_keys_refused$/,
    decode: (bytes) => verifySealingKeys(latin1(bytes), question, gatewayKey),
  },
  {
    name: "answer to a challenge",
    of: ["envelope/sealing-keys#challengeGateway"],
    samples: [ascii(answer)],
    share: 0.1,
    codes: /^sealing_keys_refused$/,
    decode: (bytes) => open(latin1(bytes)),
  },
];

const pem = `-----BEGIN CERTIFICATE-----\n${"QUFB".repeat(16)}\n-----END CERTIFICATE-----\n`;
const asked = await signCertificateRequest(uuid, "AAAA", terminal.privateKey);
const found = { authority: pem, url: "mqtts://broker.example:8883", certificate: pem };
const finding = signCertificateFinding(question, found, (input) =>
  sign(null, input, KeyObject.from(terminal.privateKey as webcrypto.CryptoKey)),
);

const certificates: readonly DamagedDecoder[] = [
  {
    name: "signed request for a certificate",
    of: ["envelope/certificates#verifyCertificateRequest"],
    samples: [ascii(asked)],
    share: 0.1,
    codes: /^certificate_request_refused$/,
    decode: (bytes) => verifyCertificateRequest(latin1(bytes), uuid, gatewayKey),
  },
  {
    name: "signed answer about a certificate",
    of: ["envelope/certificates#verifyCertificateFinding"],
    samples: [ascii(finding)],
    share: 0.1,
    codes: /^certificate_answer_refused$/,
    decode: (bytes) => verifyCertificateFinding(latin1(bytes), question, gatewayKey),
  },
];

const readConfig = configReader(
  strict({
    port: Type.Integer({ minimum: 1, maximum: 65_535, default: 80, description: "a port" }),
    password: Type.Optional(Type.String({ minLength: 8, writeOnly: true, description: "8 characters" })),
    readers: Type.Array(strict({ path: Type.String({ description: "a path" }) }), {
      default: [],
      description: "a list",
    }),
  }),
  { prefix: "TEA_" },
);

export const messageDecoders: readonly DamagedDecoder[] = [
  ...messages,
  ...envelope,
  ...sealingKeys,
  ...certificates,
  {
    name: "topic",
    of: ["messages/topics#parseTerminalTopic"],
    samples: [topics.up(uuid), topics.presence(uuid)].map(ascii),
    decode: (bytes) => parseTerminalTopic(latin1(bytes)),
  },
  {
    name: "config",
    of: ["config/config-reader#configReader"],
    samples: [json({ port: 8080, password: "12345678", readers: [{ path: "/dev/ttyS0" }] })],
    decode(bytes) {
      const text = latin1(bytes);
      const reading = readConfig({ file: { name: "FILE", text }, environment: { TEA_PORT: text.slice(0, 9) } });
      if (!("problems" in reading)) return;
      if (reading.problems.length === 0) throw new Error("refused without a reason");
      if (reading.problems.some((problem) => problem.includes("12345678"))) throw new Error("a problem shows a secret");
    },
  },
];
