import type { EncryptedBlock, ReaderEncryptionScheme, ReaderFamily, TrackNumber } from "../readers/reader-frame.ts";
import type { SensitiveBytes } from "../sensitive-bytes.ts";

/** A clear track. */
export interface SwipeTrack {
  readonly number: TrackNumber;
  /** From start to end sentinel, both included, ASCII, without LRC. */
  readonly data: SensitiveBytes;
}

/** A swipe as the stripe has it. */
export interface ClearSwipe {
  readonly kind: "clear";
  readonly family: ReaderFamily;
  /** The reader's, as it prints it; at most 40 characters travel. */
  readonly serial?: string;
  readonly tracks: readonly SwipeTrack[];
}

/** A swipe the reader encrypted: it passes through the daemon as it came. */
export interface EncryptedSwipe {
  readonly kind: "encrypted";
  readonly family: ReaderFamily;
  /** The reader's, as it prints it; at most 40 characters travel. */
  readonly serial?: string;
  readonly scheme: ReaderEncryptionScheme;
  /** 10 bytes, X9.24-1:2009 A.1. */
  readonly ksn: Uint8Array;
  readonly blocks: readonly EncryptedBlock[];
  /** 20 bytes each, over a track's clear bytes, where the reader sends them. */
  readonly hashes: readonly { readonly track: TrackNumber; readonly sha1: Uint8Array }[];
  /** Tracks that the reader sent beside its ciphertext in clear (ID TECH's original format sends track 3 so). */
  readonly clearTracks: readonly SwipeTrack[];
  /** What the reader lets be seen of its encrypted tracks, for display at the terminal; it does not travel. */
  readonly masked?: readonly { readonly track: TrackNumber; readonly text: string }[];
}

/** Validated tracks, clear or encrypted by the reader. */
export type Swipe = ClearSwipe | EncryptedSwipe;

/** Overwrites whatever is sensitive in it. */
export function wipeSwipe(swipe: Swipe): void {
  for (const track of swipe.kind === "clear" ? swipe.tracks : swipe.clearTracks) track.data.wipe();
}
