import type { ReaderEncryptionScheme } from "../readers/reader-frame.ts";
import { SensitiveBytes } from "../sensitive-bytes.ts";
import { type DukptUsage, deriveInitialKey, deriveTransactionKey, usageKey } from "./dukpt-tdes.ts";
import { decryptCbc, encryptCbc, type TdesKey, tdesKey, zeroPadded } from "./tdes.ts";

/** MagTek D99875475 appendix D; ID TECH 80096504-001 "DUKPT key management". */
const USAGE: Record<ReaderEncryptionScheme, DukptUsage> = {
  "tdes-dukpt-pin-cbc": "pin",
  "tdes-dukpt-data-cbc": "data-request",
};

/**
 * What a reader does to a track.
 * @param bdk 16 bytes
 * @param ksn 10 bytes
 * @param clear padded on the right with zero bytes to whole 8-byte blocks
 * @throws KeyLength | KsnInvalid
 */
export function encryptReaderBlock(
  bdk: Uint8Array,
  scheme: ReaderEncryptionScheme,
  ksn: Uint8Array,
  clear: Uint8Array,
): Uint8Array {
  const key = readerKey(bdk, scheme, ksn);
  const padded = zeroPadded(clear);
  try {
    return encryptCbc(key, padded);
  } finally {
    padded.fill(0);
  }
}

/**
 * @returns the clear text with its padding, the caller's to wipe
 * @throws KeyLength | KsnInvalid | CiphertextLength
 */
export function decryptReaderBlock(
  bdk: Uint8Array,
  scheme: ReaderEncryptionScheme,
  ksn: Uint8Array,
  ciphertext: Uint8Array,
): SensitiveBytes {
  return new SensitiveBytes(decryptCbc(readerKey(bdk, scheme, ksn), ciphertext));
}

function readerKey(bdk: Uint8Array, scheme: ReaderEncryptionScheme, ksn: Uint8Array): TdesKey {
  const initialKey = deriveInitialKey(bdk, ksn);
  const transactionKey = deriveTransactionKey(initialKey, ksn);
  const key = usageKey(transactionKey, USAGE[scheme]);
  try {
    return tdesKey(key);
  } finally {
    for (const bytes of [initialKey, transactionKey, key]) bytes.fill(0);
  }
}
