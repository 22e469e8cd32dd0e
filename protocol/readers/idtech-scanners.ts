import { ReaderFrameEnd, ReaderFrameField, ReaderFrameLength, ReaderFrameStart } from "../errors.ts";
import { SwipewireError } from "../failure.ts";
import { FrameChecks } from "./frame-checks.ts";
import type { FrameScanner, Scan } from "./frame-stream.ts";
import { readHex } from "./hex-text.ts";
import { unframe } from "./idtech.ts";
import { CARD_ENCODE_TYPES, ENHANCED, FRAMING, HEADER, STX } from "./idtech-layout.ts";

/* ID TECH's frames, as bytes and as a keyboard's text. A candidate that turns out to be none costs its first byte only. */

/** The longest real one has some 560 bytes. A longer announcement would only delay the next frame. */
const LONGEST_PAYLOAD = 1024;

const skipOne = (failure: SwipewireError): Scan => ({ skip: 1, failure });
const cutShort = (bytes: Uint8Array): Scan => skipOne(new ReaderFrameLength({ detail: `ends after ${bytes.length}` }));
const noise = (skip: number): Scan => ({ skip, failure: new ReaderFrameStart({ detail: "noise on the line" }) });

/** Finds binary frames by STX, the length after it and a right frame of that length. */
export const idtechScanner: FrameScanner = {
  window: LONGEST_PAYLOAD + FRAMING,
  scan(bytes) {
    const start = bytes.indexOf(STX);
    if (start !== 0) return noise(start < 0 ? bytes.length : start);
    const [, low, high, encodeType] = bytes;
    if (low === undefined || high === undefined) return undefined;
    const length = low | (high << 8);
    if (length < HEADER || length > LONGEST_PAYLOAD) {
      return skipOne(new ReaderFrameLength({ detail: `${length} bytes announced` }));
    }
    if (encodeType === undefined) return undefined;
    if (CARD_ENCODE_TYPES[encodeType & ~ENHANCED] === undefined) {
      return skipOne(new ReaderFrameField({ detail: `card encode type ${encodeType}` }));
    }
    const total = length + FRAMING;
    if (bytes.length < total) return undefined;
    try {
      unframe(bytes.subarray(0, total), new FrameChecks());
      return { frame: total };
    } catch (failure) {
      if (failure instanceof SwipewireError) return skipOne(failure);
      throw failure;
    }
  },
  settle: cutShort,
};

const ZERO = 0x30;
const TWO = 0x32;
const THREE = 0x33;
/** STX and length before what the length counts; LRC, checksum and ETX behind it. */
const HEAD = 6;
const TAIL = 6;
const LONGEST_TEXT = 2 * LONGEST_PAYLOAD;

/** Finds frames as a keyboard types them. */
export const idtechKeyboardScanner: FrameScanner = {
  window: LONGEST_TEXT + HEAD + TAIL,
  scan(bytes, lost) {
    // A postamble, or the line end after a frame.
    if (!lost && (bytes[0] === 0x0d || bytes[0] === 0x0a)) return { skip: 1 };
    const start = bytes.indexOf(ZERO);
    if (start !== 0) return noise(start < 0 ? bytes.length : start);
    if (bytes.length > 1 && bytes[1] !== TWO) return noise(1);
    if (bytes.length < HEAD) return undefined;
    const [low = 0, high = 0] = readHex(bytes.subarray(2, HEAD)) ?? [];
    const length = low | (high << 8);
    if (length < HEADER * 2 || length > LONGEST_TEXT) {
      return skipOne(new ReaderFrameLength({ detail: `${length} characters announced` }));
    }
    const total = HEAD + length + TAIL;
    if (bytes.length < total) return undefined;
    if (bytes[total - 2] === ZERO && bytes[total - 1] === THREE) return { frame: total };
    return skipOne(new ReaderFrameEnd({ detail: `offset ${total - 2}` }));
  },
  settle: cutShort,
};
