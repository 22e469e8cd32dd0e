import { ModemInput } from "../../errors.ts";
import { modulate } from "./modem-encoder.ts";
import type { ModemLine } from "./modem-line.ts";
import { encodeModemMessage, type HostMessage } from "./modem-message.ts";

/** Hz: above what the modem hears at up to 4800 Bd, and below half of 44.1 kHz. */
export const POWER_TONE = 18_000;
const POWER_LEVEL = 0.95;
/** Lowest sample rate at which a sound output gives the tone with its full strength. */
const POWER_RATE = 44_100;
/** On and off without a click. */
const RAMP_SECONDS = 0.01;
/** Quiet line ahead of each frame. */
const PAUSE_SECONDS = 0.01;

/** What is played, and how loud. */
export interface ModemOutputFormat extends ModemLine {
  /** Full scale is 1. */
  readonly level: number;
}

/**
 * What a stereo headphone output plays for a reader: power tone on the left, frames on the right. The samples are asked for
 * in pieces of any size, for as long as the output runs.
 */
export class ModemOutput {
  readonly #line: ModemLine;
  readonly #level: number;
  readonly #waiting: Float32Array[] = [];
  #sent = 0;
  #phase = 0;
  #loudness = 0;
  /** Whether the reader gets its power from the tone now. */
  #powered = false;

  constructor({ level, ...line }: ModemOutputFormat) {
    this.#line = line;
    this.#level = level;
  }

  /** @throws ModemInput when switched on at a rate too low for it */
  set powered(on: boolean) {
    const { sampleRate, baud } = this.#line;
    if (on && sampleRate < POWER_RATE) throw new ModemInput({ detail: `${sampleRate} Hz, ${baud} Bd, power tone` });
    this.#powered = on;
  }

  /** Is a frame waiting or being played? What a microphone hears meanwhile may be the frame itself. */
  get isSending(): boolean {
    return this.#waiting.length > 0;
  }

  /** To be played after what waits already. @throws ModemInput */
  send(message: HostMessage): void {
    const { messageKind, payload } = encodeModemMessage(message);
    this.#waiting.push(new Float32Array(Math.round(PAUSE_SECONDS * this.#line.sampleRate)));
    this.#waiting.push(modulate(messageKind, payload, this.#line));
  }

  /** The next samples, left and right in turn, full scale 1. @param frames pairs of them */
  take(frames: number): Float32Array {
    const samples = new Float32Array(2 * frames);
    const ramp = 1 / (RAMP_SECONDS * this.#line.sampleRate);
    const turn = (2 * Math.PI * POWER_TONE) / this.#line.sampleRate;
    for (let n = 0; n < frames; n++) {
      const loudness = this.#loudness + (this.#powered ? ramp : -ramp);
      this.#loudness = Math.max(0, Math.min(1, loudness));
      this.#phase = (this.#phase + turn) % (2 * Math.PI);
      samples[2 * n] = POWER_LEVEL * this.#loudness * Math.sin(this.#phase);
      const [playing] = this.#waiting;
      if (!playing) continue;
      samples[2 * n + 1] = this.#level * (playing[this.#sent++] ?? 0);
      if (this.#sent >= playing.length) {
        this.#waiting.shift();
        this.#sent = 0;
      }
    }
    return samples;
  }
}
