import type { LineCode } from "@swipewire/protocol/waveform/modem/line-code";
import { ModemDecoder } from "@swipewire/protocol/waveform/modem/modem-decoder";
import { Dice } from "@swipewire/simulator/waveform/dice";
import { type ModemConditions, modemSignal } from "@swipewire/simulator/waveform/modem-signal";
import { cpuSeconds } from "../waveform/grid.ts";

export interface Tally {
  readonly frames: number;
  readonly right: number;
  /** Frames told that were not sent. */
  readonly wrong: number;
  /** Seconds of signal, and of CPU time for decoding it. */
  readonly signal: number;
  readonly taken: number;
}

export const PAYLOAD_BYTES = 48;

export const randomPayload = (dice: Dice, length = PAYLOAD_BYTES) =>
  Uint8Array.from({ length }, () => dice.whole(0, 255));

/** So many frames under a condition, each with dice of its own, the same in each run with the same seed. */
export function tryFrames(
  conditions: ModemConditions,
  frames: number,
  seed: number,
  code: LineCode,
  length = PAYLOAD_BYTES,
): Tally {
  const tally = { frames, right: 0, wrong: 0, signal: 0, taken: 0 };
  for (let n = 0; n < frames; n++) {
    const dice = new Dice(seed * 100_003 + n);
    const payload = randomPayload(dice, length);
    const signal = modemSignal(1, payload, { ...conditions, code }, dice);
    const decoder = new ModemDecoder(conditions, code);
    const started = cpuSeconds();
    const events = [...decoder.push(signal), ...decoder.flush()];
    tally.taken += cpuSeconds() - started;
    tally.signal += signal.length / conditions.sampleRate;
    for (const event of events) {
      if (event.kind !== "frame") continue;
      const same = event.payload.use(
        (bytes) => bytes.length === payload.length && bytes.every((b, i) => b === payload[i]),
      );
      if (same) tally.right++;
      else tally.wrong++;
      event.payload.wipe();
    }
  }
  return tally;
}
