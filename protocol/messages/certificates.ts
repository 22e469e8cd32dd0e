import Type from "typebox";
import { strict } from "./fields.ts";

/** An X.509 certificate (RFC 5280) as PEM: RFC 7468 5. */
export const PemCertificate = Type.String({
  pattern: "^-----BEGIN CERTIFICATE-----\\n[A-Za-z0-9+/=\\n]+-----END CERTIFICATE-----\\n?$",
  maxLength: 4_096,
});

/** A certification request (PKCS #10, RFC 2986) in DER, base64url as RFC 8555 7.4 has it. */
export const CertificateRequest = Type.String({ pattern: "^[A-Za-z0-9_-]+$", maxLength: 2_048 });

/** `GET /v1/certificate-authority`: who signs terminals' certificates; 404 where nobody does. As RFC 7030 4.1. */
export const AuthorityReply = strict({ authority: PemCertificate });
export type AuthorityReply = Type.Static<typeof AuthorityReply>;

/** What a terminal shows to its broker, and believes it by. */
export const TerminalCertificate = strict({
  /** Its common name is the terminal's id. */
  certificate: PemCertificate,
  /** What signed it, and the broker's. */
  authority: PemCertificate,
  /** Of the broker that asks for it. */
  url: Type.String({ pattern: "^mqtts://", maxLength: 300 }),
});
export type TerminalCertificate = Type.Static<typeof TerminalCertificate>;
