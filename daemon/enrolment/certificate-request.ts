import { createHash, generateKeyPairSync, sign } from "node:crypto";
import type { KeptCertificate } from "../state/certificate.ts";
import { type TokenPlace, tokenSigner } from "./token-key.ts";

/** A key for a certificate, and the request for one. */
export interface CertificateKey {
  readonly key: KeptCertificate["key"];
  /** PKCS #10 in DER, base64url. */
  readonly request: string;
}

/** RFC 5758 3.2. */
const ECDSA_WITH_SHA256 = "1.2.840.10045.4.3.2";

/**
 * A P-256 key and a request for it, made in the token where there is one. The request names nobody: who asks is told beside
 * it.
 * @throws TokenKeyUnusable | StateFileExposed | StateFolderUnusable
 */
export async function makeCertificateKey(place: TokenPlace | undefined): Promise<CertificateKey> {
  if (place) {
    const { publicKey, sign } = await tokenSigner(place);
    const digestOf = (message: Uint8Array) => createHash("sha256").update(message).digest();
    return { key: { in: "token" }, request: await requestFor(publicKey, (message) => sign(digestOf(message))) };
  }
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return {
    key: String(privateKey.export({ format: "pem", type: "pkcs8" })),
    request: await requestFor(publicKey.export({ format: "der", type: "spki" }), (message) =>
      sign("sha256", message, privateKey),
    ),
  };
}

/** @param publicKey SubjectPublicKeyInfo in DER */
async function requestFor(
  publicKey: Uint8Array,
  signed: (message: Uint8Array) => Uint8Array | Promise<Uint8Array>,
): Promise<string> {
  // Loaded here: it takes 15 MB, and is needed once in months.
  const [{ CertificationRequest, CertificationRequestInfo }, { AsnConvert }, x509] = await Promise.all([
    import("@peculiar/asn1-csr"),
    import("@peculiar/asn1-schema"),
    import("@peculiar/asn1-x509"),
  ]);
  const info = new CertificationRequestInfo({
    subject: new x509.Name(),
    subjectPKInfo: AsnConvert.parse(Uint8Array.from(publicKey).buffer, x509.SubjectPublicKeyInfo),
  });
  const signature = await signed(new Uint8Array(AsnConvert.serialize(info)));
  const request = new CertificationRequest({
    certificationRequestInfo: info,
    signatureAlgorithm: new x509.AlgorithmIdentifier({ algorithm: ECDSA_WITH_SHA256 }),
    signature: Uint8Array.from(signature).buffer,
  });
  return Buffer.from(AsnConvert.serialize(request)).toString("base64url");
}
