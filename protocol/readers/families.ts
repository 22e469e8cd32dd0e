import { END_SENTINEL } from "../card/alphabets.ts";
import { ReaderFamilyUnknown } from "../errors.ts";
import { asciiLines } from "./ascii-lines.ts";
import { idtech } from "./idtech.ts";
import { idtechKeyboard } from "./idtech-keyboard.ts";
import { STX } from "./idtech-layout.ts";
import { magtekKeyboard } from "./magtek-keyboard.ts";
import { magtekMagnesafe } from "./magtek-magnesafe.ts";
import { magtekSureswipe } from "./magtek-sureswipe.ts";
import type { FixedFamily, ReaderCodec } from "./reader-frame.ts";
import { trackOfSentinel } from "./typed-sentinels.ts";

/** The codec of each family; that of a HID POS reader is made from its descriptor: `hidMsr`. */
export const readerFamilies: Readonly<Record<FixedFamily, ReaderCodec>> = {
  "magtek-sureswipe": magtekSureswipe,
  "magtek-magnesafe": magtekMagnesafe,
  "magtek-keyboard": magtekKeyboard,
  idtech,
  "idtech-keyboard": idtechKeyboard,
  ascii: asciiLines,
};

/** The families of {@link readerFamilies}. */
export const readerFamilyNames = Object.keys(readerFamilies) as readonly FixedFamily[];

/** Reports of both MagTek families begin with a decode status, 0 or 1, and differ in length only. */
const BETWEEN_MAGTEK_LENGTHS = 600;
const SHORTEST_MAGTEK = 300;
/** `|`, which no track holds. */
const MAGTEK_SEPARATOR = 0x7c;

/**
 * Guesses the family of a frame, broken ones too, so that its codec can say what is wrong with it.
 * @param bytes one frame from its start
 * @throws ReaderFamilyUnknown
 */
export function detectFamily(bytes: Uint8Array): FixedFamily {
  const [first, second] = bytes;
  if (first === STX) return "idtech";
  if ((first === 0 || first === 1) && bytes.length >= SHORTEST_MAGTEK) {
    return bytes.length < BETWEEN_MAGTEK_LENGTHS ? "magtek-sureswipe" : "magtek-magnesafe";
  }
  if (first === 0x30 && second === 0x32) return "idtech-keyboard";
  if (trackOfSentinel(first) > 0 && bytes.includes(END_SENTINEL)) {
    return bytes.includes(MAGTEK_SEPARATOR) ? "magtek-keyboard" : "ascii";
  }
  throw new ReaderFamilyUnknown({ detail: `${bytes.length} bytes` });
}
