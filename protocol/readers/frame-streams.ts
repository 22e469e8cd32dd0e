import { type FrameScanner, FrameStream } from "./frame-stream.ts";
import { idtechKeyboardScanner, idtechScanner } from "./idtech-scanners.ts";
import { asciiScanner, magtekKeyboardScanner } from "./line-scanners.ts";
import type { FixedFamily } from "./reader-frame.ts";

const scanners = {
  ascii: asciiScanner,
  "magtek-keyboard": magtekKeyboardScanner,
  idtech: idtechScanner,
  "idtech-keyboard": idtechKeyboardScanner,
} as const satisfies Partial<Record<FixedFamily, FrameScanner>>;

/** Families whose frames can be told in a stream of bytes; HID reports come whole. */
export type StreamFamily = keyof typeof scanners;

/** The families that {@link frameStream} takes. */
export const streamFamilyNames = Object.keys(scanners) as readonly StreamFamily[];

/** A stream of its own, for one line. */
export const frameStream = (family: StreamFamily): FrameStream => new FrameStream(scanners[family]);
