import { wipeSwipe } from "@swipewire/protocol/card/swipe";
import type { SwipewireError } from "@swipewire/protocol/failure";
import type { Random } from "@swipewire/protocol/random";
import { type Duration, Seconds, sleep } from "@swipewire/protocol/time";
import { FrameIntake, type IntakeOptions } from "../readers/frame-intake.ts";
import { cutToSwipes } from "./cut.ts";
import { requireHarmless } from "./judge.ts";
import { type Recording, wipeRecording } from "./recording.ts";
import { type ReplayedEvent, replay, wipeEvents } from "./replay.ts";
import type { Tapes } from "./tapes.ts";

/** A reader may send more lines of the card, or a rest of its frame. */
const REST = Seconds(1.5);

export interface CaptureOptions extends IntakeOptions {
  /** Between the readers that the intake has and their decoders. */
  readonly tapes: Pick<Tapes, "recordings" | "forget">;
  /** How long cards are waited for. */
  readonly patience: Duration;
  /** How many times a card is drawn. */
  readonly draws: number;
  /** Keep what could not be read, where it holds no number but a test card's. */
  readonly unread: boolean;
  readonly random: Random;
  readonly readerCame: (name: string) => void;
  readonly misread: (failure: SwipewireError) => void;
}

/** What was captured, and what came of it. Both are the caller's to wipe. */
export interface Captured {
  readonly recording: Recording;
  readonly events: readonly ReplayedEvent[];
}

/**
 * Records what a reader sends while test cards are drawn, and reads it again from what it recorded. Whatever is no published
 * test card's is overwritten, and nothing of it returned.
 * @returns undefined where no reader sent anything in time
 * @throws CaptureCardRefused | CaptureCardHidden | CaptureNumberFound | CaptureUnread
 */
export async function takeCapture(options: CaptureOptions): Promise<Captured | undefined> {
  const { tapes, unread, random } = options;
  await listenToCards(options);
  const recordings = tapes.recordings;
  let taken: Captured | undefined;
  try {
    taken = await bestOf(recordings, random);
    if (!taken) return undefined;
    requireHarmless(taken.recording, taken.events, unread);
    const { recording, events } = taken;
    const pieces = recording.pieces.map(({ ms, bytes }) => ({ ms, bytes: Uint8Array.from(bytes) }));
    taken = undefined;
    return { recording: { reader: recording.reader, pieces }, events };
  } finally {
    for (const recording of recordings) wipeRecording(recording);
    if (taken) wipeCaptured(taken);
  }
}

async function listenToCards(options: CaptureOptions): Promise<void> {
  const { tapes, clock, patience, draws, unread, readerCame, misread } = options;
  const intake = new FrameIntake(options);
  try {
    let left = draws;
    const drawn = Promise.withResolvers<void>();
    const late = clock.after(patience, () => drawn.resolve());
    intake.open({
      readerChanged: (reader) => {
        if (reader.connected) readerCame(reader.name);
      },
      swiped: (swipe) => {
        wipeSwipe(swipe);
        if (--left === 0) drawn.resolve();
      },
      misread: (failure) => {
        misread(failure);
        if (unread) {
          if (--left === 0) drawn.resolve();
          return;
        }
        // It may be any card's: begun anew, nothing of it is kept.
        tapes.forget();
        left = draws;
      },
    });
    await drawn.promise;
    late.cancel();
    await sleep(clock, REST);
  } finally {
    await intake.close();
  }
}

/** The reader that sent a card; where none did, one that sent something else. Of sound, what was not read is nothing. */
async function bestOf(recordings: readonly Recording[], random: Random): Promise<Captured | undefined> {
  let best: Captured | undefined;
  const rank = (captured: Captured | undefined) =>
    captured === undefined ? 0 : captured.events.some(({ swipe }) => swipe) ? 3 : captured.events.length > 0 ? 2 : 1;
  for (const recorded of recordings) {
    const recording = recorded.reader.transport === "audio" ? cutToSwipes(recorded.reader, recorded) : recorded;
    if (recording.pieces.length === 0) continue;
    const other = { recording, events: await replay(recording, random) };
    const [better, worse] = rank(other) > rank(best) ? [other, best] : [best, other];
    best = better;
    if (worse) wipeCaptured(worse);
  }
  return best;
}

/** Overwrites what a capture holds. */
export function wipeCaptured({ recording, events }: Captured): void {
  wipeRecording(recording);
  wipeEvents(events);
}
