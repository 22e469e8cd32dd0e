const OCTAVES = 8;
/** About 12 ms. */
const BLOCK_SECONDS = 0.012;
/** How far back the quietest stretch is looked for. */
const MEMORY_SECONDS = 3;
/** Blocks that are heard together. */
const SMOOTHED = 3;
/** Blocks whose least is kept as one. */
const GROUP = 16;
/** Squares whose mean tells the noise of an octave well enough, and blocks that are averaged for it at most. */
const TELLING = 192;
const LONGEST = 48;
/** Standard deviations by which noise never rises above its mean, and by which the least of many blocks lies below it. */
const RISE = 5.5;
const LEAST = 2.6;
/** No noise is so steady that a smaller rise than this would be something. */
const SMALLEST_RISE = 2;
/** The same for what is heard already, and blocks after which it is heard no more. */
const FALL = 3;
const SMALLEST_FALL = 1.5;
const FADING = 6;
/** Mean square of what 16-bit converters whisper to themselves. */
const SILENCE = (1.5 / 32_768) ** 2;

/** The mean of so many squares of noise, so many standard deviations off: chi-square by Wilson and Hilferty's cubes. */
function meanOf(squares: number, deviations: number): number {
  const variance = 2 / (9 * squares);
  return Math.max(0.1, 1 - variance + deviations * Math.sqrt(variance)) ** 3;
}

/** An octave of the pyramid. */
interface Octave {
  /** Samples of it in a block. */
  readonly length: number;
  /** Blocks that are averaged for its floor: of low octaves few squares come, whose least says little. */
  readonly averaged: number;
  /** How far it rises over its floor in noise at most: as the mean of {@link SMOOTHED} blocks, and in one. */
  readonly rise: number;
  readonly riseOfOne: number;
  /** What rose goes on until it is less than this over the floor: a card that slows down fades. */
  readonly fall: number;
}

function octavesOf(block: number): Octave[] {
  const octaves: Octave[] = [];
  for (let length = block; length > 1 && octaves.length < OCTAVES; length >>= 1) {
    // Of differences that share a sample each says two thirds.
    const squares = (2 * length) / 3;
    const averaged = Math.min(LONGEST, Math.max(SMOOTHED, Math.ceil(TELLING / squares)));
    const least = meanOf(squares * averaged, -LEAST);
    const rise = Math.max(SMALLEST_RISE, meanOf(squares * SMOOTHED, RISE) / least);
    const fall = Math.max(SMALLEST_FALL, meanOf(squares * SMOOTHED, FALL) / least);
    octaves.push({ length, averaged, rise, riseOfOne: meanOf(squares, RISE) / least, fall });
  }
  return octaves;
}

/**
 * Tells whether something is at the head: a rise over the quietest stretch of the last seconds in any octave, so that hum and
 * noise, however loud, are quiet. A pyramid of sums and differences, a few operations a sample.
 */
export class Activity {
  /** Samples, a power of two. */
  readonly block: number;
  readonly #octaves: readonly Octave[];
  readonly #memory: number;
  readonly #energies: Float64Array;
  readonly #work: Float64Array;
  readonly #before = new Float64Array(OCTAVES);
  /** Least means of each {@link GROUP} of blocks, in a ring as well. */
  readonly #leastOf: Float64Array;
  readonly #floor = new Float64Array(OCTAVES);
  #count = 0;
  #loudAt = 0;

  /** @param sampleRate Hz */
  constructor(sampleRate: number) {
    this.block = 2 ** Math.round(Math.log2(BLOCK_SECONDS * sampleRate));
    this.#octaves = octavesOf(this.block);
    this.#memory = GROUP * Math.ceil((MEMORY_SECONDS * sampleRate) / this.block / GROUP);
    this.#energies = new Float64Array(this.#memory * OCTAVES);
    this.#work = new Float64Array(this.block);
    this.#leastOf = new Float64Array((this.#memory / GROUP) * OCTAVES).fill(Number.POSITIVE_INFINITY);
    this.#floor.fill(Number.POSITIVE_INFINITY);
  }

