import Type from "typebox";
import { CertificateRequest, TerminalCertificate } from "./certificates.ts";
import { line, PublicJwk, strict, Timestamp, Uuid } from "./fields.ts";

/** `POST /v1/terminals`: a one-time token gives a terminal its identity. */
export const EnrolmentRequest = strict({
  token: Type.String({ pattern: "^[A-Za-z0-9_-]{22,64}$" }),
  name: line(80),
  /** Ed25519; the private half never leaves the terminal. */
  signingKey: PublicJwk,
  /** Where the gateway has an authority: for a key of its own, P-256 or Ed25519. */
  certificateRequest: Type.Optional(CertificateRequest),
});
export type EnrolmentRequest = Type.Static<typeof EnrolmentRequest>;

/** What the terminal is from now on, and how it reaches the gateway. */
export const EnrolmentReply = strict({
  terminal: Uuid,
  mqtt: strict({
    url: Type.String({ pattern: "^mqtts?://" }),
    username: Type.String(),
    password: Type.String(),
  }),
  /** X25519 keys to seal swipes to, newest first. */
  sealingKeys: Type.Array(PublicJwk, { minItems: 1 }),
  serverTime: Timestamp,
  /** Where one was asked for. */
  certificate: Type.Optional(TerminalCertificate),
});
export type EnrolmentReply = Type.Static<typeof EnrolmentReply>;
