import { generateKeyPairSync, sign } from "node:crypto";

/** A key for a certificate, and the request for one. */
export interface CertificateKey {
  /** PKCS #8, PEM. */
  readonly key: string;
  /** PKCS #10 in DER, base64url. */
  readonly request: string;
}

/** RFC 5758 3.2. */
const ECDSA_WITH_SHA256 = "1.2.840.10045.4.3.2";

/** Makes a P-256 key. The request names nobody: who asks is told beside it. */
export async function makeCertificateKey(): Promise<CertificateKey> {
  // Loaded here: it takes 15 MB, and is needed once in months.
  const [{ CertificationRequest, CertificationRequestInfo }, { AsnConvert }, x509] = await Promise.all([
    import("@peculiar/asn1-csr"),
    import("@peculiar/asn1-schema"),
    import("@peculiar/asn1-x509"),
  ]);
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const info = new CertificationRequestInfo({
    subject: new x509.Name(),
    subjectPKInfo: AsnConvert.parse(publicKey.export({ format: "der", type: "spki" }), x509.SubjectPublicKeyInfo),
  });
  const signature = sign("sha256", new Uint8Array(AsnConvert.serialize(info)), privateKey);
  const request = new CertificationRequest({
    certificationRequestInfo: info,
    signatureAlgorithm: new x509.AlgorithmIdentifier({ algorithm: ECDSA_WITH_SHA256 }),
    signature: Uint8Array.from(signature).buffer,
  });
  return {
    key: String(privateKey.export({ format: "pem", type: "pkcs8" })),
    request: Buffer.from(AsnConvert.serialize(request)).toString("base64url"),
  };
}
