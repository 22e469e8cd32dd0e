import { execFileSync } from "node:child_process";
import { type Recording, readWav } from "@swipewire/protocol/waveform/wav";
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
 * Speech, as Debian's `espeak-ng` speaks it: a phrase of made-up words and numbers.
 * @throws Error where the program is not installed
 */
export function speak(dice: Dice): Recording {
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
  return readWav(execFileSync("espeak-ng", settings, { maxBuffer: 2 ** 26 }));
}

function word(dice: Dice): string {
  if (dice.uniform() < 0.15) return `${dice.whole(0, 999_999)}`;
  const syllables = Array.from({ length: dice.whole(1, 3) }, () => dice.pick(CONSONANTS) + dice.pick(VOWELS));
  return syllables.join("") + dice.pick(["", "", "n", "s", "t", ",", "."]);
}
