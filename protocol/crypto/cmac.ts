import { cmac } from "@noble/ciphers/aes.js";
import { checkAesKey } from "./aes.ts";
import { BLOCK_LENGTH, encryptCbc, encryptEcb, type TdesKey } from "./tdes.ts";

/**
 * NIST SP 800-38B with AES, also ISO 9797-1:2011 MAC algorithm 5.
 * @param key 16, 24 or 32 bytes
 * @param message of any length
 * @returns 16 bytes; take as many from the left as the protocol asks for
 * @throws KeyLength
 */
export function aesCmac(key: Uint8Array, message: Uint8Array): Uint8Array {
  checkAesKey(key);
  return cmac(message, key);
}

/** NIST SP 800-38B 5.3: R64, what a subkey's carry folds back into its last byte. */
const R64 = 0x1b;

/**
 * NIST SP 800-38B 6.2 with TDES, also ISO 9797-1:2011 MAC algorithm 5.
 * @param message of any length
 * @returns 8 bytes; take as many from the left as the protocol asks for
 */
export function tdesCmac(key: TdesKey, message: Uint8Array): Uint8Array {
  const subkey = doubled(encryptEcb(key, new Uint8Array(BLOCK_LENGTH)));
  const blocks = new Uint8Array(Math.max(1, Math.ceil(message.length / BLOCK_LENGTH)) * BLOCK_LENGTH);
  blocks.set(message);
  if (message.length !== blocks.length) {
    blocks[message.length] = 0x80;
    subkey.set(doubled(subkey));
  }
  const last = blocks.subarray(-BLOCK_LENGTH);
  for (let i = 0; i < BLOCK_LENGTH; i++) last[i] = (last[i] ?? 0) ^ (subkey[i] ?? 0);
  const chain = encryptCbc(key, blocks);
  subkey.fill(0);
  blocks.fill(0);
  return chain.slice(-BLOCK_LENGTH);
}

/** SP 800-38B 6.1: multiplied by x in GF(2^64). */
function doubled(block: Uint8Array): Uint8Array {
  const shifted = block.map((byte, i) => (byte << 1) | ((block[i + 1] ?? 0) >> 7));
  if ((block[0] ?? 0) & 0x80) shifted[BLOCK_LENGTH - 1] = (shifted[BLOCK_LENGTH - 1] ?? 0) ^ R64;
  return shifted;
}
