import { KeyLength } from "../errors.ts";
import { checkAesKey } from "./aes.ts";
import { aesCmac, tdesCmac } from "./cmac.ts";
import type { KeyBlockVersion } from "./key-block-header.ts";
import { tdesKey } from "./tdes.ts";

/** Both of the protection key's length, the caller's to wipe. */
export interface KeyBlockKeys {
  readonly encryption: Uint8Array;
  readonly authentication: Uint8Array;
}

/** TR-31:2018 5.3.1: what each byte of the protection key is XORed with. */
const ENCRYPTION_VARIANT = 0x45;
const AUTHENTICATION_VARIANT = 0x4d;

/** TR-31:2018 5.3.2, tables 1 and 2; ISO 20038:2017 6.3, table 1: what the derived key is used for. */
const ENCRYPTION_CBC = 0;
const AUTHENTICATION = 1;
const ENCRYPTION_CTR = 2;

/**
 * The keys that encrypt and authenticate a key block, from the key block protection key.
 * @param protectionKey versions A to C: TDES, 16 or 24 bytes; D and E: AES, 16, 24 or 32 bytes
 * @throws KeyLength
 */
export function deriveKeyBlockKeys(protectionKey: Uint8Array, version: KeyBlockVersion): KeyBlockKeys {
  checkProtectionKey(protectionKey, version);
  if (version === "D" || version === "E") {
    // TR-31:2018 table 2: AES-128 is algorithm 2, AES-192 3, AES-256 4.
    const algorithm = protectionKey.length / 8;
    const cmac = (input: Uint8Array) => aesCmac(protectionKey, input);
    return {
      encryption: derive(cmac, version === "D" ? ENCRYPTION_CBC : ENCRYPTION_CTR, algorithm, protectionKey.length),
      authentication: derive(cmac, AUTHENTICATION, algorithm, protectionKey.length),
    };
  }
  if (version !== "B") {
    return {
      encryption: protectionKey.map((byte) => byte ^ ENCRYPTION_VARIANT),
      authentication: protectionKey.map((byte) => byte ^ AUTHENTICATION_VARIANT),
    };
  }
  // TR-31:2018 table 1: two-key TDES is algorithm 0, three-key 1.
  const algorithm = protectionKey.length === 16 ? 0 : 1;
  const key = tdesKey(protectionKey);
  const cmac = (input: Uint8Array) => tdesCmac(key, input);
  return {
    encryption: derive(cmac, ENCRYPTION_CBC, algorithm, protectionKey.length),
    authentication: derive(cmac, AUTHENTICATION, algorithm, protectionKey.length),
  };
}

/** Refuses a protection key of a length that its version does not take. @throws KeyLength */
export function checkProtectionKey(protectionKey: Uint8Array, version: KeyBlockVersion): void {
  if (version === "D" || version === "E") checkAesKey(protectionKey);
  else if (protectionKey.length !== 16 && protectionKey.length !== 24) {
    throw new KeyLength({ detail: `${protectionKey.length} bytes for a TDES key block` });
  }
}

/** TR-31:2018 5.3.2: the CMACs of a counter, the usage, a zero byte, the algorithm and the length in bits, one by one. */
function derive(cmac: (input: Uint8Array) => Uint8Array, usage: number, algorithm: number, length: number): Uint8Array {
  const input = new DataView(new ArrayBuffer(8));
  input.setUint16(1, usage);
  input.setUint16(4, algorithm);
  input.setUint16(6, length * 8);
  const key = new Uint8Array(length);
  for (let at = 0, counter = 1; at < length; counter++) {
    input.setUint8(0, counter);
    const block = cmac(new Uint8Array(input.buffer));
    key.set(block.subarray(0, length - at), at);
    at += block.length;
    block.fill(0);
  }
  return key;
}
