import { keyCheckValue } from "../crypto/key-check-value.ts";
import { decryptEcb, encryptEcb, type TdesKey, tdesKey } from "../crypto/tdes.ts";
import { WorkingKeysRefused } from "../errors.ts";

// Field 62 of a sign-on reply for double-length keys (field 60.3 = 003), all keys under the terminal master key:
// PIN key 16 bytes, its check value 4, MAC key 16 bytes, its check value 4. A single-length MAC key stands in the first
// 8 bytes, with 8 zero bytes after it.

const LENGTH = 40;
const MAC_KEY_AT = 20;

/** What a sign-on hands out. */
export interface WorkingKeys {
  readonly pin: TdesKey;
  readonly mac: TdesKey;
}

/** @throws WorkingKeysRefused when the length is unknown or a check value does not match */
export function unwrapWorkingKeys(masterKey: TdesKey, field62: Uint8Array): WorkingKeys {
  if (field62.length !== LENGTH) throw new WorkingKeysRefused({ detail: `${field62.length} of ${LENGTH} bytes` });
  const singleMac = field62.subarray(MAC_KEY_AT + 8, MAC_KEY_AT + 16).every((byte) => byte === 0);
  return {
    pin: unwrap(masterKey, field62.subarray(0, 16), field62.subarray(16, 20), "PIN key"),
    mac: unwrap(
      masterKey,
      field62.subarray(MAC_KEY_AT, MAC_KEY_AT + (singleMac ? 8 : 16)),
      field62.subarray(MAC_KEY_AT + 16),
      "MAC key",
    ),
  };
}

/**
 * @param pinKey 16 bytes
 * @param macKey 8 or 16 bytes
 * @returns field 62
 */
export function wrapWorkingKeys(masterKey: TdesKey, pinKey: Uint8Array, macKey: Uint8Array): Uint8Array {
  const field62 = new Uint8Array(LENGTH);
  field62.set(encryptEcb(masterKey, pinKey));
  field62.set(keyCheckValue(tdesKey(pinKey), 4), 16);
  field62.set(encryptEcb(masterKey, macKey), MAC_KEY_AT);
  field62.set(keyCheckValue(tdesKey(macKey), 4), MAC_KEY_AT + 16);
  return field62;
}

function unwrap(masterKey: TdesKey, encrypted: Uint8Array, checkValue: Uint8Array, name: string): TdesKey {
  const clear = decryptEcb(masterKey, encrypted);
  const key = tdesKey(clear);
  clear.fill(0);
  const computed = keyCheckValue(key, 4);
  if (computed.some((byte, i) => byte !== checkValue[i])) throw new WorkingKeysRefused({ detail: name });
  return key;
}
