import { BLOCK_LENGTH, encryptEcb, type TdesKey } from "./tdes.ts";

const HEX = "0123456789ABCDEF";

/** Encrypts one 8-byte block under a key that stays where it is; gives 8 new bytes. */
export type BlockEncryption = (block: Uint8Array) => Uint8Array;

/**
 * The MAC of UnionPay POS messages ("ECB algorithm"): the blocks are folded by XOR, the result written in hexadecimal,
 * and those sixteen characters encrypted as two chained blocks.
 * @param key the MAC working key, or what encrypts under it: `tdesKey` of 8 bytes for single DES, of 16 for TDES
 * @param message MTI to field 63
 * @returns field 64: 8 upper-case hexadecimal characters in ASCII
 */
export function unionPayMac(key: TdesKey | BlockEncryption, message: Uint8Array): Uint8Array {
  const encrypt = typeof key === "function" ? key : (block: Uint8Array) => encryptEcb(key, block);
  const folded = new Uint8Array(BLOCK_LENGTH);
  message.forEach((byte, i) => {
    const at = i % BLOCK_LENGTH;
    folded[at] = (folded[at] ?? 0) ^ byte;
  });
  const characters = hexCharacters(folded);
  const block = encrypt(characters.subarray(0, BLOCK_LENGTH));
  for (let i = 0; i < BLOCK_LENGTH; i++) block[i] = (block[i] ?? 0) ^ (characters[BLOCK_LENGTH + i] ?? 0);
  return hexCharacters(encrypt(block)).slice(0, BLOCK_LENGTH);
}

function hexCharacters(bytes: Uint8Array): Uint8Array {
  const characters = new Uint8Array(bytes.length * 2);
  bytes.forEach((byte, i) => {
    characters[i * 2] = HEX.charCodeAt(byte >> 4);
    characters[i * 2 + 1] = HEX.charCodeAt(byte & 0xf);
  });
  return characters;
}
