import { isTestNumber } from "@swipewire/protocol/card/test-numbers";
import { parseTrack } from "@swipewire/protocol/card/track";
import type { TrackNumber } from "@swipewire/protocol/readers/reader-frame";
import { testCards } from "./test-cards.ts";

const tracks = testCards.flatMap((card) => card.tracks);
const equal = (a: Uint8Array, b: Uint8Array) => a.length === b.length && a.every((byte, n) => byte === b[n]);

/** May the number be shown in full? Only if it is one of the simulator's cards or a published test number. */
export function isTestPan(pan: Uint8Array): boolean {
  return isTestNumber(pan) || testCards.some((card) => equal(card.pan, pan));
}

/** May the track be shown in full? Its PAN is a test number, or it is a test card's track byte for byte. */
export function isTestTrack(number: TrackNumber, bytes: Uint8Array): boolean {
  if (tracks.some((track) => track.number === number && equal(track.data, bytes))) return true;
  try {
    const { pan } = parseTrack(number, bytes);
    return pan !== undefined && isTestPan(pan);
  } catch {
    return false;
  }
}
