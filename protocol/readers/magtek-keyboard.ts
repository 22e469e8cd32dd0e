import { END_SENTINEL } from "../card/alphabets.ts";
import { readMaskedTrack, revealsTooMuch } from "../card/reader-mask.ts";
import {
  ReaderFrameChecksum,
  ReaderFrameEnd,
  ReaderFrameField,
  ReaderFrameLength,
  ReaderFrameStart,
  ReaderKeysExhausted,
  ReaderMaskRevealing,
} from "../errors.ts";
import { SensitiveBytes } from "../sensitive-bytes.ts";
import { type FrameChecks, readerCodec } from "./frame-checks.ts";
import { readHex, writeHex } from "./hex-text.ts";
import { ENCRYPTION_ENABLED, eachTrack, INITIAL_KEY_INJECTED, KEYS_EXHAUSTED } from "./magtek-report.ts";
import type { FrameField, ReaderFrame, ReaderTrack, TrackNumber } from "./reader-frame.ts";
import {
  encodingByTyped,
  errorMark,
  isErrorMark,
  putStripeSentinel,
  stripeSentinelOf,
  trackOfSentinel,
  typedSentinel,
} from "./typed-sentinels.ts";

/*
 * MagTek MagneSafe V5 as a keyboard, D99875475-10 "Keyboard Emulation": the fields of a HID report as text, `|` between
 * them. Separators and sentinels are the factory's (properties 0x20 to 0x2B). SureSwipe text is the family `ascii`.
 */

const SEPARATOR = 0x7c; // |
const CR = 0x0d;
const LF = 0x0a;

/** In the order in which they are sent. */
const PARTS = [
  "maskedTracks",
  "readerEncryptionStatus",
  "track1",
  "track2",
  "track3",
  "magnePrintStatus",
  "magnePrint",
  "deviceSerial",
  "encryptedSessionId",
  "ksn",
  "clearTextCrc",
  "encryptedCrc",
  "formatCode",
] as const;
type Part = (typeof PARTS)[number];
type Parts = Readonly<Record<Part, Uint8Array>>;

/** Parts in hex that have no place of their own in a frame, and their sizes in bytes; each may be empty. */
const CARRIED: ReadonlyMap<Part, { readonly min: number; readonly max: number }> = new Map([
  ["magnePrintStatus", { min: 4, max: 4 }],
  ["magnePrint", { min: 1, max: 128 }],
  ["encryptedSessionId", { min: 8, max: 8 }],
  ["clearTextCrc", { min: 2, max: 2 }],
  ["encryptedCrc", { min: 1, max: 8 }],
]);
const KSN_LENGTH = 10;
const LONGEST_TRACK = 112;
/** In bytes: three tracks masked and three in hex, MagnePrint, and some for the rest. */
export const LONGEST_MAGTEK_LINE = 3 * LONGEST_TRACK * 3 + 2 * 128 + 128;

const CRC_TABLE = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8;
  for (let bit = 0; bit < 8; bit++) crc = (crc & 0x8000) === 0 ? crc << 1 : (crc << 1) ^ 0x1021;
  return crc;
});

/** CRC-16/CCITT-FALSE. @returns 0 to 65535 */
function crcOf(bytes: Uint8Array): number {
  let crc = 0xffff;
  for (const byte of bytes) crc = ((crc << 8) & 0xffff) ^ (CRC_TABLE[(crc >> 8) ^ byte] ?? 0);
  return crc;
}

const ascii = new TextEncoder();
const printable = (bytes: Uint8Array) => bytes.every((byte) => byte > 0x20 && byte < 0x7f && byte !== SEPARATOR);

function equal(a: Uint8Array, b: Uint8Array): boolean {
  for (let n = 0; n < a.length; n++) if (a[n] !== b[n]) return false;
  return a.length === b.length;
}

