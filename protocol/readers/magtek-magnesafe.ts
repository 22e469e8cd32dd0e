import { readMaskedTrack, revealsTooMuch } from "../card/reader-mask.ts";
import { ReaderFrameField, ReaderFrameLength, ReaderKeysExhausted, ReaderMaskRevealing } from "../errors.ts";
import { SensitiveBytes } from "../sensitive-bytes.ts";
import { type FrameChecks, readerCodec } from "./frame-checks.ts";
import {
  at,
  ENCRYPTION_ENABLED,
  eachTrack,
  fieldsAt,
  INITIAL_KEY_INJECTED,
  KEYS_EXHAUSTED,
  type Place,
  put,
  type ReportHeader,
  readHeader,
  TRACK_LENGTH,
  TRACKS,
  writeHeader,
} from "./magtek-report.ts";
import type { ReaderEncryption, ReaderFrame, ReaderTrack } from "./reader-frame.ts";

/**
 * MagTek MagneSafe V5, USB HID (0801:0011), D99875475-10: one input report a swipe. Security level 2 sends tracks in
 * clear in the same places where levels 3 and 4 send them encrypted, each track by itself, under the DUKPT PIN variant.
 */

/** Old firmware stops before the encryption counter. */
const SHORT = 856;
const LONG = 887;

const SLOT = 112;
type Three<T> = readonly [T, T, T];
const DATA: Three<Place> = [
  [7, SLOT],
  [119, SLOT],
  [231, SLOT],
];
const MASKED: Three<Place> = [
  [508, SLOT],
  [620, SLOT],
  [732, SLOT],
];
const MASKED_LENGTH: Three<number> = [505, 506, 507];
/** Of the clear track, whether it is sent clear or encrypted. */
const ABSOLUTE_LENGTH: Three<number> = [852, 853, 854];
const SERIAL: Place = [477, 16];
const KSN: Place = [495, 10];
/** A big-endian number. */
const STATUS: Place = [493, 2];

/** Carried through as they are. */
const OTHER_FIELDS: Readonly<Record<string, Place>> = {
  cardStatus: [343, 1],
  magnePrintStatus: [344, 4],
  magnePrintLength: [348, 1],
  magnePrint: [349, 128],
  readerEncryptionStatus: STATUS,
  encryptedSessionId: [844, 8],
  magnePrintAbsoluteLength: [855, 1],
  encryptionCounter: [856, 3],
  magneSafeVersion: [859, 8],
  hashedTrack2: [867, 20],
};

const paddedLength = (length: number) => Math.ceil(length / 8) * 8;

function printable(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte >= 0x20 && byte < 0x7f);
}

function trimZeros(bytes: Uint8Array): Uint8Array {
  return bytes.subarray(0, bytes.findLastIndex((byte) => byte !== 0) + 1);
}

function takeApart(bytes: Uint8Array, checks: FrameChecks): Omit<ReaderFrame, "family" | "checks"> {
  checks.require(
    "report length",
    bytes.length === SHORT || bytes.length === LONG,
    ReaderFrameLength,
    `${bytes.length} bytes, ${SHORT} or ${LONG} expected`,
  );
  const header = readHeader(bytes, SLOT, checks);
  const [high = 0, low = 0] = at(bytes, STATUS);
  const status = (high << 8) | low;
  const encrypted = (status & ENCRYPTION_ENABLED) !== 0;
  checks.check("keys left", (status & KEYS_EXHAUSTED) === 0, ReaderKeysExhausted, encrypted ? "encrypting" : "clear");

  const serial = trimZeros(at(bytes, SERIAL));
  checks.check("serial number", printable(serial), ReaderFrameField, `${serial.length} printable characters`);
  checkLengths(bytes, header, encrypted, checks);
  const pictures = eachTrack((number, n) => {
    if (header.states[n] !== "read") return undefined;
    const picture = at(bytes, [MASKED[n][0], bytes[MASKED_LENGTH[n]] ?? 0]);
    // At level 2 most readers repeat the clear track here: that must never become a string.
    if (!encrypted && equal(picture, dataOf(bytes, header, n))) return undefined;
    const revealing = revealsTooMuch(number, picture);
    checks.check(`track ${number} mask`, !revealing, ReaderMaskRevealing, `${picture.length} characters`);
    return picture;
  });
  checks.settle();

  const tracks = eachTrack((number, n): ReaderTrack => {
    const state = header.states[n] ?? "blank";
    const masked = pictures[n] && readMaskedTrack(number, pictures[n]);
    return {
      number,
      state,
      ...(state === "read" && !encrypted && { clear: SensitiveBytes.copyOf(dataOf(bytes, header, n)) }),
      ...(masked !== undefined && { masked }),
    };
  });

  return {
    encoding: header.encoding,
    tracks,
    ...(encrypted && { encryption: encryptionOf(bytes, header) }),
    ...(serial.length > 0 && { serial: String.fromCharCode(...serial) }),
    fields: fieldsAt(bytes, encrypted ? OTHER_FIELDS : { ...OTHER_FIELDS, ksn: KSN }),
  };
}

