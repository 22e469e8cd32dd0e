import { lrcByStartSentinel } from "../card/lrc.ts";
import { ReaderFrameField } from "../errors.ts";
import {
  BINARY_ENCODINGS,
  BLOCK,
  CARD_ENCODE_TYPES,
  DECODED,
  ENHANCED,
  ETX,
  FIELD_8,
  FIELD_9,
  FIELD_10_PRESENT,
  FRAMING,
  HASH_LENGTH,
  KSN_LENGTH,
  ORIGINAL_BLOCK_TRACKS,
  padded,
  SAMPLED,
  SERIAL_LENGTH,
  SESSION_ID_LENGTH,
  STX,
} from "./idtech-layout.ts";
import type { EncryptedBlock, ReaderFrame, ReaderTrack } from "./reader-frame.ts";

const ascii = new TextEncoder();
const TRACK_LENGTH_MAX = 0xff;

/**
 * A frame with a `cardEncodeType` field is written in the format that the field names; another in the enhanced format,
 * unless tracks 1 and 2 are encrypted as one block, which only the original format has.
 * @returns with clear tracks inside, the caller's to wipe
 * @throws ReaderFrameField when the frame holds something that its format cannot carry
 */
export function encodeIdtech(frame: ReaderFrame): Uint8Array {
  const field = (name: string) => frame.fields?.find((field) => field.name === name)?.bytes;
  const given = field("cardEncodeType")?.[0];
  const joined = frame.encryption?.blocks.some(({ tracks }) => tracks.length > 1) ?? false;
  const enhanced = given === undefined ? !joined : (given & ENHANCED) !== 0;
  const parts = enhanced ? enhancedParts(frame, field) : originalParts(frame);
  try {
    return enclose([header(frame, enhanced, field("trackStatus")?.[0]), ...parts]);
  } finally {
    for (const part of parts) part.fill(0);
  }
}

type FieldOf = (name: string) => Uint8Array | undefined;

const blockOf = (frame: ReaderFrame, { number }: ReaderTrack): EncryptedBlock | undefined =>
  frame.encryption?.blocks.find(({ tracks }) => tracks.includes(number));

/** With its LRC character, as the lengths of the header count it. */
function lengthOf(frame: ReaderFrame, track: ReaderTrack): number {
  const block = blockOf(frame, track);
  if (block) return block.lengths[block.tracks.indexOf(track.number)] ?? 0;
  return track.clear ? track.clear.length + (BINARY_ENCODINGS.includes(frame.encoding) ? 0 : 1) : 0;
}

/** What the frame shows of a track, a new array: clear with its LRC, or the reader's own masked picture. */
function textOf(frame: ReaderFrame, track: ReaderTrack): Uint8Array | undefined {
  const length = lengthOf(frame, track);
  if (blockOf(frame, track)) {
    const text = track.masked === undefined ? undefined : ascii.encode(track.masked);
    return text && sized(text, length, `masked track ${track.number}`);
  }
  return track.clear?.use((characters) => {
    const text = new Uint8Array(length);
    text.set(characters);
    if (length > characters.length) text[length - 1] = lrcByStartSentinel(characters);
    return text;
  });
}

function header(frame: ReaderFrame, enhanced: boolean, givenStatus: number | undefined): Uint8Array {
  const encodeType = Object.entries(CARD_ENCODE_TYPES).find(([, encoding]) => encoding === frame.encoding)?.[0];
  if (encodeType === undefined) throw new ReaderFrameField({ detail: "card encode type" });
  let status = givenStatus ?? 0;
  const lengths = frame.tracks.map((track, n) => {
    const bits = (1 << (DECODED + n)) | (1 << (SAMPLED + n));
    // What a reader says of a blank track differs from model to model.
    if (track.state === "read") status |= 1 << (DECODED + n);
    if (track.state === "read" && givenStatus === undefined) status |= bits;
    if (track.state === "error") status = (status & ~bits) | (1 << (SAMPLED + n));
    const length = lengthOf(frame, track);
    if (length > TRACK_LENGTH_MAX) throw new ReaderFrameField({ detail: `track ${track.number}, ${length} bytes` });
    return length;
  });
  return Uint8Array.of(Number(encodeType) | (enhanced ? ENHANCED : 0), status, ...lengths);
}

