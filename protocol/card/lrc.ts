import { type Alphabet, END_SENTINEL, trackFormats } from "./alphabets.ts";

/**
 * The LRC character of a track: the XOR of the data bits from start to end sentinel, both included. Its own parity bit
 * covers itself only (ISO/IEC 7811-6, 11).
 *
 * @param characters ASCII, start to end sentinel, both of the alphabet
 * @returns an ASCII character of the alphabet
 */
export function lrcOf({ base, dataBits }: Alphabet, characters: Uint8Array): number {
  let lrc = 0;
  for (const character of characters) lrc ^= character - base;
  return base + (lrc & ((1 << dataBits) - 1));
}

/**
 * As {@link lrcOf}, in the alphabet that the start sentinel tells: an AAMVA track 3 is written in track 1's.
 * @param characters ASCII, start to end sentinel
 */
export function lrcByStartSentinel(characters: Uint8Array): number {
  return lrcOf(trackFormats[characters[0] === trackFormats[1].startSentinel ? 1 : 2].alphabet, characters);
}

/**
 * Where a reader may or may not send the LRC character after the end sentinel: is it there? No track holds an end
 * sentinel within, so the last but one character decides, even where the LRC itself is a question mark.
 * @param characters ASCII, from the start sentinel
 */
export function carriesLrc(characters: Uint8Array): boolean {
  return characters.at(-2) === END_SENTINEL;
}
