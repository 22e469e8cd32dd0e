import { AES_BLOCK_LENGTH } from "./aes.ts";
import { aesCmac } from "./cmac.ts";
import { BLOCK_LENGTH, encryptEcb, type TdesKey } from "./tdes.ts";

/**
 * Of a TDES key: the first bytes of eight zero bytes encrypted under the key.
 * @param length in bytes: three by custom, four in UnionPay's key download
 */
export const keyCheckValue = (key: TdesKey, length: 3 | 4): Uint8Array =>
  encryptEcb(key, new Uint8Array(BLOCK_LENGTH)).slice(0, length);

/**
 * X9.24-1:2017 annex A: the first bytes of the CMAC of a zero block, five at most, three by custom.
 * @param key AES, 16, 24 or 32 bytes
 * @param length in bytes
 * @throws KeyLength
 */
export const aesKeyCheckValue = (key: Uint8Array, length: 3 | 5): Uint8Array =>
  aesCmac(key, new Uint8Array(AES_BLOCK_LENGTH)).slice(0, length);
