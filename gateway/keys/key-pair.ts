import { calculateJwkThumbprint } from "jose";
import { thumbprintCheckValue } from "./check-value.ts";
import type { KeyPairUse, KeyRecord } from "./key-record.ts";

/** RFC 8037 3.1 and 3.2. */
export const CURVES = {
  envelope: "X25519",
  "gateway-signing": "Ed25519",
  "certificate-authority": "Ed25519",
} as const satisfies Readonly<Record<KeyPairUse, "X25519" | "Ed25519">>;

/**
 * What is known of a new key pair.
 * @param x the public half, base64url
 * @param created RFC 3339
 */
export async function keyPairRecord(use: KeyPairUse, x: string, created: string): Promise<KeyRecord> {
  const crv = CURVES[use];
  const name = await calculateJwkThumbprint({ kty: "OKP", crv, x });
  const checkValue = thumbprintCheckValue(name);
  return { name, use, algorithm: crv, bits: 256, checkValue, created, publicKey: x };
}
