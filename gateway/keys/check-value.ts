import { createHash } from "node:crypto";
import { aesKeyCheckValue, keyCheckValue } from "@swipewire/protocol/crypto/key-check-value";
import { tdesKey } from "@swipewire/protocol/crypto/tdes";
import type { SymmetricAlgorithm } from "./key-record.ts";

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex").toUpperCase();

/** Six hex digits. @throws KeyLength */
export const checkValueOf = (algorithm: SymmetricAlgorithm, key: Uint8Array): string =>
  hex(algorithm === "AES" ? aesKeyCheckValue(key, 3) : keyCheckValue(tdesKey(key), 3));

/** Of a key pair, whose public half can be hashed: six hex digits. */
export const thumbprintCheckValue = (kid: string): string =>
  createHash("sha256").update(kid).digest("hex").slice(0, 6).toUpperCase();
