import { KeyLength, KsnInvalid } from "../errors.ts";
import type { DukptScheme } from "./dukpt-terminal.ts";
import { encryptEcb, tdesKey } from "./tdes.ts";

// Derived unique key per transaction with two-key TDES: ANSI X9.24-1:2009 annex A.

/** What a transaction key is used for; the data keys take the second step that makes them one-way. */
export type DukptUsage = "pin" | "mac-request" | "mac-response" | "data-request" | "data-response";

const KSN_LENGTH = 10;
const KEY_LENGTH = 16;
const COUNTER_BITS = 21;
const COUNTER_MAX = 2 ** COUNTER_BITS - 1;

/** X9.24-1:2009 A.2: the constant C, added to a key for the other half of what is derived from it. */
const LEFT_HALF_VARIANT = [0xc0, 0xc0, 0xc0, 0xc0, 0, 0, 0, 0];

/** X9.24-1:2009 A.4.1: the byte of each half that the usage inverts. */
const VARIANT_BYTE: Record<DukptUsage, number> = {
  pin: 7,
  "mac-request": 6,
  "mac-response": 4,
  "data-request": 5,
  "data-response": 3,
};

/** The encryption counter of a 10-byte KSN, 0 to 2^21 - 1. @throws KsnInvalid */
export function ksnCounter(ksn: Uint8Array): number {
  checkKsn(ksn);
  const tail = new DataView(ksn.buffer, ksn.byteOffset + KSN_LENGTH - 4, 4).getUint32(0);
  return tail & COUNTER_MAX;
}

/** A copy of a 10-byte KSN with another counter, 0 to 2^21 - 1. @throws KsnInvalid */
export function withCounter(ksn: Uint8Array, counter: number): Uint8Array {
  checkKsn(ksn);
  if (!Number.isInteger(counter) || counter < 0 || counter > COUNTER_MAX) throw new KsnInvalid({ detail: "counter" });
  const copy = Uint8Array.from(ksn);
  const view = new DataView(copy.buffer);
  view.setUint32(KSN_LENGTH - 4, ((view.getUint32(KSN_LENGTH - 4) & ~COUNTER_MAX) | counter) >>> 0);
  return copy;
}

/** What all KSNs of one reader have in common: 10 bytes, the 21 counter bits cleared. @throws KsnInvalid */
export const initialKsn = (ksn: Uint8Array): Uint8Array => withCounter(ksn, 0);

/**
 * The key that was injected into the device, X9.24-1:2009 A.6.
 * @param bdk base derivation key, 16 bytes
 * @param ksn 10 bytes, of any transaction
 * @returns 16 bytes, the caller's to wipe
 * @throws KeyLength | KsnInvalid
 */
export function deriveInitialKey(bdk: Uint8Array, ksn: Uint8Array): Uint8Array {
  checkKey(bdk);
  const serial = initialKsn(ksn).subarray(0, 8);
  const key = new Uint8Array(KEY_LENGTH);
  const variant = rightHalfKey(bdk);
  take(encryptEcb(tdesKey(bdk), serial), key, 0);
  take(encryptEcb(tdesKey(variant), serial), key, 8);
  variant.fill(0);
  return key;
}

/**
 * The variant of a base derivation key that makes the right half of initial keys, X9.24-1:2009 A.6: both encrypt the
 * first 8 bytes of {@link initialKsn}.
 * @param bdk 16 bytes
 * @returns 16 bytes, the caller's to wipe
 * @throws KeyLength
 */
export function rightHalfKey(bdk: Uint8Array): Uint8Array {
  checkKey(bdk);
  const variant = Uint8Array.from(bdk);
  for (let i = 0; i < 8; i++) {
    xorAt(variant, i, LEFT_HALF_VARIANT[i]);
    xorAt(variant, i + 8, LEFT_HALF_VARIANT[i]);
  }
  return variant;
}