function takeApart(bytes: Uint8Array, checks: FrameChecks): Omit<ReaderFrame, "family" | "checks"> {
  const size = `${bytes.length} of 1 to ${LONGEST_MAGTEK_LINE} bytes`;
  checks.require("length", bytes.length > 0 && bytes.length <= LONGEST_MAGTEK_LINE, ReaderFrameLength, size);
  const end = bytes.findLastIndex((byte) => byte !== CR && byte !== LF) + 1;
  const lineEnd = bytes.subarray(end);
  checks.check("line end", lineEnd.length === 1 || lineEnd.length === 2, ReaderFrameEnd, "CR, LF or both");
  const parts = split(bytes.subarray(0, end), checks);
  const status = readHex(parts.readerEncryptionStatus);
  checks.require("reader encryption status", status?.length === 2, ReaderFrameField, "four hex digits");
  // Printed low byte first, as the CRC is.
  const flags = (status?.[0] ?? 0) | ((status?.[1] ?? 0) << 8);
  const encrypted = (flags & ENCRYPTION_ENABLED) !== 0;
  checks.check("keys left", (flags & KEYS_EXHAUSTED) === 0, ReaderKeysExhausted, encrypted ? "encrypting" : "clear");

  checkCrc(bytes, parts, checks);
  const fields = carriedFields(parts, checks);
  const ksn = readHex(parts.ksn);
  const ksnFits = ksn?.length === KSN_LENGTH || (!encrypted && parts.ksn.length === 0);
  checks.check("ksn", ksnFits, ReaderFrameField, `${parts.ksn.length} of ${KSN_LENGTH * 2} hex digits`);
  checks.check("serial number", printable(parts.deviceSerial), ReaderFrameField, "printable characters");
  checks.check("format code", printable(parts.formatCode), ReaderFrameField, "printable characters");

  const tracks = readTracks(parts, encrypted, checks);
  try {
    checks.settle();
    return {
      encoding: encodingByTyped(tracks.map(({ typed }) => typed)),
      tracks: eachTrack((number, n): ReaderTrack => {
        const { state, data, masked } = tracks[n];
        return {
          number,
          state,
          ...(state === "read" && !encrypted && { clear: SensitiveBytes.copyOf(data) }),
          ...(masked !== undefined && { masked }),
        };
      }),
      ...(encrypted &&
        ksn && {
          encryption: {
            scheme: "tdes-dukpt-pin-cbc",
            ksn,
            blocks: tracks.flatMap(({ number, state, data, picture }) =>
              state === "read" ? [{ tracks: [number], lengths: [picture.length], ciphertext: data.slice() }] : [],
            ),
            hashes: [],
          },
        }),
      ...(parts.deviceSerial.length > 0 && { serial: String.fromCharCode(...parts.deviceSerial) }),
      fields: [
        { name: "readerEncryptionStatus", bytes: Uint8Array.of(flags >> 8, flags & 0xff) },
        ...fields,
        ...(!encrypted && ksn && ksn.length > 0 ? [{ name: "ksn", bytes: ksn }] : []),
        { name: "formatCode", bytes: parts.formatCode.slice() },
        { name: "lineEnd", bytes: lineEnd.slice() },
      ],
    };
  } finally {
    for (const { data, picture } of tracks) {
      data.fill(0);
      picture.fill(0);
    }
  }
}

function split(text: Uint8Array, checks: FrameChecks): Parts {
  const parts = {} as Record<Part, Uint8Array>;
  let found = 0;
  let start = 0;
  for (let at = 0; at <= text.length; at++) {
    if (at < text.length && text[at] !== SEPARATOR) continue;
    const name = PARTS[found++];
    if (name) parts[name] = text.subarray(start, at);
    start = at + 1;
  }
  checks.require("fields", found === PARTS.length, ReaderFrameField, `${found} of ${PARTS.length} fields`);
  return parts;
}

