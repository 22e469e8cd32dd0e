import { detectFamily, readerFamilies } from "@swipewire/protocol/readers/families";
import { wipeFrame } from "@swipewire/protocol/readers/swipe-from-frame";
import idtech from "../fixtures/idtech.json" with { type: "json" };
import magtek from "../fixtures/magtek.json" with { type: "json" };
import { measure } from "./measure.ts";
import type { Row } from "./table.ts";

const WITHIN_MICROSECONDS = 20;

const hex = (text: string) => Uint8Array.from(Buffer.from(text, "hex"));
const ascii = (text: string) => new TextEncoder().encode(text);

/** Frames that real readers sent, as their makers printed them. */
const FRAMES: readonly (readonly [name: string, frame: Uint8Array])[] = [
  ["MagTek report, clear", hex(magtek.hid_level2_clear.report)],
  ["MagTek report, encrypted", hex(magtek.hid_level3_encrypted.report)],
  ["MagTek keyboard text", ascii(magtek.kb_level2.text)],
  ["ID TECH frame, encrypted", hex(idtech.original_format.hex)],
  ["ID TECH keyboard text", ascii(idtech.secured_keyboard_mode.text)],
  ["lines of a serial reader", ascii(`${magtek.kb_level2_sureswipe.text}\r`)],
];

/** Decoding of one frame, whichever family it is of, with all its checks. */
export const readers = (): Row[] =>
  FRAMES.map(([name, frame]) => {
    const codec = readerFamilies[detectFamily(frame)];
    wipeFrame(codec.decode(frame));
    const [ours] = measure([{ name, run: () => wipeFrame(codec.decode(frame)) }]);
    return { subject: `${name}, decoded`, ours, within: WITHIN_MICROSECONDS };
  });
