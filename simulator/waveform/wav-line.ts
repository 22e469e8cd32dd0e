import { writeFile } from "node:fs/promises";
import { type Clock, type Duration, type Instant, Seconds, type Timer } from "@swipewire/protocol/time";
import { writeWav } from "@swipewire/protocol/waveform/wav";
import type { HeadLine } from "../script/play-head.ts";

/** A bare head's line into a recording, which is its own clock: whoever waits, waits in the recording. */
export class WavLine implements HeadLine, Clock {
  readonly sampleRate = 44_100;
  /** A recording has no plug. */
  readonly lacks = ["plug", "unplug", "reset", "pulled"] as const;
  readonly #pieces: Float32Array[] = [];
  #length = 0;

  now(): Instant {
    return Seconds(this.#length / this.sampleRate);
  }

  after(delay: Duration, action: () => void): Timer {
    this.#add(new Float32Array(Math.round((delay / 1000) * this.sampleRate)));
    let cancelled = false;
    queueMicrotask(() => {
      if (!cancelled) action();
    });
    return {
      cancel: () => {
        cancelled = true;
      },
    };
  }

  async play(samples: Float32Array): Promise<void> {
    this.#add(samples);
  }

  async plug(): Promise<void> {}

  async unplug(): Promise<void> {}

  /** Of one channel. */
  get samples(): Float32Array {
    const whole = new Float32Array(this.#length);
    let at = 0;
    for (const piece of this.#pieces) {
      whole.set(piece, at);
      at += piece.length;
    }
    return whole;
  }

  async write(path: string): Promise<void> {
    await writeFile(path, writeWav({ sampleRate: this.sampleRate, channels: 1, samples: this.samples }));
  }

  #add(samples: Float32Array): void {
    this.#pieces.push(samples);
    this.#length += samples.length;
  }
}
