import { maskTrack } from "../card/masking.ts";
import type { CardEncoding, ReaderFrame, TrackNumber } from "./reader-frame.ts";

/**
 * Stripes that hold no payment card: driving licences (AAMVA, California's CADL), the Japanese stripe, and bits that the
 * reader did not decode. Frames carry them as they came. What an AAMVA track 2 begins with looks like a card number and
 * is none, so these must not be parsed, masked or charged as one.
 */
const DOCUMENTS: readonly CardEncoding[] = ["aamva", "cadl", "raw", "jis"];

/** May the stripe be a payment card's? */
export const isPaymentEncoding = (encoding: CardEncoding): boolean => !DOCUMENTS.includes(encoding);

/**
 * As `maskTrack`, of a track in a frame; undefined also where the stripe holds no payment card.
 * @param bytes ASCII, start to end sentinel, without LRC
 */
export function maskFrameTrack(
  { encoding }: Pick<ReaderFrame, "encoding">,
  number: TrackNumber,
  bytes: Uint8Array,
): string | undefined {
  return isPaymentEncoding(encoding) ? maskTrack(number, bytes) : undefined;
}
