import type { CardEncoding, TrackNumber } from "./reader-frame.ts";

/*
 * ID TECH SecureMag 80096504-001 Rev L, "Data Output Format". Original: STX, length, header, tracks, ciphertext of
 * tracks 1 and 2 together, their hashes, KSN, LRC, checksum, ETX. Enhanced: fields 8 and 9 after the header say which
 * parts follow.
 */

/** First byte of a frame. */
export const STX = 0x02;
/** Last byte of a frame. */
export const ETX = 0x03;
/** Bytes around the payload: STX, two of length, LRC, checksum, ETX. */
export const FRAMING = 6;
/** Bytes: card encode type, track status, three track lengths. */
export const HEADER = 5;

/** Bit 7 of the card encode type. */
export const ENHANCED = 0x80;
/** By the card encode type without bit 7. */
export const CARD_ENCODE_TYPES: Readonly<Record<number, CardEncoding>> = {
  0: "iso",
  1: "aamva",
  3: "other",
  4: "raw",
  5: "jis",
};
/** Not characters with sentinels and an LRC. */
export const BINARY_ENCODINGS: readonly CardEncoding[] = ["raw", "jis"];

/** Bit number of track 1 in the track status: it was decoded. Tracks 2 and 3 follow. */
export const DECODED = 0;
/** Bit number of track 1 in the track status: there was something on it. Tracks 2 and 3 follow. */
export const SAMPLED = 3;
/** Bit of the track status. */
export const FIELD_10_PRESENT = 1 << 6;

/** Of the enhanced format. */
export const FIELD_8 = {
  /** Bit number of track 1: masked or clear characters are sent. */
  text: 0,
  fixedKey: 1 << 3,
  /** Zero is TDES. */
  algorithm: 3 << 4,
  pinVariant: 1 << 6,
  serial: 1 << 7,
} as const;

/** Of the enhanced format. */
export const FIELD_9 = {
  /** Bit number of track 1. */
  encrypted: 0,
  /** Bit number of track 1. */
  hash: 3,
  sessionId: 1 << 6,
  ksn: 1 << 7,
} as const;

/** Bytes to which ciphertext is filled up. */
export const BLOCK = 8;
/** SHA-1, in bytes. */
export const HASH_LENGTH = 20;
/** In bytes. */
export const KSN_LENGTH = 10;
/** In bytes. */
export const SERIAL_LENGTH = 10;
/** In bytes. */
export const SESSION_ID_LENGTH = 8;

/** What the original format encrypts, as one block. */
export const ORIGINAL_BLOCK_TRACKS: readonly TrackNumber[] = [1, 2];

/** A length in bytes, filled up to whole blocks. */
export const padded = (length: number, block: number): number => Math.ceil(length / block) * block;