  /** Takes the next block. @param from its first sample @param stride from one of its samples to the next */
  push(samples: Float32Array, from: number, stride: number): void {
    const work = this.#work;
    const row = (this.#count % this.#memory) * OCTAVES;
    for (let n = 0, at = from; n < this.block; n++, at += stride) work[n] = samples[at] as number;
    for (const [octave, { length }] of this.#octaves.entries()) {
      let energy = 0;
      let before = this.#before[octave] as number;
      for (let n = 0; n < length; n += 2) {
        const a = work[n] as number;
        const b = work[n + 1] as number;
        work[n >> 1] = 0.5 * (a + b);
        // Also across pairs: else a hum whose period is whole pairs would be as loud as its phase is.
        energy += (a - before) * (a - before) + (b - a) * (b - a);
        before = b;
      }
      this.#before[octave] = before;
      this.#energies[row + octave] = energy / (4 * length);
    }
    this.#count++;
    if (this.#count < SMOOTHED) return;
    const group = Math.floor(((this.#count - SMOOTHED) % this.#memory) / GROUP) * OCTAVES;
    if ((this.#count - SMOOTHED) % GROUP === 0) {
      this.#leastOf.fill(Number.POSITIVE_INFINITY, group, group + OCTAVES);
      this.#findFloor();
    }
    if (this.isHot(0) || (this.quietFor < FADING && this.#isAbove(0, SMOOTHED, true))) {
      if (this.#isAbove(0, 1)) this.#loudAt = this.#count;
      else if (this.quietFor >= SMOOTHED) this.#loudAt = this.#count - 1;
      // What is heard may hide noise, as a clipped swipe does: it says nothing of the quiet.
      return;
    }
    for (const [octave, { averaged }] of this.#octaves.entries()) {
      if (averaged > this.#count) continue;
      const mean = this.#mean(octave, 0, averaged);
      this.#leastOf[group + octave] = Math.min(this.#leastOf[group + octave] as number, mean);
      this.#floor[octave] = Math.min(this.#floor[octave] as number, mean);
    }
  }

  /** Is the block `back` blocks ago above the quietest stretch that is known by now? */
  isHot(back: number): boolean {
    return back + SMOOTHED <= Math.min(this.#count, this.#memory) && this.#isAbove(back, SMOOTHED);
  }

  /** Blocks since something was heard. */
  get quietFor(): number {
    return this.#count - this.#loudAt;
  }

  /** Is there less than a converter's own noise? */
  get isSilent(): boolean {
    return this.#total(0, SMOOTHED) <= SILENCE;
  }

  #isAbove(back: number, blocks: number, goesOn = false): boolean {
    return (
      this.#octaves.some(({ rise, riseOfOne, fall }, octave) => {
        const least = (this.#floor[octave] as number) * (goesOn ? fall : blocks === 1 ? riseOfOne : rise);
        return this.#mean(octave, back, blocks) > least + SILENCE / OCTAVES;
      }) && this.#total(back, blocks) > SILENCE
    );
  }

  #total(back: number, blocks: number): number {
    return this.#octaves.reduce((sum, _, octave) => sum + this.#mean(octave, back, blocks), 0);
  }

  #mean(octave: number, back: number, blocks: number): number {
    const count = Math.min(blocks, this.#count - back);
    let sum = 0;
    for (let n = 0; n < count; n++) {
      sum += this.#energies[((this.#count - 1 - back - n) % this.#memory) * OCTAVES + octave] as number;
    }
    return count > 0 ? sum / count : 0;
  }

  #findFloor(): void {
    this.#floor.fill(Number.POSITIVE_INFINITY);
    for (let at = 0; at < this.#leastOf.length; at++) {
      const octave = at % OCTAVES;
      this.#floor[octave] = Math.min(this.#floor[octave] as number, this.#leastOf[at] as number);
    }
  }
}
