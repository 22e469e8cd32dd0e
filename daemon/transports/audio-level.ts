import type { SwipewireError } from "@swipewire/protocol/failure";
import { AudioInputClipping, AudioInputSilent, AudioInputWeak } from "../errors.ts";

const BLOCK_SECONDS = 0.01;
/** A swipe is told of well within this. */
const BLOCKS = 1000;
const SILENT_SECONDS = 5;
const FULL_SCALE = 32_768;
/** A little below the top, where converters bend already. */
const TOP = 32_700;
/** Share of a swipe's samples at the top. Twice too loud is some 20 % of them. */
const CLIPPED = 0.01;
const FAR_CLIPPED = 0.2;
/** Decibels of a swipe's peak to full scale. */
const FAINT = -40;
const GOOD = -12;

/**
 * Judges the gain of a sound input by the swipes that it gives. Keeps how loud the last seconds were, and no samples. What
 * is wrong is told once, and again when it was well in between.
 */
export class InputLevel {
  readonly #name: string;
  readonly #tell: (failure: SwipewireError) => void;
  readonly #silentFrames: number;
  readonly #block: number;
  /** Of each block, in a ring: the highest magnitude, and how many frames are at the top. */
  readonly #peaks = new Uint16Array(BLOCKS);
  readonly #tops = new Uint16Array(BLOCKS);
  #frames = 0;
  #isSilent = true;
  #told: string | undefined;

  constructor(name: string, sampleRate: number, tell: (failure: SwipewireError) => void) {
    this.#name = name;
    this.#tell = tell;
    this.#block = Math.ceil(sampleRate * BLOCK_SECONDS);
    this.#silentFrames = sampleRate * SILENT_SECONDS;
  }

  /** @param samples interleaved, whole frames */
  push(samples: Int16Array, channels: number): void {
    for (let at = 0; at < samples.length; at += channels, this.#frames++) {
      const left = Math.abs(samples[at] as number);
      const loud = channels === 1 ? left : Math.max(left, Math.abs(samples[at + 1] as number));
      const row = Math.floor(this.#frames / this.#block) % BLOCKS;
      const isNew = this.#frames % this.#block === 0;
      this.#peaks[row] = isNew ? loud : Math.max(loud, this.#peaks[row] as number);
      this.#tops[row] = (isNew ? 0 : (this.#tops[row] as number)) + (loud >= TOP ? 1 : 0);
      if (loud > 0) this.#isSilent = false;
    }
    if (this.#isSilent && this.#frames >= this.#silentFrames) {
      this.#isSilent = false;
      this.#tell(new AudioInputSilent({ detail: this.#name }));
    }
  }

  /** Of a card that was drawn. @param start in frames since the first, as `end` */
  judge(start: number, end: number): void {
    const first = Math.max(Math.floor(start / this.#block), Math.ceil(this.#frames / this.#block) - BLOCKS, 0);
    let peak = 0;
    let top = 0;
    for (let block = first; block * this.#block < Math.min(end, this.#frames); block++) {
      peak = Math.max(peak, this.#peaks[block % BLOCKS] as number);
      top += this.#tops[block % BLOCKS] as number;
    }
    const share = top / Math.max(1, end - start);
    const level = Math.round(20 * Math.log10(peak / FULL_SCALE));
    const failure =
      share > CLIPPED
        ? new AudioInputClipping({ detail: `${this.#name}: lower it by ${share > FAR_CLIPPED ? 12 : 6} dB` })
        : level < FAINT
          ? new AudioInputWeak({ detail: `${this.#name}: raise it by ${GOOD - level} dB` })
          : undefined;
    if (failure && failure.code !== this.#told) this.#tell(failure);
    this.#told = failure?.code;
  }
}
