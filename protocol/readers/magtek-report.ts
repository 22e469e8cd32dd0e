import { ReaderFrameField } from "../errors.ts";
import type { FrameChecks } from "./frame-checks.ts";
import type { CardEncoding, FrameField, ReaderFrame, ReaderTrack, TrackNumber } from "./reader-frame.ts";

/*
 * What SureSwipe (D99875191) and MagneSafe V5 (D99875475-10) HID reports have in common: fixed places for every field,
 * and the same first seven bytes.
 */

/** Offset and size of a field, in bytes. */
export type Place = readonly [offset: number, size: number];

/** A view of a field. */
export const at = (bytes: Uint8Array, [offset, size]: Place): Uint8Array => bytes.subarray(offset, offset + size);

const DECODE_STATUS = [0, 1, 2] as const;
/** Of the clear track or, where encryption is on, of its ciphertext. */
export const TRACK_LENGTH = [3, 4, 5] as const;
const CARD_ENCODE_TYPE = 6;

/** In the order in which a report holds them. */
export const TRACKS: readonly TrackNumber[] = [1, 2, 3];

const CARD_ENCODE_TYPES: readonly CardEncoding[] = ["iso", "aamva", "cadl", "blank", "other", "undetermined", "none"];

/** Bit of a MagneSafe reader's encryption status, D99875475-10 "Reader encryption status". */
export const KEYS_EXHAUSTED = 1 << 0;
/** As {@link KEYS_EXHAUSTED}. */
export const INITIAL_KEY_INJECTED = 1 << 1;
/** As {@link KEYS_EXHAUSTED}. */
export const ENCRYPTION_ENABLED = 1 << 2;

/** What the first seven bytes of a report say. */
export interface ReportHeader {
  readonly encoding: CardEncoding;
  /** Of tracks 1 to 3. */
  readonly states: readonly ReaderTrack["state"][];
  /** Of tracks 1 to 3, in bytes. */
  readonly lengths: readonly number[];
}

/**
 * Reads the first seven bytes, and notes in `checks` what is wrong with them.
 * @param bytes a whole report
 * @param slotSize bytes that a report has for each track
 */
export function readHeader(bytes: Uint8Array, slotSize: number, checks: FrameChecks): ReportHeader {
  const lengths = TRACK_LENGTH.map((offset) => bytes[offset] ?? 0);
  checks.check(
    "track lengths",
    lengths.every((length) => length <= slotSize),
    ReaderFrameField,
    `${lengths.join(", ")} of at most ${slotSize} bytes`,
  );
  const encodeType = bytes[CARD_ENCODE_TYPE] ?? 0;
  const encoding = CARD_ENCODE_TYPES[encodeType];
  checks.check("card encode type", encoding !== undefined, ReaderFrameField, `${encodeType}`);
  return {
    encoding: encoding ?? "undetermined",
    lengths,
    // Bit 0 says that the track could not be decoded; the others are reserved.
    states: lengths.map((length, n) => (((bytes[n] ?? 0) & 1) === 1 ? "error" : length === 0 ? "blank" : "read")),
  };
}

/**
 * Writes decode status and card encode type; the lengths are left.
 * @throws ReaderFrameField for an encoding that these readers have no number for
 */
export function writeHeader(report: Uint8Array, frame: ReaderFrame): void {
  const encodeType = CARD_ENCODE_TYPES.indexOf(frame.encoding);
  if (encodeType < 0) throw new ReaderFrameField({ detail: "card encode type" });
  report[CARD_ENCODE_TYPE] = encodeType;
  for (const n of DECODE_STATUS) report[n] = frame.tracks[n].state === "error" ? 1 : 0;
}

/** Three of anything, one for each track. */
export function eachTrack<T>(make: (number: TrackNumber, index: 0 | 1 | 2) => T): [T, T, T] {
  return [make(1, 0), make(2, 1), make(3, 2)];
}

/** Writes `value` at the start of its place. @throws ReaderFrameField when it is longer */
export function put(report: Uint8Array, place: Place, value: Uint8Array, name: string): void {
  if (value.length > place[1]) throw new ReaderFrameField({ detail: `${name}, ${value.length} of ${place[1]} bytes` });
  at(report, place).set(value);
}

/** Copies of the fields whose places lie within the report. */
export function fieldsAt(report: Uint8Array, places: Readonly<Record<string, Place>>): FrameField[] {
  return Object.entries(places)
    .filter(([, [offset, size]]) => offset + size <= report.length)
    .map(([name, place]) => ({ name, bytes: at(report, place).slice() }));
}
