import type { SensitiveBytes } from "../sensitive-bytes.ts";

/** The families this package decodes; a family is a file beside this one. */
export type ReaderFamily = "magtek-sureswipe" | "magtek-magnesafe" | "idtech" | "ascii";

export type TrackNumber = 1 | 2 | 3;

/** How the stripe is laid out, as the reader tells it. */
export type CardEncoding = "iso" | "aamva" | "cadl" | "blank" | "other" | "undetermined" | "none" | "raw" | "jis";

/** One thing that was checked about a frame. `detail` holds facts of place and size, never card data. */
export interface FrameCheck {
  readonly name: string;
  readonly passed: boolean;
  readonly detail?: string;
}

export interface ReaderTrack {
  readonly number: TrackNumber;
  /** `error`: the stripe was there but could not be read. */
  readonly state: "read" | "blank" | "error";
  /** The characters from start to end sentinel, both included, in ASCII, without LRC. Absent when encrypted or not read. */
  readonly clear?: SensitiveBytes;
  /** What the reader itself lets be seen of an encrypted track. */
  readonly masked?: string;
}

/** One run of ciphertext, covering one track or several joined end to end. */
export interface EncryptedBlock {
  readonly tracks: readonly TrackNumber[];
  /** Length in bytes of each track's clear text, in the order of `tracks`; what follows the last is padding. */
  readonly lengths: readonly number[];
  readonly ciphertext: Uint8Array;
}

/**
 * Which key of X9.24-1 opens the blocks: MagTek encrypts under the PIN variant, ID TECH under the data-request key
 * (variant, then encrypted under itself). Both are TDES-CBC with a zero IV.
 */
export type ReaderEncryptionScheme = "tdes-dukpt-pin-cbc" | "tdes-dukpt-data-cbc";

export interface ReaderEncryption {
  readonly scheme: ReaderEncryptionScheme;
  /** 10 bytes, X9.24-1:2009 A.1. */
  readonly ksn: Uint8Array;
  readonly blocks: readonly EncryptedBlock[];
  /** SHA-1 over a track's clear bytes (ID TECH: with its LRC character), where the reader sends them. */
  readonly hashes: readonly { readonly track: TrackNumber; readonly sha1: Uint8Array }[];
}

/** Bytes as the reader sent them, taken apart. */
export interface ReaderFrame {
  readonly family: ReaderFamily;
  readonly encoding: CardEncoding;
  /** Always three, in order. */
  readonly tracks: readonly [ReaderTrack, ReaderTrack, ReaderTrack];
  readonly encryption?: ReaderEncryption;
  /** The reader's serial number, as it prints it. */
  readonly serial?: string;
  readonly checks: readonly FrameCheck[];
}

/** A reader family: both directions, so that the simulator speaks exactly what the daemon hears. */
export interface ReaderCodec {
  /**
   * Takes one whole frame apart.
   * @throws a `reader_*` failure (see `errors.ts`) when the bytes are not a frame of this family
   */
  decode(bytes: Uint8Array): ReaderFrame;
  encode(frame: ReaderFrame): Uint8Array;
}
