import type { SwipewireError } from "@swipewire/protocol/failure";
import type { FrameCheck, ReaderTrack, TrackNumber } from "@swipewire/protocol/readers/reader-frame";

export interface InspectedTrack {
  readonly number: TrackNumber;
  readonly state: ReaderTrack["state"];
  /** Absent where nothing of the track may be shown. */
  readonly masked?: string;
  /** Of test cards only, and only with a test key. */
  readonly clear?: string;
  /** Why the clear track, or even a masked one, is not shown. */
  readonly hidden?: string;
}

/** One field of an ISO 8583 message. */
export interface InspectedField {
  readonly number: number;
  readonly name: string;
  /** Masked where it is sensitive; absent where nothing of it may be shown. */
  readonly value?: string;
  /** What is there in its place. */
  readonly hidden?: string;
}

/** What a tester is told about one capture. */
export interface Inspection {
  /** What it was decoded as. */
  readonly profile: string;
  /** Of the capture, in bytes. */
  readonly length: number;
  readonly fields: Readonly<Record<string, string>>;
  readonly tracks?: readonly InspectedTrack[];
  /** Of an ISO 8583 message, its fields as far as they could be read. */
  readonly message?: readonly InspectedField[];
  readonly checks: readonly FrameCheck[];
  /** What is odd and yet allowed. */
  readonly warnings: readonly string[];
  /** The first thing that is wrong; absent where all is well. */
  readonly failure?: SwipewireError;
}

export interface InspectOptions {
  /** 16 bytes, a test key. */
  readonly bdk?: Uint8Array;
  /** The HID report descriptor of the reader that the capture came from. */
  readonly descriptor?: Uint8Array;
}

/** Decodes captures of one kind. */
export type Profile = (capture: Uint8Array, options: InspectOptions) => Inspection;
