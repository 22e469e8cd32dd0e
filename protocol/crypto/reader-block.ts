import type { ReaderEncryptionScheme } from "../readers/reader-frame.ts";
import { SensitiveBytes } from "../sensitive-bytes.ts";
import { AES_BLOCK_LENGTH, decryptAesCbc } from "./aes.ts";
import * as aes from "./dukpt-aes.ts";
import { type DukptUsage, deriveInitialKey, deriveTransactionKey, usageKey } from "./dukpt-tdes.ts";
import { decryptCbc, encryptCbc, type TdesKey, tdesKey, zeroPadded } from "./tdes.ts";

/** MagTek D99875475 appendix D; ID TECH 80096504-001 "DUKPT key management". */
const USAGE: Record<ReaderEncryptionScheme, DukptUsage> = {
  "tdes-dukpt-pin-cbc": "pin",
  "tdes-dukpt-data-cbc": "data-request",
};

/**
 * What a reader does to a track: TDES-CBC with a zero IV, under the key that `scheme` names.
 * @param transactionKey 16 bytes
 * @param clear padded on the right with zero bytes to whole 8-byte blocks
 * @returns whole blocks
 * @throws KeyLength
 */
export function encryptReaderBlock(
  transactionKey: Uint8Array,
  scheme: ReaderEncryptionScheme,
  clear: Uint8Array,
): Uint8Array {
  const key = readerKey(transactionKey, scheme);
  const padded = zeroPadded(clear);
  try {
    return encryptCbc(key, padded);
  } finally {
    padded.fill(0);
  }
}

/**
 * What a host does with it.
 * @param bdk 16 bytes
 * @param ksn 10 bytes
 * @param ciphertext whole 8-byte blocks
 * @returns the clear text with its padding, the caller's to wipe
 * @throws KeyLength | KsnInvalid | CiphertextLength
 */
export function decryptReaderBlock(
  bdk: Uint8Array,
  scheme: ReaderEncryptionScheme,
  ksn: Uint8Array,
  ciphertext: Uint8Array,
): SensitiveBytes {
  const initialKey = deriveInitialKey(bdk, ksn);
  const transactionKey = deriveTransactionKey(initialKey, ksn);
  try {
    return decryptReaderBlockBy(transactionKey, scheme, ciphertext);
  } finally {
    for (const bytes of [initialKey, transactionKey]) bytes.fill(0);
  }
}

/**
 * As {@link decryptReaderBlock}, for a host that has the key of the KSN.
 * @param transactionKey 16 bytes
 * @param ciphertext whole 8-byte blocks
 * @returns the clear text with its padding, the caller's to wipe
 * @throws KeyLength | CiphertextLength
 */
export const decryptReaderBlockBy = (
  transactionKey: Uint8Array,
  scheme: ReaderEncryptionScheme,
  ciphertext: Uint8Array,
): SensitiveBytes => new SensitiveBytes(decryptCbc(readerKey(transactionKey, scheme), ciphertext));

/** AES-CBC, zero IV, under the data-encryption key (X9.24-3:2017 table 2) of the transaction key's length. */
export type AesReaderScheme = "aes-dukpt-data-cbc";

/**
 * What a host does with a block of a reader with AES DUKPT.
 * @param transactionKey 16, 24 or 32 bytes, of the KSN
 * @param ksn 12 bytes
 * @param ciphertext whole 16-byte blocks
 * @returns the clear text with its padding, the caller's to wipe
 * @throws KeyLength | KsnInvalid | CiphertextLength
 */
export function decryptAesReaderBlockBy(
  transactionKey: Uint8Array,
  ksn: Uint8Array,
  ciphertext: Uint8Array,
): SensitiveBytes {
  const key = aes.deriveWorkingKey(transactionKey, ksn, "data-encryption", aes.aesTypeOf(transactionKey));
  try {
    return new SensitiveBytes(decryptAesCbc(key, ciphertext, new Uint8Array(AES_BLOCK_LENGTH)));
  } finally {
    key.fill(0);
  }
}

function readerKey(transactionKey: Uint8Array, scheme: ReaderEncryptionScheme): TdesKey {
  const key = usageKey(transactionKey, USAGE[scheme]);
  try {
    return tdesKey(key);
  } finally {
    key.fill(0);
  }
}
