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
/** What goes on is so much louder than the quiet before it ever was: a few seconds do not show all that it reaches. */
const QUIET_STRAYS = 1.2;
/** What fell by more than noise does, as a mean of so many blocks before so many that are not as loud, has ended. */
const FALLEN_FROM = 6;
const FALLEN_FOR = 4;
/** Of the spread that noise has over long, so much is in a group: the lower quartile of groups is below, and blocks overlap. */
const SPREAD_SEEN = 0.5;
/** Fewer groups may be those of a swipe; and groups after which they are looked at again. */
const FEWEST_GROUPS = 8;
const UNCHANGED = 4;
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

/** Of differences that share a sample each says two thirds. */
const squaresOf = (length: number) => (2 * length) / 3;

function octavesOf(block: number): Octave[] {
  const octaves: Octave[] = [];
  for (let length = block; length > 1 && octaves.length < OCTAVES; length >>= 1) {
    const squares = squaresOf(length);
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
  /** Least means of each {@link GROUP} of blocks, in a ring as well; the least of all. */
  readonly #leastOf: Float64Array;
  readonly #floor = new Float64Array(OCTAVES);
  /** The same of what the quiet reaches at most, as means of {@link SMOOTHED} blocks. */
  readonly #mostOf: Float64Array;
  readonly #most = new Float64Array(OCTAVES);
  /** The mean of the last {@link SMOOTHED} blocks, by octave; its sum over the group so far, and that of its squares. */
  readonly #newest = new Float64Array(OCTAVES);
  readonly #sums = new Float64Array(OCTAVES);
  readonly #squares = new Float64Array(OCTAVES);
  /** Of each octave the groups' means, and their variances as shares of the mean's square: in rings, one behind the other. */
  readonly #means: Float64Array;
  readonly #spreads: Float64Array;
  /** {@link Octave}'s, and what an unsteady quiet reaches, over the floor as well. */
  readonly #over: Readonly<Record<"rise" | "riseOfOne" | "fall", Float64Array>>;
  readonly #reach = {
    rise: new Float64Array(OCTAVES),
    riseOfOne: new Float64Array(OCTAVES),
    fall: new Float64Array(OCTAVES),
  };
  #count = 0;
  #loudAt = 0;

  /** @param sampleRate Hz */
  constructor(sampleRate: number) {
    this.block = 2 ** Math.round(Math.log2(BLOCK_SECONDS * sampleRate));
    this.#octaves = octavesOf(this.block);
    const over = (measure: "rise" | "riseOfOne" | "fall") =>
      Float64Array.from(this.#octaves, (octave) => octave[measure]);
    this.#over = { rise: over("rise"), riseOfOne: over("riseOfOne"), fall: over("fall") };
    this.#memory = GROUP * Math.ceil((MEMORY_SECONDS * sampleRate) / this.block / GROUP);
    this.#energies = new Float64Array(this.#memory * OCTAVES);
    this.#work = new Float64Array(this.block);
    this.#leastOf = new Float64Array((this.#memory / GROUP) * OCTAVES).fill(Number.POSITIVE_INFINITY);
    this.#floor.fill(Number.POSITIVE_INFINITY);
    this.#mostOf = new Float64Array(this.#leastOf.length);
    this.#means = new Float64Array(this.#leastOf.length);
    this.#spreads = new Float64Array(this.#leastOf.length);
  }

  /** Takes the next block. @param from its first sample @param stride from one of its samples to the next */
  push(samples: Float32Array, from: number, stride: number): void {
    const work = this.#work;
    const row = (this.#count % this.#memory) * OCTAVES;
    for (let n = 0, at = from; n < this.block; n++, at += stride) work[n] = samples[at] as number;
    for (const [octave, { length }] of this.#octaves.entries()) {
      let energy = 0;
      // A stream that begins with an offset, or in the midst of hum, does not begin with a jump.
      let before = this.#count === 0 ? (work[0] as number) : (this.#before[octave] as number);
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
      this.#mostOf.fill(0, group, group + OCTAVES);
      this.#findFloorAndMost();
      if (this.#count > SMOOTHED) this.#findReach();
    }
    for (let octave = 0; octave < this.#octaves.length; octave++) {
      const mean = this.#meanOf(octave, 0, SMOOTHED);
      this.#newest[octave] = mean;
      this.#sums[octave] = (this.#sums[octave] as number) + mean;
      this.#squares[octave] = (this.#squares[octave] as number) + mean * mean;
    }
    if (this.isHot(0) || (this.quietFor < FADING && this.#isAbove(0, SMOOTHED, true))) {
      if (this.#isAbove(0, 1)) this.#loudAt = this.#count;
      else if (this.quietFor >= SMOOTHED) this.#loudAt = this.#count - 1;
      // What is heard may hide noise, as a clipped swipe does: it says nothing of the quiet.
      return;
    }
    for (const [octave, { averaged }] of this.#octaves.entries()) {
      // Blocks of what was heard are not quiet, nor are those in which something may be about to begin.
      if (this.quietFor >= 2 * SMOOTHED) {
        const before = this.#meanOf(octave, SMOOTHED, SMOOTHED);
        this.#mostOf[group + octave] = Math.max(this.#mostOf[group + octave] as number, before);
        this.#most[octave] = Math.max(this.#most[octave] as number, before);
      }
      if (averaged > this.quietFor) continue;
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

  /**
   * Has something just ended, though it or something else may sound on? It fell in some octave, and rose in none as it does from
   * zeros to ones, whatever the quiet is.
   */
  get hasFallen(): boolean {
    const since = FALLEN_FOR + SMOOTHED - 1;
    if (this.#count < since + FALLEN_FROM) return false;
    let fell = false;
    for (const [octave, { rise, fall }] of this.#octaves.entries()) {
      const before = this.#meanOf(octave, since, FALLEN_FROM);
      let most = 0;
      for (let back = 0; back < FALLEN_FOR; back++) most = Math.max(most, this.#meanOf(octave, back, SMOOTHED));
      if (most > fall * before + SILENCE) return false;
      fell ||= before > rise * (most + SILENCE);
    }
    return fell;
  }

  /** Is there less than a converter's own noise? */
  get isSilent(): boolean {
    return this.level <= SILENCE;
  }

  /** How loud it is, without hum and offset: the mean square of differences, by octave. */
  get level(): number {
    return this.#total(0, SMOOTHED);
  }

  #isAbove(back: number, blocks: number, goesOn = false): boolean {
    if (this.#total(back, blocks) <= SILENCE) return false;
    const measure = goesOn ? "fall" : blocks === 1 ? "riseOfOne" : "rise";
    const over = this.#over[measure];
    const reach = this.#reach[measure];
    for (let octave = 0; octave < this.#octaves.length; octave++) {
      const floor = this.#floor[octave] as number;
      let most = floor * Math.max(over[octave] as number, reach[octave] as number);
      if (goesOn) most = Math.max(most, QUIET_STRAYS * (this.#most[octave] as number));
      if (this.#mean(octave, back, blocks) > most + SILENCE / OCTAVES) return true;
    }
    return false;
  }

  #total(back: number, blocks: number): number {
    let sum = 0;
    for (let octave = 0; octave < this.#octaves.length; octave++) sum += this.#mean(octave, back, blocks);
    return sum;
  }

  #mean(octave: number, back: number, blocks: number): number {
    const isNewest = back === 0 && blocks === SMOOTHED && this.#count >= SMOOTHED;
    return isNewest ? (this.#newest[octave] as number) : this.#meanOf(octave, back, blocks);
  }

  #meanOf(octave: number, back: number, blocks: number): number {
    const count = Math.min(blocks, this.#count - back);
    let sum = 0;
    for (let n = 0; n < count; n++) {
      sum += this.#energies[((this.#count - 1 - back - n) % this.#memory) * OCTAVES + octave] as number;
    }
    return count > 0 ? sum / count : 0;
  }

  #findFloorAndMost(): void {
    this.#floor.fill(Number.POSITIVE_INFINITY);
    this.#most.fill(0);
    for (let at = 0; at < this.#leastOf.length; at++) {
      const octave = at % OCTAVES;
      this.#most[octave] = Math.max(this.#most[octave] as number, this.#mostOf[at] as number);
      this.#floor[octave] = Math.min(this.#floor[octave] as number, this.#leastOf[at] as number);
    }
  }

  /**
   * Hum that clips is loud at its edges alone, which few squares of noise come of: how few, the spread of blocks tells. It
   * counts where most groups have it, since a swipe spreads those that it begins and ends in.
   */
  #findReach(): void {
    const groups = this.#memory / GROUP;
    const ended = (this.#count - SMOOTHED) / GROUP;
    const known = Math.min(ended, groups);
    for (let octave = 0; octave < this.#octaves.length; octave++) {
      const mean = (this.#sums[octave] as number) / GROUP;
      const square = (this.#squares[octave] as number) / GROUP;
      const ring = octave * groups;
      this.#means[ring + ((ended - 1) % groups)] = mean;
      this.#spreads[ring + ((ended - 1) % groups)] = mean > 0 ? square / (mean * mean) - 1 : 0;
    }
    this.#sums.fill(0);
    this.#squares.fill(0);
    if (ended < FEWEST_GROUPS || ended % UNCHANGED !== 0) return;
    const { rise, riseOfOne, fall } = this.#reach;
    for (const [octave, { length }] of this.#octaves.entries()) {
      const ring = octave * groups;
      const spread = this.#spreads.slice(ring, ring + known).sort()[known >> 2] as number;
      const squares = (2 * SPREAD_SEEN) / spread;
      const isSteady = !(squares < squaresOf(length) * SMOOTHED);
      const quietest = Math.min(...this.#means.subarray(ring, ring + known));
      const floor = this.#floor[octave] as number;
      const over = isSteady || floor === 0 ? 0 : quietest / floor;
      rise[octave] = over * meanOf(squares, RISE);
      riseOfOne[octave] = over * meanOf(squares / SMOOTHED, RISE);
      fall[octave] = over * meanOf(squares, FALL);
    }
  }
}
