import { KeyLength } from "../errors.ts";
import { BLOCK_LENGTH, decryptEcb, encryptCbc, encryptEcb, tdesKey, zeroPadded } from "./tdes.ts";

/**
 * ISO 9797-1:2011 MAC algorithm 3 with DES and padding method 1, also X9.19 "retail MAC": DES-CBC under the left half,
 * the last block taken through the right half and back.
 * @param key 16 bytes
 * @returns 8 bytes; take as many from the left as the protocol asks for
 * @throws KeyLength
 */
export function retailMac(key: Uint8Array, message: Uint8Array): Uint8Array {
  if (key.length !== 16) throw new KeyLength({ detail: `${key.length} bytes` });
  const left = tdesKey(key.subarray(0, 8));
  const right = tdesKey(key.subarray(8));
  const padded = zeroPadded(message);
  const chain = encryptCbc(left, padded);
  padded.fill(0);
  return encryptEcb(left, decryptEcb(right, chain.subarray(-BLOCK_LENGTH)));
}
