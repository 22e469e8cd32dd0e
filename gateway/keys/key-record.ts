import { strict } from "@swipewire/protocol/messages/fields";
import Type from "typebox";

/** What a key is for; none serves for anything else. */
const symmetricUses = ["base-derivation", "terminal-master", "key-block-protection"] as const;
const keyPairUses = ["envelope", "gateway-signing", "certificate-authority"] as const;
/** What custodians bring keys for. */
export const keyPurposes: readonly KeyPurpose["use"][] = symmetricUses;
export type KeyPairUse = (typeof keyPairUses)[number];
export type KeyUse = KeyPairUse | KeyPurpose["use"];

export const isKeyPairUse = (use: unknown): use is KeyPairUse => keyPairUses.some((known) => known === use);

/** Of the KSNs that a base derivation key serves: as many leading hex digits as its owner gave out. */
export const KSN_PREFIX = "^[0-9A-F]{1,16}$";

/** Everything that may be known of a key. */
export const KeyRecord = strict({
  name: Type.String({ pattern: "^[A-Za-z0-9_-]{1,64}$" }),
  use: Type.Enum([...keyPairUses, ...symmetricUses]),
  algorithm: Type.Enum(["X25519", "Ed25519", "TDES", "AES"]),
  /** Of the key as it is stored: 128 for two-key TDES, parity bits included. */
  bits: Type.Enum([128, 192, 256]),
  /**
   * Three bytes in hex. TDES: of eight zero bytes encrypted under it; AES: of the CMAC of a zero block (X9.24-1:2017
   * annex A). Of a key pair: the beginning of its thumbprint's hash, to be compared by eye.
   */
  checkValue: Type.String({ pattern: "^[0-9A-F]{6}$" }),
  /** RFC 3339, UTC. */
  created: Type.String({ pattern: "^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z$" }),
  /** Of a base derivation key: the longest prefix that fits a reader's KSN decides. */
  ksnPrefix: Type.Optional(Type.String({ pattern: KSN_PREFIX })),
  /** Of a key pair, whose name is its `kid` (RFC 7638): base64url, RFC 8037. */
  publicKey: Type.Optional(Type.String({ pattern: "^[A-Za-z0-9_-]{43}$" })),
  /** False where the key block that brought it says so: X9.143:2021 6.3.5, "N". */
  exportable: Type.Optional(Type.Literal(false)),
});
export type KeyRecord = Type.Static<typeof KeyRecord>;

export type SymmetricAlgorithm = "TDES" | "AES";

/** What is decided about a key before it is there. */
export interface KeyPurpose {
  readonly name: string;
  readonly use: (typeof symmetricUses)[number];
  readonly algorithm: SymmetricAlgorithm;
  readonly ksnPrefix?: string;
}
