import { spawn } from "node:child_process";
import { once } from "node:events";
import { Dice } from "@swipewire/simulator/waveform/dice";

const RATE = 44_100;
const SECONDS = 10;

/**
 * Plays white noise into a sink of PulseAudio.
 * @param level decibels of its power to full scale
 * @returns what ends it
 */
export function playNoise(sink: string, level: number): () => Promise<void> {
  const amplitude = 32_768 * 10 ** (level / 20);
  const dice = new Dice(1);
  const samples = Int16Array.from({ length: SECONDS * RATE }, () => Math.round(amplitude * dice.gauss()));
  const bytes = new Uint8Array(samples.buffer);
  const player = spawn("pacat", ["-p", "-d", sink, "--raw", "--format=s16le", `--rate=${RATE}`, "--channels=1"], {
    stdio: ["pipe", "ignore", "inherit"],
  });
  player.stdin.on("error", () => {});
  const feed = () => {
    while (player.stdin.write(bytes));
  };
  player.stdin.on("drain", feed);
  feed();
  return async () => {
    const gone = once(player, "exit");
    player.kill("SIGKILL");
    await gone;
  };
}
