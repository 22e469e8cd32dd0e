import type { SwipewireError } from "../failure.ts";
import type { TrackNumber } from "../readers/reader-frame.ts";
import type { SensitiveBytes } from "../sensitive-bytes.ts";
import type { SwipeDirection } from "./read-bits.ts";

/** Why a track was believed. Whichever it was, parity, LRC, sentinels, clocking zeros and format were whole. */
export type ReadBasis =
  /** The flux changes lie where they should. */
  | "timing"
  /** Filters of different widths read the same. */
  | "widths"
  /** Two swipes, neither of them good enough by itself, read the same. */
  | "second-swipe";

/** A track, and how surely it was read. */
export interface WaveformTrack {
  readonly number: TrackNumber;
  /** ASCII, start to end sentinel, without LRC; the receiver's to wipe. */
  readonly data: SensitiveBytes;
  /** 0 or 1. */
  readonly channel: number;
  readonly direction: SwipeDirection;
  readonly basis: ReadBasis;
  /** How far flux changes lie from where their neighbours say, root mean square, as a share of a bit. */
  readonly residual: number;
  /** How many filters read this. */
  readonly votes: number;
  /** cm/s, at places evenly along the swipe. */
  readonly speeds: readonly number[];
}

/** A card was read. */
export interface WaveformSwipe {
  readonly kind: "swipe";
  /** Of its first and behind its last flux change, in samples of a channel since the decoder was made. */
  readonly start: number;
  readonly end: number;
  /** In the order of their numbers, each once. */
  readonly tracks: readonly WaveformTrack[];
}

/** Something happened at the head that gave no card: the failure's text says what to do. */
export interface WaveformFailure {
  readonly kind: "failure";
  readonly start: number;
  readonly end: number;
  readonly failure: SwipewireError;
}

/** What a decoder tells of one swipe. */
export type WaveformEvent = WaveformSwipe | WaveformFailure;
