import type { TrackNumber } from "../readers/reader-frame.ts";
import { END_SENTINEL, isDigit, trackFormats } from "./alphabets.ts";
import { SHORTEST_WITH_FIRST } from "./masking.ts";

/*
 * Readers that encrypt send a masked picture of each track beside it. MagTek masks with zeros, one of which may become
 * another digit so that the number passes Luhn (D99875475 "ISO Track Mask"); ID TECH masks with asterisks, the format
 * code and the LRC too. A reader can be set to mask less, or nothing, so its word is not taken for it.
 */

const ZERO = 0x30;
const ASTERISK = 0x2a;
const FIRST = 6;
const LAST = 4;
const SHORTEST_PAN = 12;
/** Expiry date and service code may be seen. */
const SEEN_AFTER_SEPARATOR = 7;

interface MaskedParts {
  readonly pan: Uint8Array;
  readonly afterSeparator: Uint8Array;
  readonly separator: number;
}

const isMask = (character?: number) => character === ZERO || character === ASTERISK;

function partsOf(track: TrackNumber, bytes: Uint8Array): MaskedParts | undefined {
  const { separator, startSentinel } = trackFormats[track];
  const end = bytes.lastIndexOf(END_SENTINEL);
  const start = track === 1 ? 2 : 1;
  const panEnd = bytes.indexOf(separator, start);
  const nameEnd = track === 1 ? bytes.indexOf(separator, panEnd + 1) : panEnd;
  if (bytes[0] !== startSentinel || end < bytes.length - 2 || panEnd < 0 || nameEnd < panEnd || nameEnd > end) {
    return undefined;
  }
  const pan = bytes.subarray(start, panEnd);
  if (pan.length < SHORTEST_PAN) return undefined;
  for (const character of pan) if (!isDigit(character) && character !== ASTERISK) return undefined;
  return { pan, afterSeparator: bytes.subarray(nameEnd + 1, end), separator };
}

/**
 * Does a reader's picture of an encrypted track show more than first six, last four, expiry date and service code?
 * @param bytes ASCII, start to end sentinel, with LRC or without
 */
export function revealsTooMuch(track: TrackNumber, bytes: Uint8Array): boolean {
  const parts = partsOf(track, bytes);
  return parts !== undefined && reveal(track, parts);
}

function reveal(track: TrackNumber, { pan, afterSeparator, separator }: MaskedParts): boolean {
  let corrections = 0;
  for (let at = FIRST; at < pan.length - LAST; at++) if (!isMask(pan[at])) corrections++;
  for (let at = track === 3 ? 0 : SEEN_AFTER_SEPARATOR; at < afterSeparator.length; at++) {
    if (!isMask(afterSeparator[at]) && afterSeparator[at] !== separator) return true;
  }
  return corrections > 1;
}

/**
 * A reader's picture of an encrypted track as text. Undefined where it reveals too much or does not parse (an AAMVA
 * card, a stripe of no known format): what cannot be parsed is not shown.
 * @param bytes ASCII, start to end sentinel, with LRC or without
 */
export function readMaskedTrack(track: TrackNumber, bytes: Uint8Array): string | undefined {
  const parts = partsOf(track, bytes);
  if (!parts || reveal(track, parts)) return undefined;
  // Spread arguments are many times slower, and this runs for every track of every swipe.
  return Reflect.apply(String.fromCharCode, undefined, bytes);
}

/** Of a text from {@link readMaskedTrack}: the PAN with asterisks as its mask, `5452********7189`; undefined for others. */
export function maskedPanOf(track: TrackNumber, text: string): string | undefined {
  const parts = partsOf(track, new TextEncoder().encode(text));
  if (!parts) return undefined;
  const pan = String.fromCharCode(...parts.pan);
  const shown = pan.length < SHORTEST_WITH_FIRST ? 0 : FIRST;
  // A zero at the seam may be mask or digit: it is taken for mask.
  const first = (/^\d*/.exec(pan.slice(0, shown))?.[0] ?? "").replace(/0+$/, "");
  const last = /\d*$/.exec(pan.slice(-LAST))?.[0] ?? "";
  return first + "*".repeat(pan.length - first.length - last.length) + last;
}

/**
 * Of a text from {@link readMaskedTrack} of track 1 or 2: three ASCII digits where they show, undefined otherwise. Zeros
 * are a mask, no service code begins with one.
 */
export function shownServiceCode(track: TrackNumber, text: string): Uint8Array | undefined {
  if (track === 3) return undefined;
  const code = partsOf(track, new TextEncoder().encode(text))?.afterSeparator.slice(4, 7);
  return code?.length === 3 && code.every(isDigit) && code[0] !== ZERO ? code : undefined;
}
