import type { Swipe, SwipeTrack } from "../card/swipe.ts";
import { isPrivateLayout, parseTrack } from "../card/track.ts";
import { ReaderCardNotPayment, ReaderTracksMissing } from "../errors.ts";
import { isPaymentEncoding } from "./card-encoding.ts";
import type { ReaderFrame } from "./reader-frame.ts";

/** Overwrites whatever is sensitive in a frame that is not made into a swipe. */
export function wipeFrame(frame: ReaderFrame): void {
  for (const { clear } of frame.tracks) clear?.wipe();
}

/**
 * Validates a frame into a swipe: track 2 was read, since no bank is asked without it, and every clear track parses, but for a
 * track 3 of a private layout, which is left out. The swipe takes over the frame's tracks, so whoever has it wipes them; when
 * this throws they are wiped already.
 *
 * @throws ReaderCardNotPayment when the reader says that the stripe is a driving licence's, or could not be decoded
 * @throws ReaderTracksMissing
 * @throws a `track_*` failure
 */
export function swipeFromFrame(frame: ReaderFrame): Swipe {
  try {
    if (!isPaymentEncoding(frame.encoding)) throw new ReaderCardNotPayment({ detail: frame.encoding });
    if (frame.tracks[1].state !== "read") {
      throw new ReaderTracksMissing({
        detail: frame.tracks.map(({ number, state }) => `${number} ${state}`).join(", "),
      });
    }
    const clear = frame.tracks.flatMap(({ number, clear }): SwipeTrack[] => {
      if (!clear) return [];
      try {
        clear.use((bytes) => parseTrack(number, bytes));
        return [{ number, data: clear }];
      } catch (failure) {
        if (!isPrivateLayout(number, failure)) throw failure;
        clear.wipe();
        return [];
      }
    });
    const common = { family: frame.family, ...(frame.serial !== undefined && { serial: frame.serial }) };
    if (!frame.encryption) return { kind: "clear", ...common, tracks: clear };
    const masked = frame.tracks.flatMap(({ number, masked }) =>
      masked === undefined ? [] : [{ track: number, text: masked }],
    );
    return { kind: "encrypted", ...common, ...frame.encryption, clearTracks: clear, masked };
  } catch (failure) {
    wipeFrame(frame);
    throw failure;
  }
}