/** Over everything before it, the separator included; low byte first. */
function checkCrc(bytes: Uint8Array, { clearTextCrc }: Parts, checks: FrameChecks): void {
  if (clearTextCrc.length === 0) return;
  const crc = readHex(clearTextCrc);
  const before = bytes.subarray(0, clearTextCrc.byteOffset - bytes.byteOffset);
  const right = crc?.length === 2 && ((crc[0] ?? 0) | ((crc[1] ?? 0) << 8)) === crcOf(before);
  checks.check("CRC", right, ReaderFrameChecksum, `over ${before.length} bytes`);
}

function carriedFields(parts: Parts, checks: FrameChecks): FrameField[] {
  const fields: FrameField[] = [];
  for (const [name, { min, max }] of CARRIED) {
    const bytes = readHex(parts[name]);
    const fits = bytes !== undefined && (bytes.length === 0 || (bytes.length >= min && bytes.length <= max));
    checks.check(name, fits, ReaderFrameField, `${parts[name].length} hex digits`);
    if (bytes && bytes.length > 0) fields.push({ name, bytes });
  }
  return fields;
}

interface WrittenTrack {
  readonly number: TrackNumber;
  readonly state: ReaderTrack["state"];
  /** A copy: the clear track with the stripe's sentinel, or ciphertext; empty unless read. */
  readonly data: Uint8Array;
  /** A copy, with the stripe's sentinel; empty where none was sent. */
  readonly picture: Uint8Array;
  /** The picture as text, where it covers enough. */
  readonly masked: string | undefined;
  /** The start sentinel that was typed. */
  readonly typed: number | undefined;
}

function readTracks(parts: Parts, encrypted: boolean, checks: FrameChecks): [WrittenTrack, WrittenTrack, WrittenTrack] {
  const pictures = readPictures(parts.maskedTracks, checks);
  return eachTrack((number) => {
    const sent = parts[`track${number}`];
    const shown = pictures.get(number) ?? new Uint8Array();
    const picture = withStripeSentinel(shown);
    const isError = isErrorMark(number, shown);
    const state = sent.length > 0 ? "read" : isError ? "error" : "blank";
    const data = encrypted ? (readHex(sent) ?? new Uint8Array()) : withStripeSentinel(sent);
    const found = `${sent.length} characters, ${picture.length} masked`;
    if (state !== "read") {
      checks.check(`track ${number}`, isError || picture.length === 0, ReaderFrameField, found);
    } else if (encrypted) {
      const right = picture.length > 0 && data.length === Math.ceil(picture.length / 8) * 8;
      checks.check(`track ${number} ciphertext length`, right, ReaderFrameField, found);
    } else {
      const right = trackOfSentinel(sent[0]) === number && sent.at(-1) === END_SENTINEL && sent.length <= LONGEST_TRACK;
      checks.check(`track ${number}`, right, ReaderFrameField, found);
    }
    // At level 2 the picture may be the track itself: that must never become a string.
    const isPicture = state === "read" && !isError && (encrypted || !equal(picture, data));
    const masked = isPicture ? readMaskedTrack(number, picture) : undefined;
    if (isPicture) {
      const covers = masked !== undefined || !revealsTooMuch(number, picture);
      checks.check(`track ${number} mask`, covers, ReaderMaskRevealing, found);
    }
    return { number, state, data, picture, masked, typed: shown[0] ?? sent[0] };
  });
}

function readPictures(text: Uint8Array, checks: FrameChecks): Map<TrackNumber, Uint8Array> {
  const pictures = new Map<TrackNumber, Uint8Array>();
  for (let at = 0, last = 0; at < text.length; ) {
    const number = trackOfSentinel(text[at]);
    checks.require("start sentinel", number > last, ReaderFrameStart, `offset ${at}`);
    const end = text.indexOf(END_SENTINEL, at);
    const length = end + 1 - at;
    checks.require("end sentinel", end >= 0 && length <= LONGEST_TRACK, ReaderFrameEnd, `none soon after offset ${at}`);
    if (number !== 0) pictures.set(number, text.subarray(at, end + 1));
    last = number;
    at = end + 1;
  }
  return pictures;
}

