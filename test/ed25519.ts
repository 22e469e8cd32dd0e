import { KeyObject, sign } from "node:crypto";
import type { CryptoKey } from "jose";

/** What a key store does with its signing key. */
export const signWith = (privateKey: CryptoKey) => (input: Uint8Array) => sign(null, input, KeyObject.from(privateKey));
