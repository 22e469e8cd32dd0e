import { execFileSync, spawnSync } from "node:child_process";
import { type Recording, readWav } from "@swipewire/protocol/waveform/wav";
import type { Dice } from "@swipewire/simulator/waveform/dice";

/** Debian packages: people who speak to callers, at 8 kHz, and letters and syllables in 19 languages, mostly at 44.1 kHz. */
export const SPEECH = [
  ...["en", "es", "fr", "it", "ru"].map((language) => `asterisk-core-sounds-${language}-wav`),
  "klettres-data",
];
/** Music on hold, at 8 kHz; an orchestra and electronic music of games, at 44.1 and 48 kHz. */
export const MUSIC = ["asterisk-moh-opsound-wav", "wesnoth-1.16-music", "singularity-music"];

/** That reads the files. */
const READER = ["sox", "libsox-fmt-base"];

const found = new Map<readonly string[], readonly string[]>();

/** @throws Error that says what to install */
function recordingsIn(packages: readonly string[]): readonly string[] {
  const before = found.get(packages);
  if (before) return before;
  const { status, stdout } = spawnSync("dpkg-query", ["--listfiles", ...packages, ...READER], { encoding: "utf8" });
  if (status !== 0) {
    const wanted = [...packages, ...READER].join(" ");
    throw new Error(`recordings come from Debian packages: apt-get install --no-install-recommends ${wanted}`);
  }
  const files = stdout.split("\n").filter((file) => /\.(wav|ogg)$/.test(file) && !file.includes("/silence/"));
  found.set(packages, files.toSorted());
  return recordingsIn(packages);
}

/**
 * A stretch of one of the recordings in Debian packages, at half to four times its speed, so that its pulses fall where a
 * card's would, and with as few low notes as chance has it.
 * @param rate Hz, that it comes at
 * @throws Error where one of the packages is not installed
 */
export function recordingFrom(packages: readonly string[], rate: number, dice: Dice): Recording {
  const file = dice.pick(recordingsIn(packages));
  const seconds = Number(execFileSync("sox", ["--info", "-D", file]));
  const length = Math.min(seconds, dice.betweenOctaves(5, 60));
  const stretch = ["trim", dice.between(0, seconds - length), length].map(String);
  const changed = ["speed", dice.betweenOctaves(0.5, 4), "highpass", dice.betweenOctaves(10, 1000)].map(String);
  const asFloats = ["-t", "wav", "-e", "floating-point", "-b", "32", "-"];
  const effects = [...stretch, "remix", "-", ...changed, "rate", `${rate}`];
  return readWav(execFileSync("sox", ["-V1", file, ...asFloats, ...effects], { maxBuffer: 2 ** 26 }));
}
