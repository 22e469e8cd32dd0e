import { base64url, CompactSign, type CryptoKey, compactVerify, importJWK } from "jose";
import Type from "typebox";
import { CertificateAnswerRefused, CertificateRequestRefused } from "../errors.ts";
import { CertificateRequest, PemCertificate, TerminalCertificate } from "../messages/certificates.ts";
import { type PublicJwk, strict, Uuid } from "../messages/fields.ts";
import { checker, reader } from "../messages/parse.ts";

/**
 * What a terminal signs with the key of its swipes: which terminal it is, and the request. So a broker, which could write
 * to any terminal's topic, gets no certificate.
 */
const Request = strict({ terminal: Uuid, request: CertificateRequest });

const found = strict({
  /** Of the authority that signs. */
  authority: PemCertificate,
  /** Of the broker that asks terminals for certificates. */
  url: TerminalCertificate.properties.url,
  /** Where one was asked for. */
  certificate: Type.Optional(PemCertificate),
});
/** What the gateway says about certificates. */
export type CertificateFinding = Type.Static<typeof found>;

/** What the gateway signs: which question it answers, and the answer. */
const Statement = strict({ question: Uuid, found });

const REQUEST_TYPE = "swipewire-certificate-request+1";
const STATEMENT_TYPE = "swipewire-certificate+1";
const LIMIT = 12_288;

const readRequest = reader(Request, LIMIT);
const readStatement = reader(Statement, LIMIT);
const checkRequest = checker(Request);
const checkStatement = checker(Statement);

/**
 * A terminal's request for a certificate, a compact JWS.
 * @param terminal UUID
 * @param request PKCS #10 in DER, base64url
 * @param signingKey the terminal's, Ed25519
 * @throws MessageInvalid for a terminal or a request that is none
 */
export async function signCertificateRequest(
  terminal: string,
  request: string,
  signingKey: CryptoKey,
): Promise<string> {
  return await new CompactSign(new TextEncoder().encode(JSON.stringify(checkRequest({ terminal, request }))))
    .setProtectedHeader({ alg: "EdDSA", typ: REQUEST_TYPE })
    .sign(signingKey);
}

/**
 * The request of {@link signCertificateRequest}.
 * @param signed compact JWS
 * @param terminal UUID of the one that must have signed it
 * @param signingKey its Ed25519 key
 * @returns PKCS #10 in DER, base64url; itself not verified
 * @throws CertificateRequestRefused when anybody else signed it, or for another terminal
 */
export async function verifyCertificateRequest(
  signed: string,
  terminal: string,
  signingKey: PublicJwk,
): Promise<string> {
  let read: Type.Static<typeof Request>;
  try {
    read = readRequest(await payloadOf(signed, signingKey, REQUEST_TYPE));
  } catch {
    // The library's messages may quote what they were given.
    throw new CertificateRequestRefused({ detail: "signature" });
  }
  if (read.terminal !== terminal) throw new CertificateRequestRefused({ detail: "another terminal's" });
  return read.request;
}

/**
 * The gateway's answer to a terminal's question for a certificate, a compact JWS.
 * @param question UUID
 * @param sign what Ed25519 makes of it with the gateway's signing key: 64 bytes
 * @throws MessageInvalid for an answer or a question that is none
 */
export function signCertificateFinding(
  question: string,
  finding: CertificateFinding,
  sign: (input: Uint8Array) => Uint8Array,
): string {
  const part = (content: object) => base64url.encode(JSON.stringify(content));
  const input = `${part({ alg: "EdDSA", typ: STATEMENT_TYPE })}.${part(checkStatement({ question, found: finding }))}`;
  return `${input}.${base64url.encode(sign(new TextEncoder().encode(input)))}`;
}

/**
 * What {@link signCertificateFinding} signed.
 * @param statement compact JWS
 * @param question UUID of what was asked
 * @param gatewayKey the gateway's Ed25519 key, as this terminal pinned it
 * @throws CertificateAnswerRefused when anybody else signed it, or it answers another question
 */
export async function verifyCertificateFinding(
  statement: string,
  question: string,
  gatewayKey: PublicJwk,
): Promise<CertificateFinding> {
  let read: Type.Static<typeof Statement>;
  try {
    read = readStatement(await payloadOf(statement, gatewayKey, STATEMENT_TYPE));
  } catch {
    throw new CertificateAnswerRefused({ detail: "signature" });
  }
  if (read.question !== question) throw new CertificateAnswerRefused({ detail: "another question's answer" });
  return read.found;
}

async function payloadOf(jws: string, key: PublicJwk, type: string): Promise<Uint8Array> {
  const { payload, protectedHeader } = await compactVerify(jws, await importJWK({ ...key }, "EdDSA"), {
    algorithms: ["EdDSA"],
  });
  if (protectedHeader.typ !== type) throw new TypeError("signed for something else");
  return payload;
}
