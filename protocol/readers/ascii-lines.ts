import { END_SENTINEL } from "../card/alphabets.ts";
import { ReaderFrameEnd, ReaderFrameField, ReaderFrameLength, ReaderFrameStart } from "../errors.ts";
import { SensitiveBytes } from "../sensitive-bytes.ts";
import { type FrameChecks, readerCodec } from "./frame-checks.ts";
import type { FrameField, ReaderFrame, ReaderTrack, TrackNumber } from "./reader-frame.ts";

/*
 * Tracks as characters, as serial and keyboard readers send them without encryption: `%…?`, `;…?`, `+…?`, each on a line
 * of its own or all on one. `+` stands for track 3's start sentinel (on the stripe the same as track 2's); `E` between
 * the sentinels for a track that could not be read (MagTek D99875206).
 */

const SENTINELS: Readonly<Record<number, TrackNumber>> = { 37: 1, 59: 2, 43: 3 };
const SENTINEL_OF: Readonly<Record<TrackNumber, number>> = { 1: 0x25, 2: 0x3b, 3: 0x2b };
const TRACK_3_ON_STRIPE = 0x3b;
const ERROR = 0x45; // E
const CR = 0x0d;
const LF = 0x0a;

/** Three full tracks, each with CR and LF. */
const MAX_LENGTH = 78 + 39 + 106 + 3 * 2;

interface Line {
  readonly number: TrackNumber;
  /** From start to end sentinel. */
  readonly bytes: Uint8Array;
}

function takeApart(bytes: Uint8Array, checks: FrameChecks): Omit<ReaderFrame, "family" | "checks"> {
  checks.require(
    "length",
    bytes.length > 0 && bytes.length <= MAX_LENGTH,
    ReaderFrameLength,
    `${bytes.length} of 1 to ${MAX_LENGTH} bytes`,
  );
  const lines: Line[] = [];
  const breaks: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; ) {
    const number = SENTINELS[bytes[at] ?? 0];
    checks.require("start sentinel", number !== undefined, ReaderFrameStart, `offset ${at}`);
    const end = bytes.indexOf(END_SENTINEL, at);
    checks.require("end sentinel", end >= 0, ReaderFrameEnd, `none after offset ${at}`);
    if (number === undefined) break;
    const last = lines.at(-1)?.number ?? 0;
    checks.require("order of tracks", number > last, ReaderFrameField, `track ${number} at offset ${at}`);
    lines.push({ number, bytes: bytes.subarray(at, end + 1) });
    at = end + 1;
    while (bytes[at] === CR || bytes[at] === LF) at++;
    breaks.push(bytes.subarray(end + 1, at));
  }
  checks.check("line end", (breaks.at(-1)?.length ?? 0) > 0, ReaderFrameEnd, "CR or LF after the last track");
  const [between, ...others] = breaks.slice(0, -1);
  checks.check(
    "line breaks",
    breaks.every(({ length }) => length <= 2) && others.every((other) => equal(other, between)),
    ReaderFrameField,
    "the same between all tracks, two bytes at most",
  );
  checks.settle();

  const trackOf = (number: TrackNumber): ReaderTrack => {
    const line = lines.find((line) => line.number === number);
    if (!line) return { number, state: "blank" };
    if (line.bytes.length === 3 && line.bytes[1] === ERROR) return { number, state: "error" };
    const clear = line.bytes.slice();
    if (number === 3) clear[0] = TRACK_3_ON_STRIPE;
    return { number, state: "read", clear: new SensitiveBytes(clear) };
  };
  return {
    encoding: "undetermined",
    tracks: [trackOf(1), trackOf(2), trackOf(3)],
    fields: [
      ...(between ? [{ name: "betweenTracks", bytes: between.slice() }] : []),
      { name: "lineEnd", bytes: (breaks.at(-1) ?? new Uint8Array()).slice() },
    ],
  };
}

const equal = (a: Uint8Array, b: Uint8Array | undefined) =>
  a.length === b?.length && a.every((byte, n) => byte === b[n]);

function fieldBytes(fields: readonly FrameField[] | undefined, name: string): Uint8Array | undefined {
  return fields?.find((field) => field.name === name)?.bytes;
}

function encode(frame: ReaderFrame): Uint8Array {
  if (frame.encryption) throw new ReaderFrameField({ detail: "plain lines do not encrypt" });
  const between = fieldBytes(frame.fields, "betweenTracks") ?? new Uint8Array();
  const lineEnd = fieldBytes(frame.fields, "lineEnd") ?? Uint8Array.of(CR);
  const lines = frame.tracks.flatMap(({ number, state, clear }) => {
    if (state === "error") return [Uint8Array.of(SENTINEL_OF[number], ERROR, END_SENTINEL)];
    return clear ? [clear.use((track) => Uint8Array.of(SENTINEL_OF[number], ...track.subarray(1)))] : [];
  });
  const parts = lines.flatMap((line, n) => [line, n < lines.length - 1 ? between : lineEnd]);
  const bytes = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  for (const line of lines) line.fill(0);
  return bytes;
}

/** Tracks as lines of characters, of MagTek D99875206 and many others: up to 229 bytes, at least one track. */
export const asciiLines = readerCodec("ascii", takeApart, encode);
