import { spawn } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { type Recording, writeWav } from "@swipewire/protocol/waveform/wav";
import { SoundNotPlayed } from "../errors.ts";

/** The option of commands that make sound. */
export const AUDIO = ["--audio <to>", "a file that ends in .wav, or an output: hw:CARD=…, pulse:<sink>"] as const;

const isFile = (to: string) => to.endsWith(".wav");

/** Seconds of quiet line. An output that has just been opened may swallow what comes first. */
export const quietAround = (to: string) => ({ before: isFile(to) ? 0.5 : 1, after: 0.5 });

/**
 * Writes sound into a file, or plays it to its end.
 * @param to what {@link AUDIO} takes
 * @throws SoundNotPlayed
 */
export const giveSound = (to: string, recording: Recording): Promise<void> =>
  isFile(to) ? writeFile(to, writeWav(recording)) : playWav(to, writeWav(recording));

/** By ALSA's `aplay`, to one of its PCMs. */
async function playWav(output: string, wav: Uint8Array): Promise<void> {
  const player = spawn("aplay", ["-q", "-D", output, "-"], { stdio: ["pipe", "ignore", "pipe"] });
  let words = "";
  player.stderr.setEncoding("utf8").on("data", (text: string) => {
    words += text;
  });
  // The pipe breaks when aplay dies; its exit tells.
  player.stdin.on("error", () => {});
  player.stdin.end(wav);
  await new Promise<void>((resolve, reject) => {
    player.once("error", (cause) => reject(new SoundNotPlayed({ detail: "aplay is not installed", cause })));
    player.once("close", (status) => {
      if (status === 0) resolve();
      else reject(new SoundNotPlayed({ detail: words.trim().split("\n").at(-1) ?? `exit status ${status}` }));
    });
  });
}
