import {
  TrackCharacter,
  TrackExpiry,
  TrackFormatCode,
  TrackName,
  TrackPan,
  TrackSentinel,
  TrackServiceCode,
  TrackTooLong,
} from "../errors.ts";
import type { TrackNumber } from "../readers/reader-frame.ts";
import { END_SENTINEL, isDigit, isInAlphabet, trackFormats } from "./alphabets.ts";

/** ISO/IEC 7812-1; UnionPay uses all of the 19. */
const PAN_LENGTH = { min: 8, max: 19 };
const NAME_MAX = 26;
const FORMAT_CODE_B = 0x42;

/** Views into the bytes that were parsed: they live and are wiped with them. */
export interface PaymentTrack {
  readonly number: 1 | 2;
  /** `B`, on track 1. */
  readonly formatCode?: Uint8Array;
  /** 8 to 19 ASCII digits, with the check digit. */
  readonly pan: Uint8Array;
  /** Up to 26 characters: surname/first name, on track 1; may be blank. */
  readonly name?: Uint8Array;
  /** YYMM as it stands: 0000, 4912 and past dates are the issuer's to judge. Absent where a separator takes its place. */
  readonly expiry?: Uint8Array;
  /** Three ASCII digits, see `service-code.ts`. Absent where a separator takes their place. */
  readonly serviceCode?: Uint8Array;
  /** What follows, up to the end sentinel; the issuer's own. */
  readonly discretionary: Uint8Array;
}

/** Track 3 goes to the bank as it is; of its ISO/IEC 4909 fields only the first two are told apart here. */
export interface BankingTrack {
  readonly number: 3;
  /** Two digits. */
  readonly formatCode: Uint8Array;
  /** 8 to 19 ASCII digits. Absent where track 2 alone has it, or no separator ends it. */
  readonly pan?: Uint8Array;
  /** Use and security data, additional data. */
  readonly discretionary: Uint8Array;
}

/** What {@link parseTrack} makes of a track. */
export type ParsedTrack = PaymentTrack | BankingTrack;

/**
 * Takes a track apart in place, ISO/IEC 7813 and ISO/IEC 4909.
 *
 * @param bytes ASCII, start to end sentinel, both included, without LRC
 * @throws TrackTooLong | TrackSentinel | TrackCharacter | TrackFormatCode | TrackPan | TrackName | TrackExpiry |
 *   TrackServiceCode: each tells track and offset, never content
 */
export function parseTrack(number: 1 | 2, bytes: Uint8Array): PaymentTrack;
export function parseTrack(number: 3, bytes: Uint8Array): BankingTrack;
export function parseTrack(number: TrackNumber, bytes: Uint8Array): ParsedTrack;
export function parseTrack(number: TrackNumber, bytes: Uint8Array): ParsedTrack {
  checkCharacters(number, bytes);
  return number === 3 ? parseBankingTrack(bytes) : parsePaymentTrack(number, bytes);
}

/**
 * Of what {@link parseTrack} threw: are the track's characters right, and only laid out in another way than ISO/IEC 4909? So
 * are track 3s that issuers use as they like; nobody but they can read them, and a payment does without.
 */
export const isPrivateLayout = (number: TrackNumber, failure: unknown): boolean =>
  number === 3 && (failure instanceof TrackFormatCode || failure instanceof TrackPan);

const place = (track: TrackNumber, offset: number) => ({ detail: `track ${track}, offset ${offset}` });

function checkCharacters(track: TrackNumber, bytes: Uint8Array): void {
  const { alphabet, maxLength, startSentinel } = trackFormats[track];
  if (bytes.length > maxLength - 1) {
    throw new TrackTooLong({ detail: `track ${track}, ${bytes.length} of at most ${maxLength - 1} characters` });
  }
  if (bytes[0] !== startSentinel) throw new TrackSentinel(place(track, 0));
  const end = bytes.length - 1;
  if (end < 1 || bytes[end] !== END_SENTINEL) throw new TrackSentinel(place(track, Math.max(end, 0)));
  for (const [offset, character] of bytes.entries()) {
    const isSentinel = character === startSentinel || character === END_SENTINEL;
    if (!isInAlphabet(alphabet, character) || (isSentinel && offset !== 0 && offset !== end)) {
      throw new TrackCharacter(place(track, offset));
    }
  }
}

function parsePaymentTrack(number: 1 | 2, bytes: Uint8Array): PaymentTrack {
  const { separator } = trackFormats[number];
  let at = 1;
  let formatCode: Uint8Array | undefined;
  if (number === 1) {
    if (bytes[at] !== FORMAT_CODE_B) throw new TrackFormatCode(place(number, at));
    formatCode = bytes.subarray(at, ++at);
  }

  const pan = untilSeparator(bytes, at, separator);
  if (!pan || !isPan(pan)) throw new TrackPan(place(number, at));
  at += pan.length + 1;

  let name: Uint8Array | undefined;
  if (number === 1) {
    // The standard asks for two characters at least; gift cards have fewer.
    name = untilSeparator(bytes, at, separator);
    if (!name || name.length > NAME_MAX) throw new TrackName(place(number, at));
    at += name.length + 1;
  }

  const digitsOrSeparator = (count: number, Absent: typeof TrackExpiry | typeof TrackServiceCode) => {
    if (bytes[at] === separator) {
      at++;
      return undefined;
    }
    const digits = bytes.subarray(at, at + count);
    if (digits.length < count || !digits.every(isDigit)) throw new Absent(place(number, at));
    at += count;
    return digits;
  };
  const expiry = digitsOrSeparator(4, TrackExpiry);
  const serviceCode = digitsOrSeparator(3, TrackServiceCode);

  return {
    number,
    pan,
    discretionary: bytes.subarray(at, -1),
    ...(formatCode && { formatCode }),
    ...(name && { name }),
    ...(expiry && { expiry }),
    ...(serviceCode && { serviceCode }),
  };
}

function parseBankingTrack(bytes: Uint8Array): BankingTrack {
  const formatCode = bytes.subarray(1, 3);
  if (formatCode.length < 2 || !formatCode.every(isDigit)) throw new TrackFormatCode(place(3, 1));
  const pan = untilSeparator(bytes, 3, trackFormats[3].separator);
  // Makers' sample stripes carry filler without a separator.
  if (!pan) return { number: 3, formatCode, discretionary: bytes.subarray(3, -1) };
  const discretionary = bytes.subarray(3 + pan.length + 1, -1);
  // Beside a track 2 that has the PAN, track 3 need not (ISO/IEC 4909:2006, 8.3).
  if (pan.length === 0) return { number: 3, formatCode, discretionary };
  if (!isPan(pan)) throw new TrackPan(place(3, 3));
  return { number: 3, formatCode, pan, discretionary };
}

function untilSeparator(bytes: Uint8Array, start: number, separator: number): Uint8Array | undefined {
  const end = bytes.indexOf(separator, start);
  return end < 0 ? undefined : bytes.subarray(start, end);
}

function isPan(digits: Uint8Array): boolean {
  return digits.length >= PAN_LENGTH.min && digits.length <= PAN_LENGTH.max && digits.every(isDigit);
}
