import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { SoundNotPlayed } from "../errors.ts";
import type { HeadLine } from "../script/play-head.ts";
import { giveSound, quietAround } from "./sound.ts";

const run = promisify(execFile);

/** A bare head's line into PulseAudio or PipeWire: a sink that comes and goes as a sound card does. It is heard at its monitor. */
export class PulseLine implements HeadLine {
  readonly sampleRate = 44_100;
  readonly lacks = [];
  readonly #sink: string;
  #module: string | undefined;

  /** @param sink which nobody has yet */
  constructor(sink: string) {
    this.#sink = sink;
  }

  /** @throws SoundNotPlayed */
  async play(samples: Float32Array): Promise<void> {
    const output = `pulse:${this.#sink}`;
    const { sampleRate } = this;
    const quiet = Math.round(quietAround(output).before * sampleRate);
    const whole = new Float32Array(quiet + samples.length);
    whole.set(samples, quiet);
    await giveSound(output, { sampleRate, channels: 1, samples: whole });
  }

  /** @throws SoundNotPlayed */
  async plug(): Promise<void> {
    if (this.#module !== undefined) return;
    if ((await pactl("list", "short", "sinks")).split("\n").some((line) => line.split("\t")[1] === this.#sink))
      throw new SoundNotPlayed({ detail: `there is a sink ${this.#sink} already` });
    const form = ["format=s16le", `rate=${this.sampleRate}`, "channels=1"];
    this.#module = await pactl("load-module", "module-null-sink", `sink_name=${this.#sink}`, ...form);
  }

  /** @throws SoundNotPlayed */
  async unplug(): Promise<void> {
    if (this.#module === undefined) return;
    const module = this.#module;
    this.#module = undefined;
    await pactl("unload-module", module);
  }
}

async function pactl(...args: readonly string[]): Promise<string> {
  try {
    const { stdout } = await run("pactl", args);
    return stdout.trim();
  } catch (cause) {
    const isMissing = (cause as NodeJS.ErrnoException).code === "ENOENT";
    throw new SoundNotPlayed({ detail: isMissing ? "pactl is not installed" : `pactl ${args[0]} failed`, cause });
  }
}
