import { END_SENTINEL, isDigit, trackFormats } from "@swipewire/protocol/card/alphabets";
import { passesLuhn } from "@swipewire/protocol/card/luhn";
import type { TestCardTrack } from "../cards/test-cards.ts";

const SHOWN = 4;
const EXPIRY = 4;
const ZERO = 0x30;
const ASTERISK = 0x2a;

/** Where in a track the masked digits are. */
interface Places {
  readonly panStart: number;
  readonly panEnd: number;
  /** After the last separator before the dates. */
  readonly dates: number;
  readonly end: number;
}

function placesIn({ number, data }: TestCardTrack): Places {
  const { separator } = trackFormats[number];
  const end = data.lastIndexOf(END_SENTINEL);
  const panStart = number === 1 ? 2 : 1;
  const separatorAt = data.indexOf(separator, panStart);
  // A stripe without separators is masked as one long number.
  const panEnd = separatorAt < 0 ? end : separatorAt;
  const dates = separatorAt < 0 ? end : (number === 1 ? data.indexOf(separator, panEnd + 1) : panEnd) + 1;
  return { panStart, panEnd, dates, end };
}

/**
 * As a MagneSafe reader with its factory mask: first and last four digits, the expiry date, zeros for the rest, and one
 * digit amid the zeros that makes the masked number pass the Luhn check (D99875475, ISO Track Mask).
 */
export function maskAsMagtek(track: TestCardTrack): string {
  const { panStart, panEnd, dates, end } = placesIn(track);
  const masked = track.data.slice();
  masked.fill(ZERO, panStart + SHOWN, panEnd - SHOWN);
  const expiry = track.number !== 3 && isDigit(track.data[dates]) ? EXPIRY : 0;
  for (let at = dates + expiry; at < end; at++) {
    if (isDigit(masked[at]) || track.number === 1) masked[at] = ZERO;
  }
  const pan = masked.subarray(panStart, panEnd);
  for (let digit = 0; digit < 10 && !passesLuhn(pan); digit++) pan[Math.floor(pan.length / 2)] = ZERO + digit;
  return String.fromCharCode(...masked);
}

/** As an ID TECH reader: first and last four digits, asterisks for the rest, the format code and the LRC character. */
export function maskAsIdtech(track: TestCardTrack): string {
  const { panStart, panEnd, dates, end } = placesIn(track);
  const masked = Uint8Array.of(...track.data, ASTERISK);
  masked.fill(ASTERISK, panStart + SHOWN, panEnd - SHOWN);
  masked.fill(ASTERISK, dates, end);
  if (track.number === 1) masked[1] = ASTERISK;
  return String.fromCharCode(...masked);
}
