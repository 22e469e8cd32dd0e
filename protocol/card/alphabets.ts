import type { TrackNumber } from "../readers/reader-frame.ts";

/** ISO/IEC 7811-6: how the characters of a track are written. */
export interface Alphabet {
  /** Data bits of a character, without its parity bit. */
  readonly dataBits: 4 | 6;
  /** The ASCII character whose data bits are all zero. */
  readonly base: number;
}

/** How a track is laid out. Sentinels and separator are ASCII characters. */
export interface TrackFormat {
  readonly alphabet: Alphabet;
  /** Characters at most, from start sentinel to LRC, both included. */
  readonly maxLength: number;
  readonly startSentinel: number;
  readonly separator: number;
}

const ALPHANUMERIC: Alphabet = { dataBits: 6, base: 0x20 };
const NUMERIC: Alphabet = { dataBits: 4, base: 0x30 };

/** `?` in ASCII, on every track. */
export const END_SENTINEL = 0x3f;

/** ISO/IEC 7813 for tracks 1 and 2, ISO/IEC 4909 for track 3. */
export const trackFormats: Readonly<Record<TrackNumber, TrackFormat>> = {
  1: { alphabet: ALPHANUMERIC, maxLength: 79, startSentinel: 0x25, separator: 0x5e }, // % ^
  2: { alphabet: NUMERIC, maxLength: 40, startSentinel: 0x3b, separator: 0x3d }, // ; =
  3: { alphabet: NUMERIC, maxLength: 107, startSentinel: 0x3b, separator: 0x3d },
};

/** Can an ASCII character be written in the alphabet? */
export function isInAlphabet({ base, dataBits }: Alphabet, character: number): boolean {
  return character >= base && character < base + (1 << dataBits);
}

/** Is it an ASCII digit? Of a character that may be missing. */
export const isDigit = (character: number | undefined): character is number =>
  character !== undefined && character >= 0x30 && character <= 0x39;
