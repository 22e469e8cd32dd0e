import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readWav, writeWav } from "@swipewire/protocol/waveform/wav";
import { Dice } from "@swipewire/simulator/waveform/dice";
import { passLine, type SoundLine } from "@swipewire/simulator/waveform/sound-line";
import { randomPayload } from "./frame-trial.ts";

export const MINIMODEM_RATE = 48_000;

/** Debian's `minimodem`, sending into files and reading from them. */
export class Minimodem {
  readonly #folder = mkdtempSync(join(tmpdir(), "swipewire-minimodem-"));
  readonly #file = join(this.#folder, "signal.wav");

  static get isInstalled(): boolean {
    return spawnSync("minimodem", ["-V"]).status === 0;
  }

  /** Share of frames whose bytes are all among what it reads; noise as for ours. */
  tryFrames(baud: number, line: SoundLine, frames: number, seed: number): number {
    let right = 0;
    for (let n = 0; n < frames; n++) {
      const dice = new Dice(seed * 100_003 + n);
      const payload = randomPayload(dice);
      this.#run("--tx", baud, payload);
      const { samples: sent } = readWav(readFileSync(this.#file));
      const from = Math.round(dice.between(0.1, 0.11) * MINIMODEM_RATE);
      const signal = new Float64Array(from + sent.length + 0.1 * MINIMODEM_RATE);
      signal.set(sent, from);
      passLine(signal, from, from + sent.length, MINIMODEM_RATE, line, dice);
      if (this.read(baud, signal).includes(Buffer.from(payload))) right++;
    }
    return right / frames;
  }

  /** All bytes it reads from a signal. */
  read(baud: number, signal: Float64Array): Buffer {
    writeFileSync(
      this.#file,
      writeWav({ sampleRate: MINIMODEM_RATE, channels: 1, samples: Float32Array.from(signal) }),
    );
    return this.#run("--rx", baud);
  }

  #run(way: "--tx" | "--rx", baud: number, input = new Uint8Array(0)): Buffer {
    const args = [way, "--quiet", "--samplerate", `${MINIMODEM_RATE}`, "--file", this.#file, `${baud}`];
    return spawnSync("minimodem", args, { input }).stdout;
  }

  close(): void {
    rmSync(this.#folder, { recursive: true });
  }
}
