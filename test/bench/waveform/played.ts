import type { Recording } from "@swipewire/protocol/waveform/wav";
import type { Dice } from "@swipewire/simulator/waveform/dice";

/**
 * Adds one recording of a channel behind another, each as loud as chance has it, some louder than the input can take, with
 * pauses between them.
 * @param rate Hz
 */
export function playInto(signal: Float32Array, rate: number, dice: Dice, next: () => Recording): void {
  for (let at = 0; at < signal.length; ) {
    const { sampleRate, samples } = next();
    const level = dice.betweenOctaves(0.03, 6);
    const step = sampleRate / rate;
    const length = Math.min(signal.length - at, Math.ceil(samples.length / step));
    for (let n = 0; n < length; n++) {
      const place = Math.floor(n * step);
      const [before = 0, behind = 0] = [samples[place], samples[place + 1]];
      signal[at + n] = (signal[at + n] ?? 0) + level * (before + (behind - before) * (n * step - place));
    }
    at += length + Math.round(dice.between(0.1, 0.8) * rate);
  }
}
