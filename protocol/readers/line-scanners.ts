import { END_SENTINEL } from "../card/alphabets.ts";
import { ReaderFrameEnd, ReaderFrameLength, ReaderFrameStart } from "../errors.ts";
import type { FrameScanner, Scan } from "./frame-stream.ts";
import { LONGEST_MAGTEK_LINE } from "./magtek-keyboard.ts";
import { trackOfSentinel } from "./typed-sentinels.ts";

/* Families whose frames are lines. CR, LF and CR LF all end one; after noise the next line begins anew. */

const CR = 0x0d;
const LF = 0x0a;
const SEPARATOR = 0x7c; // |
const LAST_TRACK = 3;
/** Three tracks with their line ends, and some to spare. */
const LONGEST_ASCII_FRAME = 256;

const isLineEnd = (byte: number | undefined) => byte === CR || byte === LF;

function lineScanner(
  longest: number,
  isStart: (bytes: Uint8Array) => boolean,
  /** Of bytes that hold one line end at least: where the frame ends, or undefined where another line may follow. */
  frameEnd: (bytes: Uint8Array) => number | undefined,
): FrameScanner {
  return {
    window: longest,
    scan(bytes, lost): Scan | undefined {
      const blank = bytes.findIndex((byte) => !isLineEnd(byte));
      if (blank !== 0) return { skip: blank < 0 ? bytes.length : blank, inStep: true };
      const end = bytes.findIndex(isLineEnd);
      if (lost) return { skip: end < 0 ? bytes.length : end };
      if (!isStart(bytes)) return { skip: 1, failure: new ReaderFrameStart({ detail: "noise on the line" }) };
      const frame = end < 0 ? undefined : frameEnd(bytes);
      if (frame !== undefined) return { frame };
      if (bytes.length < longest) return undefined;
      return { skip: longest, failure: new ReaderFrameLength({ detail: `more than ${longest} bytes` }) };
    },
    settle(bytes) {
      const end = bytes.findLastIndex(isLineEnd);
      if (end >= 0) return { frame: end + 1 };
      return { skip: bytes.length, failure: new ReaderFrameEnd({ detail: `none after ${bytes.length} bytes` }) };
    },
  };
}

/**
 * Tracks on one line or on lines of their own. A frame is over when track 3 is, when a track comes that cannot follow, or
 * when the line goes quiet.
 */
export const asciiScanner = lineScanner(
  LONGEST_ASCII_FRAME,
  (bytes) => trackOfSentinel(bytes[0]) > 0,
  (bytes) => {
    let last: number = 0;
    for (let at = 0; at < bytes.length; ) {
      const track = trackOfSentinel(bytes[at]);
      if (at > 0 && track <= last) return at;
      const rest = bytes.subarray(at).findIndex(isLineEnd);
      if (rest < 0) return undefined;
      const end = at + rest;
      last = track;
      for (let n = at; n < end; n++) {
        if (bytes[n] === END_SENTINEL) last = Math.max(last, trackOfSentinel(bytes[n + 1]));
      }
      at = end + 1;
      if (last === LAST_TRACK) return at;
      while (at < bytes.length && isLineEnd(bytes[at])) at++;
    }
    return undefined;
  },
);

/** One line a swipe. */
export const magtekKeyboardScanner = lineScanner(
  LONGEST_MAGTEK_LINE,
  (bytes) => trackOfSentinel(bytes[0]) > 0 || bytes[0] === SEPARATOR,
  (bytes) => bytes.findIndex(isLineEnd) + 1,
);
