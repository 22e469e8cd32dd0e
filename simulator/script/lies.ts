import type { ReaderFamily } from "@swipewire/protocol/readers/reader-frame";

/** Changes a frame in place. */
type Change = (frame: Uint8Array) => void;

const flipped =
  (bits: number, fromEnd: number): Change =>
  (frame) => {
    const at = frame.length - fromEnd;
    frame[at] = (frame[at] ?? 0) ^ bits;
  };

const ZERO = 0x30;
const SEPARATOR = 0x7c;

/** A hexadecimal digit becomes another one. */
const otherDigit =
  (place: (frame: Uint8Array) => number): Change =>
  (frame) => {
    const at = place(frame);
    frame[at] = frame[at] === ZERO ? ZERO + 1 : ZERO;
  };

/** ID TECH 80096504-001: STX, two bytes of length, low one first. */
const longer: Change = (frame) => {
  frame[1] = (frame[1] ?? 0) + 1;
};

/** MagTek D99875475-10: the length of track 1 is the fourth byte, and at most 112. */
const beyondSlot: Change = (frame) => {
  frame[3] = 200;
};

const wrongLength: Partial<Record<ReaderFamily, Change>> = {
  idtech: longer,
  // The same in hexadecimal digits.
  "idtech-keyboard": otherDigit(() => 3),
  "magtek-magnesafe": beyondSlot,
  "magtek-sureswipe": beyondSlot,
};

/** MagTek D99875475-10 "Keyboard Emulation": two separators follow the CRC of what was sent in the clear. */
const clearTextCrc = (frame: Uint8Array) => frame.lastIndexOf(SEPARATOR, frame.lastIndexOf(SEPARATOR) - 1) - 1;

/** ID TECH: LRC, checksum, ETX end a frame. */
const wrongLrc: Partial<Record<ReaderFamily, Change>> = {
  idtech: flipped(0x01, 3),
  "magtek-keyboard": otherDigit(clearTextCrc),
};

const changes = { "wrong-length": wrongLength, "wrong-lrc": wrongLrc } as const;

type LieInFrame = keyof typeof changes;

/** Have frames of that family a place for it? */
export const hasPlaceFor = (lie: LieInFrame, family: ReaderFamily): boolean => changes[lie][family] !== undefined;

/** Puts a lie into a frame that has a place for it. */
export function lieIn(frame: Uint8Array, lie: LieInFrame, family: ReaderFamily): void {
  changes[lie][family]?.(frame);
}
