import { KeyLength, KeyTooWeak, KsnInvalid } from "../errors.ts";
import { checkAesKey, encryptAesEcb } from "./aes.ts";
import type { DukptScheme } from "./dukpt-terminal.ts";

// Derived unique key per transaction with AES: ANSI X9.24-3:2017. A key serial number is the 8-byte initial key ID (4
// bytes of the base derivation key, 4 of the device) and a 32-bit transaction counter.

/** X9.24-3:2017 6.3.2: what a working key is used for, as the device sees it. */
export type AesDukptUsage =
  | "key-encryption"
  | "pin-encryption"
  | "mac-generation"
  | "mac-verification"
  | "mac-both"
  | "data-encryption"
  | "data-decryption"
  | "data-both";

/** X9.24-3:2017 6.2.1. TDES keys are never derived from, only used. */
export type DukptKeyType = "2tdea" | "3tdea" | "aes-128" | "aes-192" | "aes-256";

const KSN_LENGTH = 12;
const ID_LENGTH = 8;
const COUNTER_MAX = 2 ** 32 - 1;

/** X9.24-3:2017 6.3.2, tables 2 and 3. */
const USAGE: Readonly<Record<AesDukptUsage | "key-derivation" | "key-derivation-initial", number>> = {
  "key-encryption": 0x0002,
  "pin-encryption": 0x1000,
  "mac-generation": 0x2000,
  "mac-verification": 0x2001,
  "mac-both": 0x2002,
  "data-encryption": 0x3000,
  "data-decryption": 0x3001,
  "data-both": 0x3002,
  "key-derivation": 0x8000,
  "key-derivation-initial": 0x8001,
};

/** X9.24-3:2017 6.3.2, tables 2 and 3: the algorithm indicator; and the key's length in bytes. */
const KEY_TYPE: Readonly<Record<DukptKeyType, { readonly algorithm: number; readonly length: number }>> = {
  "2tdea": { algorithm: 0, length: 16 },
  "3tdea": { algorithm: 1, length: 24 },
  "aes-128": { algorithm: 2, length: 16 },
  "aes-192": { algorithm: 3, length: 24 },
  "aes-256": { algorithm: 4, length: 32 },
};

/** The transaction counter of a 12-byte KSN, 0 to 2^32 - 1. @throws KsnInvalid */
export function ksnCounter(ksn: Uint8Array): number {
  checkKsn(ksn);
  return new DataView(ksn.buffer, ksn.byteOffset, KSN_LENGTH).getUint32(ID_LENGTH);
}

/** A copy of a 12-byte KSN with another counter, 0 to 2^32 - 1. @throws KsnInvalid */
export function withCounter(ksn: Uint8Array, counter: number): Uint8Array {
  checkKsn(ksn);
  if (!Number.isInteger(counter) || counter < 0 || counter > COUNTER_MAX) throw new KsnInvalid({ detail: "counter" });
  const copy = Uint8Array.from(ksn);
  new DataView(copy.buffer).setUint32(ID_LENGTH, counter);
  return copy;
}

/**
 * The key that is injected into the device, X9.24-3:2017 6.3.3. It is of its base derivation key's length.
 * @param bdk base derivation key, 16, 24 or 32 bytes
 * @param ksn 12 bytes, of any transaction
 * @returns the caller's to wipe
 * @throws KeyLength | KsnInvalid
 */
export function deriveInitialKey(bdk: Uint8Array, ksn: Uint8Array): Uint8Array {
  checkKsn(ksn);
  return deriveKey(bdk, "key-derivation-initial", aesTypeOf(bdk), ksn.subarray(0, ID_LENGTH));
}

/**
 * What a base derivation key that can't be had, as in a hardware token, is to encrypt block by block (ECB): the first
 * bytes of the result, as many as the key has, are the initial key. X9.24-3:2017 6.3.3.
 * @param bdkLength 16, 24 or 32 bytes
 * @param ksn 12 bytes, of any transaction
 * @returns 16 or 32 bytes
 * @throws KeyLength | KsnInvalid
 */
export function initialKeyData(bdkLength: number, ksn: Uint8Array): Uint8Array {
  checkKsn(ksn);
  return derivationData("key-derivation-initial", aesTypeOfLength(bdkLength), ksn.subarray(0, ID_LENGTH));
}

/**
 * The key of one transaction, from which its working keys are derived: X9.24-3:2017 6.4, the host's side. Any counter
 * is taken, also one with 17 ones, which devices built after the pseudocode of the standard's annex B reach.
 * @param initialKey 16, 24 or 32 bytes
 * @param ksn 12 bytes
 * @returns of the initial key's length, the caller's to wipe
 * @throws KeyLength | KsnInvalid
 */