/** A copy. */
function withStripeSentinel(characters: Uint8Array): Uint8Array {
  const copy = characters.slice();
  putStripeSentinel(copy);
  return copy;
}

/** A copy. */
function withTypedSentinel({ encoding }: ReaderFrame, number: TrackNumber, characters: Uint8Array): Uint8Array {
  const copy = characters.slice();
  if (copy.length > 0) copy[0] = typedSentinel(number, copy[0], encoding);
  return copy;
}

/** Writes the CRC unless `fields` are given without it, as those of a reader that sends none are. */
function encode(frame: ReaderFrame): Uint8Array {
  const { encryption, fields } = frame;
  const field = (name: string) => fields?.find((field) => field.name === name)?.bytes ?? new Uint8Array();
  const [high = 0, low = INITIAL_KEY_INJECTED] = field("readerEncryptionStatus");
  const status = Uint8Array.of((low & ~ENCRYPTION_ENABLED) | (encryption ? ENCRYPTION_ENABLED : 0), high);
  const serial = ascii.encode(frame.serial ?? "");
  if (!printable(serial)) throw new ReaderFrameField({ detail: "serial number" });
  const pictures = frame.tracks.map((track) => pictureOf(frame, track));
  const texts: Partial<Record<Part, Uint8Array>> = {
    maskedTracks: joined(pictures),
    readerEncryptionStatus: writeHex(status),
    deviceSerial: serial,
    ksn: writeHex(encryption?.ksn ?? field("ksn")),
    formatCode: field("formatCode").slice(),
  };
  for (const track of frame.tracks) texts[`track${track.number}`] = dataOf(frame, track);
  for (const name of CARRIED.keys()) texts[name] = writeHex(field(name));

  const line: Uint8Array[] = [];
  for (const [n, name] of PARTS.entries()) {
    if (name === "clearTextCrc" && (fields === undefined || field(name).length > 0)) {
      const covered = joined(line);
      const crc = crcOf(covered);
      covered.fill(0);
      line.push(writeHex(Uint8Array.of(crc & 0xff, crc >> 8)));
    } else line.push(texts[name] ?? new Uint8Array());
    line.push(n < PARTS.length - 1 ? Uint8Array.of(SEPARATOR) : lineEndOf(field("lineEnd")));
  }
  const bytes = joined(line);
  for (const piece of [...line, ...pictures]) piece.fill(0);
  return bytes;
}

const lineEndOf = (given: Uint8Array) => (given.length > 0 ? given.slice() : Uint8Array.of(CR));

function dataOf(frame: ReaderFrame, { number, clear }: ReaderTrack): Uint8Array {
  const block = frame.encryption?.blocks.find(({ tracks }) => tracks.length === 1 && tracks[0] === number);
  if (block) return writeHex(block.ciphertext);
  return clear?.use((track) => withTypedSentinel(frame, number, track)) ?? new Uint8Array();
}

/** What stands for a track in the first field. A picture that could not be shown is written as zeros of its length. */
function pictureOf(frame: ReaderFrame, { number, state, clear, masked }: ReaderTrack): Uint8Array {
  if (state === "error") return errorMark(number);
  if (state === "blank") return new Uint8Array();
  if (masked !== undefined) return withTypedSentinel(frame, number, ascii.encode(masked));
  if (clear) return clear.use((track) => withTypedSentinel(frame, number, track));
  const block = frame.encryption?.blocks.find(({ tracks }) => tracks[0] === number);
  const [length = 0] = block?.lengths ?? [];
  if (length < 2) throw new ReaderFrameField({ detail: `track ${number} was read and is not there` });
  const zeros = new Uint8Array(length).fill(0x30);
  zeros[0] = typedSentinel(number, stripeSentinelOf(number, frame.encoding), frame.encoding);
  zeros[length - 1] = END_SENTINEL;
  return zeros;
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** MagTek MagneSafe V5 as a keyboard, D99875475-10 "Keyboard Emulation". */
export const magtekKeyboard = readerCodec("magtek-keyboard", takeApart, encode);
