import type { TrackNumber } from "@swipewire/protocol/readers/reader-frame";
import { WaveformDecoder } from "@swipewire/protocol/waveform/waveform-decoder";
import { randomTrack } from "@swipewire/simulator/cards/random-card";
import { Dice } from "@swipewire/simulator/waveform/dice";
import { swipeSignal } from "@swipewire/simulator/waveform/swipe-signal";
import type { Condition } from "./conditions.ts";

/** What became of one simulated swipe. */
export interface Outcome {
  readonly right: boolean;
  /** Accepted, and not what was on the card. */
  readonly wrong: boolean;
  readonly basis?: string;
  /** Code of the failure. */
  readonly failure?: string;
  /** Seconds of signal over seconds of decoding. */
  readonly timesRealTime: number;
}

/** Swipes one card under a condition; the same seed gives the same swipe. */
export function tryOne(condition: Condition, track: TrackNumber, seed: number): Outcome {
  const dice = new Dice(seed);
  const data = randomTrack(track, dice);
  const settings = condition.of(track, dice);
  const signal = swipeSignal({ number: track, data }, settings, dice);
  const started = performance.now();
  const decoder = new WaveformDecoder({ sampleRate: settings.sampleRate });
  const events = [...decoder.push(signal), ...decoder.flush()];
  const taken = (performance.now() - started) / 1000;
  let right = false;
  let wrong = false;
  let basis: string | undefined;
  for (const event of events) {
    if (event.kind !== "swipe") continue;
    for (const read of event.tracks) {
      const same =
        read.number === track &&
        read.data.use((bytes) => bytes.length === data.length && bytes.every((byte, n) => byte === data[n]));
      right ||= same;
      wrong ||= !same;
      basis = read.basis;
      read.data.wipe();
    }
  }
  const failure = events.find((event) => event.kind === "failure");
  return {
    right,
    wrong,
    ...(basis && { basis }),
    ...(failure?.kind === "failure" && { failure: (failure.failure as unknown as { code: string }).code }),
    timesRealTime: signal.length / settings.sampleRate / taken,
  };
}
