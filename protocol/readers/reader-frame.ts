import type { SwipewireError } from "../failure.ts";
import type { SensitiveBytes } from "../sensitive-bytes.ts";

/** Families whose frames look alike on every device; a family is a file beside this one. */
export type FixedFamily =
  | "magtek-sureswipe"
  | "magtek-magnesafe"
  | "magtek-keyboard"
  | "idtech"
  | "idtech-keyboard"
  | "ascii";

/** All families; the frames of `hid-msr` are laid out as each device's report descriptor says. */
export type ReaderFamily = FixedFamily | "hid-msr";

/** Tracks 1 to 3 of a card, ISO/IEC 7811-6. */
export type TrackNumber = 1 | 2 | 3;

/** How the stripe is laid out, as the reader tells it; see `card-encoding.ts` for those that hold no payment card. */
export type CardEncoding = "iso" | "aamva" | "cadl" | "blank" | "other" | "undetermined" | "none" | "raw" | "jis";

/** One thing that was checked about a frame. `detail` holds facts of place and size, never card data. */
export interface FrameCheck {
  readonly name: string;
  readonly passed: boolean;
  readonly detail?: string;
}

/** One track of a frame. */
export interface ReaderTrack {
  readonly number: TrackNumber;
  /** `error`: the stripe was there but could not be read. */
  readonly state: "read" | "blank" | "error";
  /**
   * The characters from start to end sentinel, both included, in ASCII, without LRC; where the frame's encoding is `raw` or
   * `jis`, the bytes as the reader sent them. Absent when encrypted or not read.
   */
  readonly clear?: SensitiveBytes;
  /** What the reader itself lets be seen of an encrypted track. */
  readonly masked?: string;
}

/** One run of ciphertext, covering one track or several joined end to end. */
export interface EncryptedBlock {
  readonly tracks: readonly TrackNumber[];
  /** Length in bytes of each track's clear text, in the order of `tracks`; what follows the last is padding. */
  readonly lengths: readonly number[];
  /** Whole blocks of 8 bytes. */
  readonly ciphertext: Uint8Array;
}

/**
 * Which key of X9.24-1 opens the blocks: MagTek encrypts under the PIN variant, ID TECH under the data-request key
 * (variant, then encrypted under itself). Both are TDES-CBC with a zero IV.
 */
export type ReaderEncryptionScheme = "tdes-dukpt-pin-cbc" | "tdes-dukpt-data-cbc";

/** What a reader encrypted, and which key opens it. */
export interface ReaderEncryption {
  readonly scheme: ReaderEncryptionScheme;
  /** 10 bytes, X9.24-1:2009 A.1. */
  readonly ksn: Uint8Array;
  readonly blocks: readonly EncryptedBlock[];
  /** SHA-1, 20 bytes, over a track's clear bytes (ID TECH: with its LRC character), where the reader sends them. */
  readonly hashes: readonly { readonly track: TrackNumber; readonly sha1: Uint8Array }[];
}

/** A field of one family that has no place of its own in {@link ReaderFrame}, named as its maker's manual names it. */
export interface FrameField {
  readonly name: string;
  readonly bytes: Uint8Array;
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
  /** What else the frame carries, so that `encode` gives back every byte. Never track data. */
  readonly fields?: readonly FrameField[];
  readonly checks: readonly FrameCheck[];
}

/** What became of some bytes: either the frame or the first failure, and every check that could be made. */
export type FrameExamination =
  | { readonly frame: ReaderFrame; readonly checks: readonly FrameCheck[]; readonly failure?: never }
  | { readonly frame?: never; readonly checks: readonly FrameCheck[]; readonly failure: SwipewireError };

/** A reader family: both directions, so that the simulator speaks exactly what the daemon hears. */
export interface ReaderCodec {
  readonly family: ReaderFamily;
  /** As {@link decode}, for whoever wants to see what is wrong with a broken frame. Never throws over its input. */
  examine(bytes: Uint8Array): FrameExamination;
  /**
   * Takes one whole frame apart. The frame is the caller's to wipe; the bytes stay so too.
   * @throws a `reader_*` failure (see `errors.ts`) when the bytes are not a frame of this family
   */
  decode(bytes: Uint8Array): ReaderFrame;
  /**
   * Of a frame that {@link decode} returned: the same bytes again, the caller's to wipe.
   * @throws ReaderFrameField when the frame holds something this family cannot carry
   */
  encode(frame: ReaderFrame): Uint8Array;
}
