import Type from "typebox";

/** An object that refuses unknown properties, as every message here does. */
export const strict = <P extends Type.TProperties>(properties: P) =>
  Type.Object(properties, { additionalProperties: false });

/**
 * One line for people, 1 to `max` characters: no control characters, which steer terminals and break lines, and no half
 * surrogates, which no store gives back as they were.
 */
export const line = (max: number) => Type.String({ minLength: 1, maxLength: max, pattern: "^[^\\p{Cc}\\p{Cs}]+$" });

/** A UUID as text, RFC 9562, in lower case: 36 characters. */
export const Uuid = Type.String({
  pattern: "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
  description: "RFC 9562, lower case",
});

/** RFC 3339 in UTC with milliseconds, as `Date.prototype.toISOString` writes it; `Date.parse` makes a moment of each. */
export const Timestamp = Type.String({
  pattern: "^\\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\\d|3[01])T([01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d\\.\\d{3}Z$",
});

/** What the payer types to find an order on another device: 8 to 12 digits. */
export const TransactionCode = Type.String({ pattern: "^[0-9]{8,12}$" });

/** E.164 with the plus sign. */
export const PhoneNumber = Type.String({ pattern: "^\\+[1-9][0-9]{6,14}$" });

/** Minor units of the currency (fen, cents): never a fraction. Twelve digits are what ISO 8583 field 4 holds. */
export const Amount = Type.Integer({ minimum: 1, maximum: 999_999_999_999 });

/** ISO 4217 alphabetic. */
export const Currency = Type.String({ pattern: "^[A-Z]{3}$" });

/** What is shown of a card: first six and last four at most (PCI DSS 4.0.1 3.4.1). */
export const MaskedPan = Type.String({ pattern: "^[0-9]{0,6}\\*+[0-9]{0,4}$" });

/** The code of a failure, as ERRORS.md lists them: 3 to 64 lower-case letters, digits and underscores. */
export const ErrorCode = Type.String({ pattern: "^[a-z][a-z0-9_]{2,63}$" });

/** An Ed25519 or X25519 public key, RFC 7517 and RFC 8037. Private members are refused as unknown. */
export const PublicJwk = strict({
  kty: Type.Literal("OKP"),
  crv: Type.Union([Type.Literal("Ed25519"), Type.Literal("X25519")]),
  x: Type.String({ pattern: "^[A-Za-z0-9_-]{43}$" }),
  kid: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })),
  use: Type.Optional(Type.Union([Type.Literal("sig"), Type.Literal("enc")])),
  alg: Type.Optional(Type.String({ maxLength: 32 })),
});
export type PublicJwk = Type.Static<typeof PublicJwk>;