const dataOf = (bytes: Uint8Array, { lengths }: ReportHeader, n: 0 | 1 | 2) => at(bytes, [DATA[n][0], lengths[n] ?? 0]);

const equal = (a: Uint8Array, b: Uint8Array) => a.length === b.length && a.every((byte, n) => byte === b[n]);

function checkLengths(bytes: Uint8Array, header: ReportHeader, encrypted: boolean, checks: FrameChecks): void {
  const maskedLengths = MASKED_LENGTH.map((offset) => bytes[offset] ?? 0);
  checks.check(
    "masked track lengths",
    maskedLengths.every((length) => length <= SLOT),
    ReaderFrameField,
    `${maskedLengths.join(", ")} of at most ${SLOT} bytes`,
  );
  if (!encrypted) return;
  for (const [n, length] of header.lengths.entries()) {
    const absolute = bytes[ABSOLUTE_LENGTH[n] ?? 0] ?? 0;
    checks.check(
      `track ${n + 1} ciphertext length`,
      header.states[n] !== "read" || (absolute > 0 && length === paddedLength(absolute)),
      ReaderFrameField,
      `${length} bytes for a track of ${absolute}`,
    );
  }
}

function encryptionOf(bytes: Uint8Array, header: ReportHeader): ReaderEncryption {
  return {
    scheme: "tdes-dukpt-pin-cbc",
    ksn: at(bytes, KSN).slice(),
    blocks: TRACKS.flatMap((number) => {
      const n = (number - 1) as 0 | 1 | 2;
      if (header.states[n] !== "read") return [];
      return {
        tracks: [number],
        lengths: [bytes[ABSOLUTE_LENGTH[n]] ?? 0],
        ciphertext: dataOf(bytes, header, n).slice(),
      };
    }),
    hashes: [],
  };
}

const ascii = new TextEncoder();

function encode(frame: ReaderFrame): Uint8Array {
  const fields = frame.fields ?? [];
  const isLong = fields.some(({ name }) => name === "hashedTrack2" || name === "encryptionCounter");
  const report = new Uint8Array(isLong ? LONG : SHORT);
  writeHeader(report, frame);
  for (const { name, bytes } of fields) {
    const place = name === "ksn" ? KSN : OTHER_FIELDS[name];
    if (!place) throw new ReaderFrameField({ detail: `no field ${name} in a MagneSafe report` });
    put(report, place, bytes, name);
  }
  const status = at(report, STATUS);
  if (!fields.some(({ name }) => name === "readerEncryptionStatus")) status[1] = INITIAL_KEY_INJECTED;
  status[1] = ((status[1] ?? 0) & ~ENCRYPTION_ENABLED) | (frame.encryption ? ENCRYPTION_ENABLED : 0);
  if (frame.encryption) put(report, KSN, frame.encryption.ksn, "ksn");
  if (frame.serial !== undefined) put(report, SERIAL, ascii.encode(frame.serial), "serial number");

  eachTrack((number, n) => {
    const { clear, masked } = frame.tracks[n];
    const block = frame.encryption?.blocks.find(({ tracks }) => tracks.length === 1 && tracks[0] === number);
    const writeTrack = (data: Uint8Array, absoluteLength: number, picture: Uint8Array) => {
      put(report, DATA[n], data, `track ${number}`);
      put(report, MASKED[n], picture, `masked track ${number}`);
      report[TRACK_LENGTH[n]] = data.length;
      report[ABSOLUTE_LENGTH[n]] = absoluteLength;
      report[MASKED_LENGTH[n]] = picture.length;
    };
    const picture = masked === undefined ? undefined : ascii.encode(masked);
    if (block) writeTrack(block.ciphertext, block.lengths[0] ?? 0, picture ?? new Uint8Array());
    else clear?.use((track) => writeTrack(track, track.length, picture ?? track));
  });
  return report;
}

/** MagTek MagneSafe V5 as a HID device, D99875475-10: reports of 887 bytes, of old firmware 856. */
export const magtekMagnesafe = readerCodec("magtek-magnesafe", takeApart, encode);
