import { BLOCK_LENGTH, encryptEcb, type TdesKey } from "./tdes.ts";

/** The first bytes of eight zero bytes encrypted under the key: three by custom, four in UnionPay's key download. */
export const keyCheckValue = (key: TdesKey, length: 3 | 4): Uint8Array =>
  encryptEcb(key, new Uint8Array(BLOCK_LENGTH)).slice(0, length);