export function deriveTransactionKey(initialKey: Uint8Array, ksn: Uint8Array): Uint8Array {
  checkAesKey(initialKey);
  const counter = ksnCounter(ksn);
  let key: Uint8Array = Uint8Array.from(initialKey);
  let passed = 0;
  for (let bit = 2 ** 31; bit >= 1; bit /= 2) {
    if ((counter & bit) === 0) continue;
    passed += bit;
    const next = deriveNextKey(key, withCounter(ksn, passed));
    key.fill(0);
    key = next;
  }
  return key;
}

/**
 * A key that protects something, X9.24-3:2017 6.3.1.
 * @param transactionKey 16, 24 or 32 bytes
 * @param ksn 12 bytes, of the same transaction
 * @returns 16 bytes for 2tdea and aes-128, 24 for 3tdea and aes-192, 32 for aes-256; the caller's to wipe
 * @throws KeyLength | KsnInvalid | KeyTooWeak when `type` is a longer AES key than the one it is derived from
 */
export function deriveWorkingKey(
  transactionKey: Uint8Array,
  ksn: Uint8Array,
  usage: AesDukptUsage,
  type: DukptKeyType,
): Uint8Array {
  const isAes = type.startsWith("aes");
  if (isAes && KEY_TYPE[type].length > transactionKey.length) {
    throw new KeyTooWeak({ detail: `${type} from ${transactionKey.length} bytes` });
  }
  return deriveKey(transactionKey, usage, type, derivationId(ksn));
}

/**
 * The key under which a device is sent its next initial key, X9.24-3:2017 6.5.3: the key-encryption key of the counter
 * that no transaction reaches, all ones. A device derives it when its initial key is loaded, before that is erased.
 * @param initialKey 16, 24 or 32 bytes
 * @param ksn 12 bytes, of any transaction
 * @returns as {@link deriveWorkingKey}
 * @throws KeyLength | KsnInvalid | KeyTooWeak
 */
export function deriveUpdateKey(initialKey: Uint8Array, ksn: Uint8Array, type: DukptKeyType): Uint8Array {
  const last = withCounter(ksn, COUNTER_MAX);
  const transactionKey = deriveTransactionKey(initialKey, last);
  try {
    return deriveWorkingKey(transactionKey, last, "key-encryption", type);
  } finally {
    transactionKey.fill(0);
  }
}

/** How a device does AES DUKPT, for a `DukptTerminal`. X9.24-3:2017 6.1: a counter has 16 ones at most. */
export const aesDukpt: DukptScheme = {
  counterBits: 32,
  maxOnes: 16,
  ksnCounter,
  withCounter,
  deriveTransactionKey,
  deriveNextKey,
};

/** From the key of a counter to that of the same with one more one at its end, which `ksn` holds. */
function deriveNextKey(key: Uint8Array, ksn: Uint8Array): Uint8Array {
  return deriveKey(key, "key-derivation", aesTypeOf(key), derivationId(ksn));
}

/** X9.24-3:2017 6.3.1: as many encrypted blocks of derivation data as the key is long. */
function deriveKey(key: Uint8Array, usage: keyof typeof USAGE, type: DukptKeyType, id: Uint8Array): Uint8Array {
  const blocks = encryptAesEcb(key, derivationData(usage, type, id));
  const derived = blocks.slice(0, KEY_TYPE[type].length);
  blocks.fill(0);
  return derived;
}

function derivationData(usage: keyof typeof USAGE, type: DukptKeyType, id: Uint8Array): Uint8Array {
  const { algorithm, length } = KEY_TYPE[type];
  const data = new Uint8Array(Math.ceil(length / 16) * 16);
  for (let at = 0; at < data.length; at += 16) {
    const view = new DataView(data.buffer, at, 16);
    view.setUint8(0, 1);
    view.setUint8(1, at / 16 + 1);
    view.setUint16(2, USAGE[usage]);
    view.setUint16(4, algorithm);
    view.setUint16(6, length * 8);
    data.set(id, at + 8);
  }
  return data;
}

/** X9.24-3:2017 6.3.2, table 3: the device's half of the initial key ID, and the counter. */
function derivationId(ksn: Uint8Array): Uint8Array {
  checkKsn(ksn);
  return ksn.subarray(ID_LENGTH / 2);
}

/** The type of a key that is derived from, by its length: 16, 24 or 32 bytes. @throws KeyLength */
export function aesTypeOf(key: Uint8Array): DukptKeyType {
  checkAesKey(key);
  return aesTypeOfLength(key.length);
}

function aesTypeOfLength(length: number): DukptKeyType {
  const type = ({ 16: "aes-128", 24: "aes-192", 32: "aes-256" } as const)[length];
  if (!type) throw new KeyLength({ detail: `${length} bytes for AES` });
  return type;
}

function checkKsn(ksn: Uint8Array): void {
  if (ksn.length !== KSN_LENGTH) throw new KsnInvalid({ detail: `${ksn.length} bytes` });
}
