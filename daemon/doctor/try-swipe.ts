import { type CardFacts, cardFacts } from "@swipewire/protocol/card/card-facts";
import { schemeOf } from "@swipewire/protocol/card/scheme";
import { type Swipe, wipeSwipe } from "@swipewire/protocol/card/swipe";
import type { SwipewireError } from "@swipewire/protocol/failure";
import type { ReaderFamily, TrackNumber } from "@swipewire/protocol/readers/reader-frame";
import type { Duration } from "@swipewire/protocol/time";
import { FrameIntake, type IntakeOptions } from "../readers/frame-intake.ts";

/** What a technician may see of a card. */
export interface TriedSwipe extends CardFacts {
  readonly family: ReaderFamily;
  readonly encrypted: boolean;
  readonly tracks: readonly TrackNumber[];
}

export interface TrialOptions extends IntakeOptions {
  /** How long a card is waited for. */
  readonly patience: Duration;
  /** A card was drawn, and what came of it is no swipe; the next one may be. */
  readonly misread: (failure: SwipewireError) => void;
  readonly readerCame: (name: string) => void;
}

/**
 * Takes one card from the readers, with no gateway and no order, and wipes it.
 * @returns undefined where none came in time
 */
export async function trySwipe({
  patience,
  misread,
  readerCame,
  ...options
}: TrialOptions): Promise<TriedSwipe | undefined> {
  const intake = new FrameIntake(options);
  try {
    return await new Promise((resolve) => {
      const late = options.clock.after(patience, () => resolve(undefined));
      intake.open({
        readerChanged: (reader) => {
          if (reader.connected) readerCame(reader.name);
        },
        swiped: (swipe) => {
          late.cancel();
          resolve(triedSwipe(swipe));
        },
        misread,
      });
    });
  } finally {
    await intake.close();
  }
}

/** Wipes the swipe. */
export function triedSwipe(swipe: Swipe): TriedSwipe {
  const encrypted = swipe.kind === "encrypted";
  try {
    const tracks = swipe.kind === "clear" ? swipe.tracks.map(({ number }) => number) : tracksOf(swipe);
    return { ...cardFacts(swipe), family: swipe.family, encrypted, tracks };
  } finally {
    wipeSwipe(swipe);
  }
}

const tracksOf = ({ blocks, clearTracks }: Extract<Swipe, { kind: "encrypted" }>) =>
  [...blocks.flatMap(({ tracks }) => tracks), ...clearTracks.map(({ number }) => number)].toSorted();

/** The swipe as a person reads it, line by line. */
export function triedSwipeText({ family, encrypted, tracks, maskedPan, pinByServiceCode }: TriedSwipe): string {
  const scheme = maskedPan && schemeOf(maskedPan);
  const pin = { true: "a PIN is asked for", false: "no PIN is asked for", undefined: "not told: the payer is asked" };
  return [
    `reader        ${family}${encrypted ? ", which encrypts" : ", in the clear"}`,
    `tracks        ${tracks.join(", ")}`,
    `card          ${maskedPan ?? "hidden by the reader"}${scheme === undefined ? "" : `, ${scheme}`}`,
    `service code  ${pin[`${pinByServiceCode}`]}`,
  ].join("\n");
}
