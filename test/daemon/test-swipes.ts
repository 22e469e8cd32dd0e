import type { ClearSwipe } from "@swipewire/protocol/card/swipe";
import { SensitiveBytes } from "@swipewire/protocol/sensitive-bytes";

/** A scheme's published test number, expiry 12/30, service code 201: a chip card without a PIN asked for. */
export const PAN = "4111111111111111";
export const TRACK_1 = `%B${PAN}^TEST/CARD^30122010000000000000?`;
export const TRACK_2 = `;${PAN}=30122010000012345678?`;

/** UnionPay's test range, service code 220: a PIN is asked for. */
export const PIN_PAN = "6224242300000069";
export const PIN_TRACK_2 = `;${PIN_PAN}=30122200000012345678?`;

export const bytesOf = (text: string) => new TextEncoder().encode(text);

/** One line of a plain reader. */
export const asciiFrame = (track2 = TRACK_2, track1 = TRACK_1) => bytesOf(`${track1}${track2}\r`);

export function clearSwipe(track2 = TRACK_2): ClearSwipe {
  return { kind: "clear", family: "ascii", tracks: [{ number: 2, data: new SensitiveBytes(bytesOf(track2)) }] };
}