function originalParts(frame: ReaderFrame): Uint8Array[] {
  // This format has no flag for a picture that is not sent.
  const texts = frame.tracks.map((track) => textOf(frame, track) ?? new Uint8Array(lengthOf(frame, track)).fill(0x2a));
  const { encryption } = frame;
  if (!encryption) return texts;
  const [block, ...others] = encryption.blocks;
  const isJoined = block?.tracks.every((track) => ORIGINAL_BLOCK_TRACKS.includes(track));
  if (!block || !isJoined || others.length > 0 || encryption.scheme !== "tdes-dukpt-data-cbc") {
    throw new ReaderFrameField({ detail: "the original format encrypts tracks 1 and 2 as one block" });
  }
  return [...texts, ciphertextOf(block), ...hashesOf(frame), sized(encryption.ksn, KSN_LENGTH, "ksn")];
}

function enhancedParts(frame: ReaderFrame, field: FieldOf): Uint8Array[] {
  const { encryption, tracks, serial } = frame;
  const blocks = encryption?.blocks ?? [];
  if (blocks.some((block) => block.tracks.length !== 1)) {
    throw new ReaderFrameField({ detail: "the enhanced format encrypts each track by itself" });
  }
  const texts = tracks.map((track) => textOf(frame, track));
  const ksn = encryption?.ksn ?? field("ksn");
  const sessionId = field("encryptedSessionId");
  const flags = (from: number, numbers: readonly number[]) =>
    numbers.reduce((flags, number) => flags | (1 << (from + number - 1)), 0);

  const field8 =
    flags(
      FIELD_8.text,
      tracks.flatMap(({ number }, n) => (texts[n] ? number : [])),
    ) |
    (encryption?.scheme === "tdes-dukpt-pin-cbc" ? FIELD_8.pinVariant : 0) |
    (serial === undefined ? 0 : FIELD_8.serial);
  const field9 =
    flags(
      FIELD_9.encrypted,
      blocks.flatMap((block) => block.tracks),
    ) |
    flags(
      FIELD_9.hash,
      (encryption?.hashes ?? []).map(({ track }) => track),
    ) |
    (sessionId ? FIELD_9.sessionId : 0) |
    (ksn ? FIELD_9.ksn : 0);

  const status = field("trackStatus")?.[0] ?? 0;
  return [
    Uint8Array.of(field8, field9),
    ...((status & FIELD_10_PRESENT) === 0 ? [] : [sized(field("field10") ?? Uint8Array.of(0), 1, "field 10")]),
    ...texts.filter((text) => text !== undefined),
    ...blocks.toSorted((a, b) => (a.tracks[0] ?? 0) - (b.tracks[0] ?? 0)).map(ciphertextOf),
    ...(sessionId ? [sized(sessionId, SESSION_ID_LENGTH, "session id")] : []),
    ...hashesOf(frame),
    ...(serial === undefined ? [] : [sized(ascii.encode(serial), SERIAL_LENGTH, "serial number")]),
    ...(ksn ? [sized(ksn, KSN_LENGTH, "ksn")] : []),
  ];
}

function hashesOf({ encryption }: ReaderFrame): Uint8Array[] {
  return (encryption?.hashes ?? [])
    .toSorted((a, b) => a.track - b.track)
    .map(({ sha1 }) => sized(sha1, HASH_LENGTH, "hash"));
}

function ciphertextOf({ ciphertext, lengths }: EncryptedBlock): Uint8Array {
  const clear = lengths.reduce((sum, length) => sum + length, 0);
  return sized(ciphertext, padded(clear, BLOCK), "ciphertext");
}

/** A copy, which the caller may overwrite. */
function sized(bytes: Uint8Array, size: number, name: string): Uint8Array {
  if (bytes.length !== size) throw new ReaderFrameField({ detail: `${name}, ${bytes.length} bytes, ${size} expected` });
  return bytes.slice();
}

function enclose(parts: readonly Uint8Array[]): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const frame = new Uint8Array(length + FRAMING);
  frame.set([STX, length & 0xff, length >> 8]);
  let at = 3;
  let lrc = 0;
  let sum = 0;
  for (const part of parts) {
    frame.set(part, at);
    at += part.length;
    for (const byte of part) {
      lrc ^= byte;
      sum = (sum + byte) & 0xff;
    }
  }
  frame.set([lrc, sum, ETX], at);
  return frame;
}
