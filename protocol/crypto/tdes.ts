import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject } from "node:crypto";
import { CiphertextLength, KeyLength } from "../errors.ts";

/** In bytes, of DES and TDES. */
export const BLOCK_LENGTH = 8;

/** A two-key or three-key TDES key (or single DES as K‖K), held by the runtime. Make it once and reuse it. */
export type TdesKey = KeyObject;

/**
 * A key from its bytes.
 * @param bytes 16 bytes (K1‖K2), 24 (K1‖K2‖K3), or 8 for single DES: OpenSSL 3 has no single DES of its own, and TDES
 *   under K‖K is the same function. Stay the caller's to wipe.
 * @throws KeyLength
 */
export function tdesKey(bytes: Uint8Array): TdesKey {
  if (bytes.length === 16 || bytes.length === 24) return createSecretKey(bytes);
  if (bytes.length !== 8) throw new KeyLength({ detail: `${bytes.length} bytes` });
  const doubled = new Uint8Array(16);
  doubled.set(bytes);
  doubled.set(bytes, 8);
  try {
    return createSecretKey(doubled);
  } finally {
    doubled.fill(0);
  }
}

// ECB serves single blocks and the wrapping of keys only, which is what X9.24, ISO 9797-1 and UnionPay ask for.

/** Each 8-byte block by itself, one at least. @throws CiphertextLength */
export const encryptEcb = (key: TdesKey, blocks: Uint8Array): Uint8Array =>
  run(createCipheriv(algorithm(key), key, null), blocks);

/** Each 8-byte block by itself, one at least. @throws CiphertextLength */
export const decryptEcb = (key: TdesKey, blocks: Uint8Array): Uint8Array =>
  run(createDecipheriv(algorithm(key), key, null), blocks);

const ZERO_IV = new Uint8Array(BLOCK_LENGTH);

/** Whole blocks, one at least; the IV is 8 bytes, zeros unless given. @throws CiphertextLength */
export const encryptCbc = (key: TdesKey, blocks: Uint8Array, iv: Uint8Array = ZERO_IV): Uint8Array =>
  run(createCipheriv(`${algorithm(key)}-cbc`, key, iv), blocks);

/** Whole blocks, one at least; the IV is 8 bytes, zeros unless given. @throws CiphertextLength */
export const decryptCbc = (key: TdesKey, blocks: Uint8Array, iv: Uint8Array = ZERO_IV): Uint8Array =>
  run(createDecipheriv(`${algorithm(key)}-cbc`, key, iv), blocks);

const algorithm = (key: TdesKey) => (key.symmetricKeySize === 24 ? "des-ede3" : "des-ede");

function run(cipher: ReturnType<typeof createCipheriv | typeof createDecipheriv>, blocks: Uint8Array): Uint8Array {
  if (blocks.length === 0 || blocks.length % BLOCK_LENGTH !== 0) {
    throw new CiphertextLength({ detail: `${blocks.length} bytes` });
  }
  // Without padding every whole block comes out of update(), so there is no second buffer to join and wipe.
  const out = cipher.setAutoPadding(false).update(blocks);
  return new Uint8Array(out.buffer, out.byteOffset, out.length);
}

/** A copy of `data`, padded on the right with zero bytes to whole 8-byte blocks, one at least. */
export function zeroPadded(data: Uint8Array): Uint8Array {
  const padded = new Uint8Array(Math.max(1, Math.ceil(data.length / BLOCK_LENGTH)) * BLOCK_LENGTH);
  padded.set(data);
  return padded;
}
