import { END_SENTINEL } from "../card/alphabets.ts";
import { ReaderFrameEnd, ReaderFrameField, ReaderFrameLength, ReaderFrameStart } from "../errors.ts";
import { SensitiveBytes } from "../sensitive-bytes.ts";
import { type FrameChecks, readerCodec } from "./frame-checks.ts";
import type { FrameField, ReaderFrame, ReaderTrack, TrackNumber } from "./reader-frame.ts";
import {
  encodingByTyped,
  errorMark,
  isErrorMark,
  putStripeSentinel,
  trackOfSentinel,
  typedSentinel,
} from "./typed-sentinels.ts";

/*
 * Tracks as characters, as serial and keyboard readers send them without encryption: `%…?`, `;…?`, `+…?`, each on a line
 * of its own or all on one, with start sentinels as they are typed; `E` between the sentinels for a track that could not
 * be read (MagTek D99875206).
 */

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
    const number = trackOfSentinel(bytes[at]);
    checks.require("start sentinel", number !== 0, ReaderFrameStart, `offset ${at}`);
    const end = bytes.indexOf(END_SENTINEL, at);
    checks.require("end sentinel", end >= 0, ReaderFrameEnd, `none after offset ${at}`);
    if (number === 0) break;
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
    if (isErrorMark(number, line.bytes)) return { number, state: "error" };
    const clear = line.bytes.slice();
    putStripeSentinel(clear);
    return { number, state: "read", clear: new SensitiveBytes(clear) };
  };
  return {
    encoding: encodingByTyped(lines.map(({ bytes }) => bytes[0])),
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
    if (state === "error") return [errorMark(number)];
    const typed = (track: Uint8Array) =>
      Uint8Array.of(typedSentinel(number, track[0], frame.encoding), ...track.subarray(1));
    return clear ? [clear.use(typed)] : [];
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
