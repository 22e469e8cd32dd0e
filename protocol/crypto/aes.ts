import { cbc, ctr, ecb } from "@noble/ciphers/aes.js";
import { CiphertextLength, KeyLength } from "../errors.ts";

/** In bytes. */
export const AES_BLOCK_LENGTH = 16;

// Keys are 16, 24 or 32 bytes and stay the caller's to wipe; what they are expanded to is wiped by the library.

/** Refuses a key that is not 16, 24 or 32 bytes. @throws KeyLength */
export function checkAesKey(key: Uint8Array): void {
  if (key.length !== 16 && key.length !== 24 && key.length !== 32) {
    throw new KeyLength({ detail: `${key.length} bytes for AES` });
  }
}

// ECB serves the derivation of keys and PIN block format 4 only, which is what X9.24-3 and ISO 9564-1 ask for.

/**
 * Each block by itself, NIST SP 800-38A 6.1.
 * @param key 16, 24 or 32 bytes
 * @param blocks of 16 bytes, one at least
 * @throws KeyLength | CiphertextLength
 */
export function encryptAesEcb(key: Uint8Array, blocks: Uint8Array): Uint8Array {
  checkAesKey(key);
  checkBlocks(blocks);
  return ecb(key, { disablePadding: true }).encrypt(blocks);
}

/**
 * Each block by itself, NIST SP 800-38A 6.1.
 * @param key 16, 24 or 32 bytes
 * @param blocks of 16 bytes, one at least
 * @throws KeyLength | CiphertextLength
 */
export function decryptAesEcb(key: Uint8Array, blocks: Uint8Array): Uint8Array {
  checkAesKey(key);
  checkBlocks(blocks);
  return ecb(key, { disablePadding: true }).decrypt(blocks);
}

/**
 * Block chaining without padding, NIST SP 800-38A 6.2.
 * @param key 16, 24 or 32 bytes
 * @param blocks of 16 bytes, one at least
 * @param iv 16 bytes
 * @throws KeyLength | CiphertextLength
 */
export function encryptAesCbc(key: Uint8Array, blocks: Uint8Array, iv: Uint8Array): Uint8Array {
  checkAesKey(key);
  checkBlocks(blocks);
  return cbc(key, iv, { disablePadding: true }).encrypt(blocks);
}

/**
 * Block chaining without padding, NIST SP 800-38A 6.2.
 * @param key 16, 24 or 32 bytes
 * @param blocks of 16 bytes, one at least
 * @param iv 16 bytes
 * @throws KeyLength | CiphertextLength
 */
export function decryptAesCbc(key: Uint8Array, blocks: Uint8Array, iv: Uint8Array): Uint8Array {
  checkAesKey(key);
  checkBlocks(blocks);
  return cbc(key, iv, { disablePadding: true }).decrypt(blocks);
}

/**
 * Both directions, NIST SP 800-38A 6.5: as many bytes as it is given.
 * @param key 16, 24 or 32 bytes
 * @param counter the first counter block, 16 bytes, of which all 128 bits count
 * @throws KeyLength
 */
export function aesCtr(key: Uint8Array, data: Uint8Array, counter: Uint8Array): Uint8Array {
  checkAesKey(key);
  return ctr(key, counter).encrypt(data);
}

function checkBlocks(blocks: Uint8Array): void {
  if (blocks.length === 0 || blocks.length % AES_BLOCK_LENGTH !== 0) {
    throw new CiphertextLength({ detail: `${blocks.length} bytes` });
  }
}
