import type { SwipewireError } from "../../failure.ts";
import type { SensitiveBytes } from "../../sensitive-bytes.ts";

/** A frame whose CRC is right. */
export interface ModemFrame {
  readonly kind: "frame";
  /** From behind its preamble to its end, in samples since the decoder was made. */
  readonly start: number;
  readonly end: number;
  /** What the payload is, 0 to 255: see `modem-message.ts`. */
  readonly messageKind: number;
  /** The receiver's to wipe. */
  readonly payload: SensitiveBytes;
  /** How much of the signal was the sync word, 0 to 1. */
  readonly strength: number;
  /** Bytes that arrived wrong and were corrected. */
  readonly corrected: number;
}

/** A frame began and could not be read: the failure's text says what to do. */
export interface ModemFailure {
  readonly kind: "failure";
  readonly start: number;
  readonly end: number;
  readonly failure: SwipewireError;
}

/** What a decoder tells of one frame. */
export type ModemEvent = ModemFrame | ModemFailure;
