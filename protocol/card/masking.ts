import type { TrackNumber } from "../readers/reader-frame.ts";
import { isDigit } from "./alphabets.ts";
import { parseTrack } from "./track.ts";

/** PCI DSS 4.0.1 3.4.1 lets the first six and last four be seen; of a number so short that this would be most of it, less. */
const FIRST = 6;
const FIRST_OF_TRACK_3 = 4;
const LAST = 4;
/** Digits of the shortest card number whose first digits are shown. */
export const SHORTEST_WITH_FIRST = 13;
const SHORTEST = 8;

const ascii = (bytes: Uint8Array) => String.fromCharCode(...bytes);

/**
 * `622424******0069`; undefined for anything but 8 to 19 digits: what cannot be parsed is not shown at all.
 * @param pan ASCII
 * @param seen how many of its first digits, fewer where others stand before them
 */
export function maskPan(pan: Uint8Array, seen: 4 | 6 = FIRST): string | undefined {
  if (pan.length < SHORTEST || pan.length > 19 || !pan.every(isDigit)) return undefined;
  const first = pan.length < SHORTEST_WITH_FIRST ? 0 : seen;
  return ascii(pan.subarray(0, first)) + "*".repeat(pan.length - first - LAST) + ascii(pan.subarray(-LAST));
}

/**
 * A track with its length and its masked PAN, all else starred: `;622424******0069=****************?`.
 * Undefined where the track does not parse or has no PAN.
 * @param bytes ASCII, start to end sentinel, without LRC
 */
export function maskTrack(number: TrackNumber, bytes: Uint8Array): string | undefined {
  try {
    const { pan } = parseTrack(number, bytes);
    // On a stripe that is not ISO/IEC 4909 the PAN begins at the two digits of track 3's format code: they are starred,
    // and counted among the first six.
    const masked = pan && maskPan(pan, number === 3 ? FIRST_OF_TRACK_3 : FIRST);
    if (!masked) return undefined;
    const start = pan.byteOffset - bytes.byteOffset;
    const rest = start + pan.length;
    const before = number === 3 ? `${ascii(bytes.subarray(0, 1))}**` : ascii(bytes.subarray(0, start));
    return `${before}${masked}${ascii(bytes.subarray(rest, rest + 1))}${"*".repeat(bytes.length - rest - 2)}?`;
  } catch {
    return undefined;
  }
}
