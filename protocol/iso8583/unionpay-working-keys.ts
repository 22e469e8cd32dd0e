import { keyCheckValue } from "../crypto/key-check-value.ts";
import { BLOCK_LENGTH, decryptEcb, encryptEcb, type TdesKey, tdesKey } from "../crypto/tdes.ts";
import { KeyLength, WorkingKeysRefused } from "../errors.ts";
import type { WorkingKeySet } from "./unionpay-messages.ts";

// Field 62 of a sign-on reply: keys under the terminal master key, each with the first four bytes of its check value.
// Where double-length keys were asked for, a single-length MAC key stands in the first 8 bytes with 8 zero bytes after it.

const CHECK_VALUE = 4;

interface KeyPlace {
  readonly key: keyof WorkingKeys;
  /** Bytes of the key; its check value follows. */
  readonly length: 8 | 16;
}

/** What stands in field 62, by what the sign-on asked for. */
const LAYOUTS: Readonly<Record<WorkingKeySet, readonly KeyPlace[]>> = {
  single: [
    { key: "pin", length: 8 },
    { key: "mac", length: 8 },
  ],
  double: [
    { key: "pin", length: 16 },
    { key: "mac", length: 16 },
  ],
  "double-and-track": [
    { key: "pin", length: 16 },
    { key: "mac", length: 16 },
    { key: "track", length: 16 },
  ],
};

const lengthOf = (layout: readonly KeyPlace[]) => layout.reduce((sum, { length }) => sum + length + CHECK_VALUE, 0);

/** What a sign-on hands out. */
export interface WorkingKeys<K = TdesKey> {
  readonly pin: K;
  readonly mac: K;
  /** For the encryption of tracks, where the sign-on asked for one. */
  readonly track?: K;
}

/** Who has the master key, and holds the keys under it. */
export interface WorkingKeyHolder<K> {
  /** Under the master key, each 8-byte block by itself. */
  decrypt(blocks: Uint8Array): Uint8Array;
  /** Keeps a key, and gives what stands for it. @param clear 8 or 16 bytes; the caller overwrites them then */
  hold(clear: Uint8Array): K;
  /** Each 8-byte block by itself, under a key that is held. */
  encrypt(key: K, blocks: Uint8Array): Uint8Array;
}

/**
 * The keys of a sign-on reply.
 * @param field62 24, 40 or 60 bytes
 * @throws WorkingKeysRefused when the length is unknown or a check value does not match
 */
export const unwrapWorkingKeys = (masterKey: TdesKey, field62: Uint8Array): WorkingKeys =>
  takeWorkingKeys({ decrypt: (blocks) => decryptEcb(masterKey, blocks), hold: tdesKey, encrypt: encryptEcb }, field62);

/** As {@link unwrapWorkingKeys}, for a master key that stays where it is. @throws WorkingKeysRefused */
export function takeWorkingKeys<K>(holder: WorkingKeyHolder<K>, field62: Uint8Array): WorkingKeys<K> {
  const layout = Object.values(LAYOUTS).find((places) => lengthOf(places) === field62.length);
  if (!layout) throw new WorkingKeysRefused({ detail: `${field62.length} bytes` });
  const keys: Partial<Record<keyof WorkingKeys, K>> = {};
  let at = 0;
  for (const { key, length } of layout) {
    const end = at + length;
    const single = length === 16 && key === "mac" && field62.subarray(at + 8, end).every((byte) => byte === 0);
    const encrypted = field62.subarray(at, single ? at + 8 : end);
    keys[key] = take(holder, encrypted, field62.subarray(end, end + CHECK_VALUE), key);
    at = end + CHECK_VALUE;
  }
  return keys as WorkingKeys<K>;
}

/**
 * The bank's side: keys as a sign-on reply carries them.
 * @param keys the clear keys, each 8 or 16 bytes as the layout has room for; a MAC key of 8 bytes goes into either
 * @returns field 62
 * @throws KeyLength
 */
export function wrapWorkingKeys(
  masterKey: TdesKey,
  keys: Readonly<Partial<Record<keyof WorkingKeys, Uint8Array>>>,
  set: WorkingKeySet = "double",
): Uint8Array {
  const layout = LAYOUTS[set];
  const field62 = new Uint8Array(lengthOf(layout));
  let at = 0;
  for (const { key: name, length } of layout) {
    const key = keys[name];
    if (!key || (key.length !== length && !(name === "mac" && key.length === 8))) {
      throw new KeyLength({ detail: `${name} key, ${key?.length ?? 0} of ${length} bytes` });
    }
    field62.set(encryptEcb(masterKey, key), at);
    field62.set(keyCheckValue(tdesKey(key), CHECK_VALUE), at + length);
    at += length + CHECK_VALUE;
  }
  return field62;
}

function take<K>(holder: WorkingKeyHolder<K>, encrypted: Uint8Array, checkValue: Uint8Array, name: string): K {
  const clear = holder.decrypt(encrypted);
  const key = holder.hold(clear);
  clear.fill(0);
  const computed = holder.encrypt(key, new Uint8Array(BLOCK_LENGTH));
  if (checkValue.some((byte, i) => byte !== computed[i])) throw new WorkingKeysRefused({ detail: `${name} key` });
  return key;
}
