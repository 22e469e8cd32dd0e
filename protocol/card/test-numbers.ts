import type { TrackNumber } from "../readers/reader-frame.ts";
import { parseTrack } from "./track.ts";

/** A card number that nobody's card has, and who published it. */
export interface TestNumber {
  /** 13 to 19 digits. */
  readonly pan: string;
  readonly source: string;
}

const PAYPAL = "PayPal Manager help, Test Credit Card Account Numbers";
const STRIPE = "docs.stripe.com/testing";
const WORLDLINE = "docs.connect.worldline-solutions.com, UnionPay International SecurePay, test cases";

/**
 * Numbers that schemes, processors and makers of readers publish for tests. Whole numbers, never a range: what merely begins
 * like one of them may be somebody's card. Each has its source; what has none does not belong here.
 */
export const testNumbers: readonly TestNumber[] = [
  { pan: "5452300551227189", source: "MagTek D99875475-10, appendix D" },
  { pan: "4266841088889999", source: "Unitech MS246 manual 80096504-001 (ID TECH), page 39" },
  { pan: "6224242300000069", source: "github.com/vfwz/iso8583-parser, PosMessageTest.java (8edb323)" },
  { pan: "6250947000000014", source: WORLDLINE },
  { pan: "6250946000000016", source: WORLDLINE },
  { pan: "6200000000000005", source: STRIPE },
  { pan: "4242424242424242", source: STRIPE },
  { pan: "4111111111111111", source: PAYPAL },
  { pan: "4012888888881881", source: PAYPAL },
  { pan: "4222222222222", source: PAYPAL },
  { pan: "5555555555554444", source: PAYPAL },
  { pan: "5105105105105100", source: PAYPAL },
  { pan: "378282246310005", source: PAYPAL },
  { pan: "371449635398431", source: PAYPAL },
  { pan: "6011111111111117", source: PAYPAL },
  { pan: "3530111333300000", source: PAYPAL },
];

/** Track 3 of the makers' sample cards, which holds another number than their tracks 1 and 2, or none. */
export const sampleTracks3 = {
  /** MagTek D99875475-10, appendix D. */
  magtek: ";5163499080020445=000000000000?",
  /** Unitech MS246 manual 80096504-001 (ID TECH), page 39. */
  idtech: ";33333333337676760707077676763333333333767676070707767676333333333376767607070776767633333333337676760707?",
} as const;

const ascii = new TextEncoder();
const equal = (a: Uint8Array, b: Uint8Array) => a.length === b.length && a.every((byte, n) => byte === b[n]);
const known = testNumbers.map(({ pan }) => ascii.encode(pan));
const samples = Object.values(sampleTracks3).map((track) => ascii.encode(track));

/** Is it one of {@link testNumbers}? @param pan ASCII digits */
export const isTestNumber = (pan: Uint8Array): boolean => known.some((test) => equal(test, pan));

/**
 * Is its number one of {@link testNumbers}, or is it one of {@link sampleTracks3}? A track that does not parse is not.
 * @param bytes ASCII, start to end sentinel, without LRC
 */
export function isTestNumberTrack(number: TrackNumber, bytes: Uint8Array): boolean {
  if (number === 3 && samples.some((sample) => equal(sample, bytes))) return true;
  try {
    const { pan } = parseTrack(number, bytes);
    return pan !== undefined && isTestNumber(pan);
  } catch {
    return false;
  }
}

/**
 * Can a masked number be one of {@link testNumbers}? It has to show the last four digits and the first four at least.
 * @param maskedPan `5452********7189`
 */
export function fitsTestNumber(maskedPan: string): boolean {
  if (!/^\d{4,}\*+\d{4}$/.test(maskedPan)) return false;
  return testNumbers.some(
    ({ pan }) =>
      pan.length === maskedPan.length && Array.from(maskedPan).every((shown, n) => shown === "*" || shown === pan[n]),
  );
}
