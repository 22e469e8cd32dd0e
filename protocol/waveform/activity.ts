const OCTAVES = 8;
/** About 12 ms. */
const BLOCK_SECONDS = 0.012;
/** How far back the quietest stretch is looked for. */
const MEMORY_SECONDS = 3;
const SMOOTHED = 3;
/** Blocks whose least is kept as one. */
const GROUP = 16;
/** Standard deviations by which noise never rises above its mean, and by which the least of many blocks lies below it. */
const RISE = 4.8;
const LEAST = 2.6;
/** Mean square of what 16-bit converters whisper to themselves. */
const SILENCE = (1.5 / 32_768) ** 2;

/** Largest over least mean of so many squares of noise: chi-square by Wilson and Hilferty's cubes. */
function riseOf(squares: number): number {
  const variance = 2 / (9 * squares);
  const most = 1 - variance + RISE * Math.sqrt(variance);
  const least = Math.max(0.1, 1 - variance - LEAST * Math.sqrt(variance));
  return (most / least) ** 3;
}

/**
 * Tells whether something is at the head: a rise over the quietest stretch of the last seconds in any octave, so that hum and
 * noise, however loud, are quiet. A pyramid of sums and differences, two operations a sample.
 */
export class Activity {
  /** Samples, a power of two. */
  readonly block: number;
  readonly #memory: number;
  readonly #energies: Float64Array;
  readonly #work: Float64Array;
  readonly #smooth = new Float64Array(OCTAVES);
  /** Least means of each {@link GROUP} of blocks, in a ring as well. */
  readonly #leastOf: Float64Array;
  readonly #least = new Float64Array(OCTAVES);
  #floorAt = -1;
  #count = 0;

  /** @param sampleRate Hz */
  constructor(sampleRate: number) {
    this.block = 2 ** Math.round(Math.log2(BLOCK_SECONDS * sampleRate));
    this.#memory = GROUP * Math.ceil((MEMORY_SECONDS * sampleRate) / this.block / GROUP);
    this.#energies = new Float64Array(this.#memory * OCTAVES);
    this.#work = new Float64Array(this.block);
    this.#leastOf = new Float64Array((this.#memory / GROUP) * OCTAVES).fill(Number.POSITIVE_INFINITY);
  }

  /** Takes the next block. @param from its first sample @param stride from one of its samples to the next */
  push(samples: Float32Array, from: number, stride: number): void {
    const work = this.#work;
    const row = (this.#count % this.#memory) * OCTAVES;
    let length = this.block;
    for (let n = 0, at = from; n < length; n++, at += stride) work[n] = samples[at] as number;
    for (let octave = 0; octave < OCTAVES; octave++) {
      length >>= 1;
      let energy = 0;
      for (let n = 0; n < length; n++) {
        const a = work[2 * n] as number;
        const b = work[2 * n + 1] as number;
        work[n] = 0.5 * (a + b);
        energy += (a - b) * (a - b);
      }
      this.#energies[row + octave] = length === 0 ? 0 : energy / (4 * length);
    }
    this.#count++;
    if (this.#count < SMOOTHED) return;
    const group = Math.floor(((this.#count - SMOOTHED) % this.#memory) / GROUP) * OCTAVES;
    if ((this.#count - SMOOTHED) % GROUP === 0) {
      this.#leastOf.fill(Number.POSITIVE_INFINITY, group, group + OCTAVES);
    }
    this.#average(0, this.#smooth);
    for (let octave = 0; octave < OCTAVES; octave++) {
      this.#leastOf[group + octave] = Math.min(this.#leastOf[group + octave] as number, this.#smooth[octave] as number);
    }
  }

  /** Is the block `back` blocks ago above the quietest stretch that is known by now? */
  isHot(back: number): boolean {
    if (back + SMOOTHED > Math.min(this.#count, this.#memory)) return false;
    const floor = this.#floor();
    this.#average(back, this.#smooth);
    let length = this.block;
    let total = 0;
    let hot = false;
    for (let octave = 0; octave < OCTAVES; octave++) {
      length >>= 1;
      if (length === 0) break;
      const energy = this.#smooth[octave] as number;
      total += energy;
      if (energy > (floor[octave] as number) * riseOf(length * SMOOTHED) + SILENCE / OCTAVES) hot = true;
    }
    return hot && total > SILENCE;
  }

  /** Is there less than a converter's own noise? */
  get isSilent(): boolean {
    this.#average(0, this.#smooth);
    return this.#smooth.reduce((sum, energy) => sum + energy, 0) <= SILENCE;
  }

  #average(back: number, into: Float64Array): void {
    into.fill(0);
    const blocks = Math.min(SMOOTHED, this.#count - back);
    for (let n = 0; n < blocks; n++) {
      const row = ((this.#count - 1 - back - n) % this.#memory) * OCTAVES;
      for (let octave = 0; octave < OCTAVES; octave++) {
        into[octave] = (into[octave] as number) + (this.#energies[row + octave] as number) / blocks;
      }
    }
  }

  #floor(): Float64Array {
    if (this.#floorAt === this.#count) return this.#least;
    this.#floorAt = this.#count;
    this.#least.fill(Number.POSITIVE_INFINITY);
    for (let at = 0; at < this.#leastOf.length; at++) {
      const octave = at % OCTAVES;
      this.#least[octave] = Math.min(this.#least[octave] as number, this.#leastOf[at] as number);
    }
    return this.#least;
  }
}
