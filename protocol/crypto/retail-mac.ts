import { KeyLength } from "../errors.ts";
import { BLOCK_LENGTH, decryptEcb, encryptCbc, encryptEcb, tdesKey, zeroPadded } from "./tdes.ts";

/**
 * ISO 9797-1:2011 6.3, padding methods: 1 fills with zero bits, 2 puts a one bit first, 3 fills with zero bits and puts
 * a block with the message's length in bits before it.
 */
export type MacPadding = 1 | 2 | 3;

/**
 * ISO 9797-1:2011 MAC algorithm 3 with DES: DES-CBC under the left half, the last block taken through the right half
 * and back. With padding method 1 it is the "retail MAC" of X9.19.
 * @param key 16 bytes
 * @param message of any length
 * @returns 8 bytes; take as many from the left as the protocol asks for
 * @throws KeyLength
 */
export function retailMac(key: Uint8Array, message: Uint8Array, padding: MacPadding = 1): Uint8Array {
  if (key.length !== 16) throw new KeyLength({ detail: `${key.length} bytes` });
  const left = tdesKey(key.subarray(0, 8));
  const right = tdesKey(key.subarray(8));
  const padded = pad(message, padding);
  const chain = encryptCbc(left, padded);
  padded.fill(0);
  return encryptEcb(left, decryptEcb(right, chain.subarray(-BLOCK_LENGTH)));
}

function pad(message: Uint8Array, padding: MacPadding): Uint8Array {
  if (padding === 1) return zeroPadded(message);
  if (padding === 2) {
    const padded = new Uint8Array(Math.ceil((message.length + 1) / BLOCK_LENGTH) * BLOCK_LENGTH);
    padded.set(message);
    padded[message.length] = 0x80;
    return padded;
  }
  const padded = new Uint8Array((1 + Math.ceil(message.length / BLOCK_LENGTH)) * BLOCK_LENGTH);
  new DataView(padded.buffer).setBigUint64(0, BigInt(message.length) * 8n);
  padded.set(message, BLOCK_LENGTH);
  return padded;
}
