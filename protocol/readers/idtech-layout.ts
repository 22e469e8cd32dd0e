import type { CardEncoding, TrackNumber } from "./reader-frame.ts";

/*
 * ID TECH SecureMag 80096504-001 Rev L, "Data Output Format". Original: STX, length, header, tracks, ciphertext of
 * tracks 1 and 2 together, their hashes, KSN, LRC, checksum, ETX. Enhanced: fields 8 and 9 after the header say which
 * parts follow.
 */

export const STX = 0x02;
export const ETX = 0x03;
/** STX, two bytes of length, LRC, checksum, ETX. */
export const FRAMING = 6;
/** Card encode type, track status, three track lengths. */
export const HEADER = 5;

/** Bit 7 of the card encode type. */
export const ENHANCED = 0x80;
export const CARD_ENCODE_TYPES: Readonly<Record<number, CardEncoding>> = {
  0: "iso",
  1: "aamva",
  3: "other",
  4: "raw",
  5: "jis",
};
/** Not characters with sentinels and an LRC. */
export const BINARY_ENCODINGS: readonly CardEncoding[] = ["raw", "jis"];

/** Bit numbers of track 1 in the track status. */
export const DECODED = 0;
export const SAMPLED = 3;
export const FIELD_10_PRESENT = 1 << 6;

export const FIELD_8 = {
  /** Bit number of track 1: masked or clear characters are sent. */
  text: 0,
  fixedKey: 1 << 3,
  /** Zero is TDES. */
  algorithm: 3 << 4,
  pinVariant: 1 << 6,
  serial: 1 << 7,
} as const;

export const FIELD_9 = {
  /** Bit number of track 1. */
  encrypted: 0,
  /** Bit number of track 1. */
  hash: 3,
  sessionId: 1 << 6,
  ksn: 1 << 7,
} as const;

export const BLOCK = 8;
export const HASH_LENGTH = 20;
export const KSN_LENGTH = 10;
export const SERIAL_LENGTH = 10;
export const SESSION_ID_LENGTH = 8;

export const ORIGINAL_BLOCK_TRACKS: readonly TrackNumber[] = [1, 2];

export const padded = (length: number, block: number): number => Math.ceil(length / block) * block;