/**
 * The transaction key that a KSN's counter stands for, X9.24-1:2009 A.2 and A.3.
 * @param initialKey 16 bytes
 * @param ksn 10 bytes
 * @returns 16 bytes, the caller's to wipe; it is never used itself: see {@link usageKey}
 * @throws KeyLength | KsnInvalid
 */
export function deriveTransactionKey(initialKey: Uint8Array, ksn: Uint8Array): Uint8Array {
  checkKey(initialKey);
  const counter = ksnCounter(ksn);
  const register = initialKsn(ksn).subarray(2);
  const view = new DataView(register.buffer, register.byteOffset);
  const serialBits = view.getUint32(4);
  const key = Uint8Array.from(initialKey);
  let passed = 0;
  for (let bit = 1 << (COUNTER_BITS - 1); bit > 0; bit >>>= 1) {
    if ((counter & bit) === 0) continue;
    passed |= bit;
    view.setUint32(4, (serialBits | passed) >>> 0);
    advance(key, register);
  }
  return key;
}

/**
 * The key that actually protects something, X9.24-1:2009 A.4.1.
 * @param transactionKey 16 bytes
 * @returns 16 bytes, the caller's to wipe
 * @throws KeyLength
 */
export function usageKey(transactionKey: Uint8Array, usage: DukptUsage): Uint8Array {
  checkKey(transactionKey);
  const key = Uint8Array.from(transactionKey);
  xorAt(key, VARIANT_BYTE[usage], 0xff);
  xorAt(key, VARIANT_BYTE[usage] + 8, 0xff);
  if (usage === "data-request" || usage === "data-response") take(encryptEcb(tdesKey(key), key), key, 0);
  return key;
}

/** How a device does TDES DUKPT, for a `DukptTerminal`. X9.24-1:2009 A.2: a counter has ten ones at most. */
export const tdesDukpt: DukptScheme = {
  counterBits: COUNTER_BITS,
  maxOnes: 10,
  ksnCounter,
  withCounter,
  deriveTransactionKey,
  deriveNextKey(key, ksn) {
    checkKey(key);
    checkKsn(ksn);
    const next = Uint8Array.from(key);
    advance(next, ksn.subarray(2));
    return next;
  },
};

/** X9.24-1:2009 A.2: makes `key` the next one, that of the counter in the register, which is the KSN's last 8 bytes. */
function advance(key: Uint8Array, register: Uint8Array): void {
  const next = new Uint8Array(KEY_LENGTH);
  oneWay(key, register, next.subarray(8));
  for (let i = 0; i < 8; i++) {
    xorAt(key, i, LEFT_HALF_VARIANT[i]);
    xorAt(key, i + 8, LEFT_HALF_VARIANT[i]);
  }
  oneWay(key, register, next.subarray(0, 8));
  take(next, key, 0);
}

/** One half: `out` becomes DES(left half of key, register ⊕ right half) ⊕ right half. */
function oneWay(key: Uint8Array, register: Uint8Array, out: Uint8Array): void {
  for (let i = 0; i < 8; i++) out[i] = (register[i] ?? 0) ^ (key[i + 8] ?? 0);
  take(encryptEcb(tdesKey(key.subarray(0, 8)), out), out, 0);
  for (let i = 0; i < 8; i++) xorAt(out, i, key[i + 8]);
}

/** Moves key material: what is left behind is zero. */
function take(from: Uint8Array, into: Uint8Array, at: number): void {
  into.set(from, at);
  from.fill(0);
}

function xorAt(bytes: Uint8Array, at: number, value = 0): void {
  bytes[at] = (bytes[at] ?? 0) ^ value;
}

function checkKey(key: Uint8Array): void {
  if (key.length !== KEY_LENGTH) throw new KeyLength({ detail: `${key.length} bytes` });
}

function checkKsn(ksn: Uint8Array): void {
  if (ksn.length !== KSN_LENGTH) throw new KsnInvalid({ detail: `${ksn.length} bytes` });
}
