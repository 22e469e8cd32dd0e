import { execFileSync } from "node:child_process";
import { readWav } from "@swipewire/protocol/waveform/wav";
import type { Dice } from "@swipewire/simulator/waveform/dice";

/** Of espeak-ng: languages whose sounds differ, and who speaks. */
const LANGUAGES = ["en", "de", "fr", "es", "ru", "cmn", "hi", "ar", "pl", "vi"] as const;
const SPEAKERS = ["m1", "m3", "m7", "f1", "f4", "f5", "croak", "whisper"] as const;
const CONSONANTS = [
  "b",
  "d",
  "f",
  "g",
  "k",
  "l",
  "m",
  "n",
  "p",
  "r",
  "s",
  "sh",
  "t",
  "v",
  "z",
  "ch",
  "st",
  "kr",
] as const;
const VOWELS = ["a", "e", "i", "o", "u", "ei", "au"] as const;

/**
 * Adds speech, as Debian's `espeak-ng` speaks it, in phrases of made-up words and numbers with pauses between them.
 * @param rate Hz
 * @throws Error where the program is not installed
 */
export function speakInto(signal: Float32Array, rate: number, dice: Dice): void {
  for (let at = 0; at < signal.length; ) {
    const voice = `${dice.pick(LANGUAGES)}+${dice.pick(SPEAKERS)}`;
    const words = Array.from({ length: dice.whole(20, 60) }, () => word(dice)).join(" ");
    const settings = [
      "-v",
      voice,
      "-s",
      `${dice.whole(110, 260)}`,
      "-p",
      `${dice.whole(0, 99)}`,
      "--stdout",
      "--",
      words,
    ];
    const { sampleRate, samples } = readWav(execFileSync("espeak-ng", settings, { maxBuffer: 2 ** 26 }));
    const level = dice.betweenOctaves(0.03, 1.5);
    const step = sampleRate / rate;
    const length = Math.min(signal.length - at, Math.floor((samples.length - 1) / step));
    for (let n = 0; n < length; n++) {
      const place = Math.floor(n * step);
      const [before = 0, behind = 0] = [samples[place], samples[place + 1]];
      signal[at + n] = (signal[at + n] ?? 0) + level * (before + (behind - before) * (n * step - place));
    }
    at += length + Math.round(dice.between(0.1, 0.8) * rate);
  }
}

function word(dice: Dice): string {
  if (dice.uniform() < 0.15) return `${dice.whole(0, 999_999)}`;
  const syllables = Array.from({ length: dice.whole(1, 3) }, () => dice.pick(CONSONANTS) + dice.pick(VOWELS));
  return syllables.join("") + dice.pick(["", "", "n", "s", "t", ",", "."]);
}
