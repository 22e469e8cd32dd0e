import { type FluxRun, timingResidual, wipeRun } from "./flux-run.ts";
import { type Followed, followPulses, type PulseSettings } from "./follow-pulses.ts";
import { quietPower } from "./quiet-power.ts";

/** A stretch of clocking zeros that some filter found: its places and the length of a bit set the clock. */
export interface Seed {
  /** A flux change about its middle, in samples of the region. */
  readonly at: number;
  readonly length: number;
  readonly worth: number;
}

const FEWEST_ZEROS = 8;
const MOST_SEEDS = 2;
/** Pulse widths as a share of a bit. Neighbours read the same signal, so that they are votes for one another. */
const WIDTHS = [0.13, 0.16, 0.2, 0.25, 0.31, 0.38, 0.46, 0.56, 0.68, 0.82, 0.98, 1.16, 1.36, 1.6, 1.9];
const MOST_WIDTHS = 5;
/** Samples that say all there is: of a pulse at half its height, and of a bit at least. */
const SAMPLES_OF_PULSE = 3;
const SAMPLES_OF_BIT = 6;
/** A good stripe and a steady hand; a worn stripe; a hand that jerks. */
const MOVES: readonly PulseSettings[] = [
  { jitter: 0.03, followPhase: 0.22, followLength: 0.02, followTrend: 0.0003, fading: 0.1 },
  { jitter: 0.06, followPhase: 0.35, followLength: 0.05, followTrend: 0.0012, fading: 0.15 },
  { jitter: 0.06, followPhase: 0.5, followLength: 0.12, followTrend: 0.006, fading: 0.15 },
];
/**
 * What the model does not know of pulses, as a share of the height they have around a sample, which counts as
 * {@link LEAST_AROUND} at least; where a bit has so many samples, since more of them do not know more.
 */
const FLAW = 0.16;
const FLAW_SAMPLES = 12;
const LEAST_AROUND = 0.15;
const BASELINE_BITS = 12;
/** Of a swipe with the quiet around it, so much is noise alone. */
const QUIET_SHARE = 0.125;

/** Long even stretches of zeros in a run. */
export function seedsOf(run: FluxRun): Seed[] {
  const seeds: Seed[] = [];
  const { bits, edges } = run;
  for (let n = 0, zeros = 0; n <= bits.length; n++) {
    if (n < bits.length && bits[n] === 0) {
      zeros++;
      continue;
    }
    if (zeros >= FEWEST_ZEROS) {
      const residual = timingResidual(run, n - zeros, n);
      const middle = n - (zeros >> 1);
      const reach = Math.min(6, zeros >> 1);
      seeds.push({
        at: edges[middle] as number,
        length: ((edges[middle + reach] as number) - (edges[middle - reach] as number)) / (2 * reach),
        worth: zeros / (residual * residual + 0.0004),
      });
    }
    zeros = 0;
  }
  return seeds;
}

/** Reads on from the best stretches of zeros to both sides, as {@link followPulses} does, for pulses of several widths. */
export class LikelihoodReader {
  readonly #signal: Float64Array;
  readonly #sums: Float64Array;
  readonly #stretch: number;
  readonly #vote: (voter: string, runs: readonly FluxRun[]) => void;
  readonly #believed: () => boolean;
  readonly #covered: { from: number; to: number }[] = [];
  #left: number;

  /** @param effort as {@link left}: when it is used up nothing more is begun */
  constructor(
    signal: Float64Array,
    sums: Float64Array,
    sampleRate: number,
    vote: (voter: string, runs: readonly FluxRun[]) => void,
    believed: () => boolean,
    effort: number,
  ) {
    this.#signal = signal;
    this.#sums = sums;
    this.#stretch = 0.01 * sampleRate;
    this.#vote = vote;
    this.#believed = believed;
    this.#left = effort;
  }

  /** Reads on from each seed, the worthiest first, until the tracks are believed or enough was tried. */
  read(seeds: readonly Seed[]): void {
    for (const seed of seeds.toSorted((a, b) => b.worth - a.worth)) {
      if (this.#covered.length >= MOST_SEEDS || this.#isOver()) return;
      if (this.#covered.some(({ from, to }) => seed.at >= from && seed.at < to)) continue;
      const covered = { from: seed.at, to: seed.at };
      const seen = new SeenFrom(this.#signal, this.#sums, this.#stretch, seed);
      for (const move of MOVES) {
        if (!this.#isOver()) this.#readFrom(seen, move, covered);
      }
      seen.wipe();
      this.#covered.push(covered);
    }
  }

  /** How many more samples may be compared, as {@link Followed.compared} counts them. */
  get left(): number {
    return this.#left;
  }

  #isOver(): boolean {
    return this.#left <= 0 || this.#believed();
  }

  #readFrom(seen: SeenFrom, move: PulseSettings, covered: { from: number; to: number }): void {
    const likelihoods = new Map<number, number>();
    for (let index = seen.likeliest, best = index; likelihoods.size < MOST_WIDTHS && !this.#isOver(); ) {
      const width = WIDTHS[index] as number;
      const { onward, back, height, by, length, place } = seen.by(index);
      if (height === 0) break;
      const model = { width, ...move };
      const last = onward.values.length - 1;
      const after = followPulses(onward.values, length, place, height, onward.weights, model);
      const before = followPulses(back.values, length, last - place, height, back.weights, model);
      const run = join(before.run, after.run, last, by);
      wipeRun(after.run);
      wipeRun(before.run);
      covered.from = Math.min(covered.from, run.edges[0] as number);
      covered.to = Math.max(covered.to, run.edges[run.bits.length] as number);
      this.#left -= after.compared + before.compared;
      this.#vote(`pulses ${width}`, [run]);
      likelihoods.set(index, after.likelihood + before.likelihood);
      // Onward from the likeliest width to the one beside it that was not tried.
      if ((likelihoods.get(index) as number) > (likelihoods.get(best) as number)) best = index;
      const next = [best + 1, best - 1].find((other) => other in WIDTHS && !likelihoods.has(other));
      if (next === undefined) break;
      index = next;
    }
  }
}

/** A signal as it is compared with pulses, in the order of time or against it. */
interface Seen {
  readonly values: Float64Array;
  /** One over the variance of what no pulse explains. */
  readonly weights: Float64Array;
}

/** The signal as one seed lets it be seen: for pulses of each width in as few samples as tell them from one another. */
class SeenFrom {
  /** Index of the width that explains most of the seed's zeros. */
  readonly likeliest: number;
  readonly #signal: Float64Array;
  readonly #sums: Float64Array;
  readonly #stretch: number;
  readonly #seed: Seed;
  readonly #heights: readonly number[];
  readonly #known = new Map<number, ReturnType<SeenFrom["by"]>>();

  constructor(signal: Float64Array, sums: Float64Array, stretch: number, seed: Seed) {
    this.#signal = signal;
    this.#sums = sums;
    this.#stretch = stretch;
    this.#seed = seed;
    const { values, place, length } = this.#thin(WIDTHS[0] as number);
    const fits = WIDTHS.map((width) => heightOf(values, place, length, width));
    values.fill(0);
    this.#heights = fits.map(({ height }) => height);
    this.likeliest = fits.reduce((best, { worth }, index) => (worth > (fits[best]?.worth ?? 0) ? index : best), 0);
  }

  /** For the width of an index: its samples, one of `by` of the signal's; the seed's place, and its bit's length, in them. */
  by(index: number): {
    onward: Seen;
    back: Seen;
    height: number;
    by: number;
    place: number;
    length: number;
  } {
    const known = this.#known.get(index);
    if (known) return known;
    const width = WIDTHS[index] as number;
    const height = this.#heights[index] as number;
    const { values, by, place, length } = this.#thin(width);
    const quiet = noiseOf(values, length, width, Math.max(16, Math.round(this.#stretch / by)));
    const weights = weightsOf(values, quiet, Math.abs(height), width, length);
    const back = { values: values.toReversed(), weights: weights.toReversed() };
    const seen = { onward: { values, weights }, back, height, by, place, length };
    this.#known.set(index, seen);
    return seen;
  }

  wipe(): void {
    for (const { onward, back } of this.#known.values()) for (const { values } of [onward, back]) values.fill(0);
  }

  #thin(width: number) {
    const { at, length: bit } = this.#seed;
    const by = Math.max(1, Math.floor(Math.min((bit * width) / SAMPLES_OF_PULSE, bit / SAMPLES_OF_BIT)));
    const values = thinned(this.#signal, this.#sums, by, BASELINE_BITS * bit);
    return { values, by, place: (at - (by - 1) / 2) / by, length: bit / by };
  }
}

/** One sample of `by`, less the mean around it. */
function thinned(signal: Float64Array, sums: Float64Array, by: number, baseline: number): Float64Array {
  const half = Math.round(baseline / 2);
  const few = new Float64Array(Math.floor(signal.length / by));
  for (let n = 0; n < few.length; n++) {
    const low = Math.max(0, n * by - half);
    const high = Math.min(signal.length, n * by + half + 1);
    const mean = ((sums[high] as number) - (sums[low] as number)) / (high - low);
    few[n] = ((sums[(n + 1) * by] as number) - (sums[n * by] as number)) / by - mean;
  }
  return few;
}

/**
 * Power of the noise for each sample, as it counts for telling a 1 from a 0: noise that holds on from one sample to the next
 * counts for more than its power where it looks like a pulse.
 */
function noiseOf(values: Float64Array, length: number, width: number, stretch: number): number {
  const reach = Math.ceil(1.5 * length);
  const pulse = (away: number) => 1 / (1 + ((2 * away) / (width * length)) ** 2);
  const taps = Float64Array.from({ length: 2 * reach + 1 }, (_, n) => {
    const away = n - reach;
    return pulse(away) - 0.5 * pulse(away - length / 2) - 0.5 * pulse(away + length / 2);
  });
  const seen = new Float64Array(Math.max(0, values.length - 2 * reach));
  for (let n = 0; n < seen.length; n++) {
    let sum = 0;
    for (let k = 0; k < taps.length; k++) sum += (values[n + k] as number) * (taps[k] as number);
    seen[n] = sum;
  }
  const white = quietPower(values, stretch, QUIET_SHARE);
  const alike = quietPower(seen, stretch, QUIET_SHARE) / taps.reduce((sum, tap) => sum + tap * tap, 0);
  seen.fill(0);
  return Math.max(white, alike);
}

/**
 * One over the variance of what the model leaves unexplained: noise, or a share of what the pulses around a sample reach, so
 * that little pulses in a worn place tell as much as high ones elsewhere.
 */
function weightsOf(values: Float64Array, quiet: number, height: number, width: number, length: number): Float64Array {
  // What pulses that overlap most, those of ones, leave of one another: the sum of all, in closed form.
  const least = (Math.PI * width) / Math.sinh(Math.PI * width);
  const weights = new Float64Array(values.length);
  const keep = Math.exp(-1 / length);
  let level = 0;
  for (let n = 0; n < values.length; n++) {
    level = Math.max(level * keep, Math.abs(values[n] as number));
    weights[n] = level;
  }
  level = 0;
  for (let n = values.length - 1; n >= 0; n--) {
    level = Math.max(level * keep, Math.abs(values[n] as number));
    const around = Math.max(LEAST_AROUND * height, Math.min(height, Math.max(level, weights[n] as number) / least));
    weights[n] = 1 / Math.max(quiet, ((FLAW * around) ** 2 * length) / FLAW_SAMPLES);
  }
  return weights;
}

/** Height of the pulses in clocking zeros around a place, signed as the one at it, and how much of the signal they explain. */
function heightOf(values: Float64Array, place: number, length: number, width: number) {
  let along = 0;
  let squares = 0;
  const from = Math.max(0, Math.round(place - 4 * length));
  const to = Math.min(values.length, Math.round(place + 4 * length));
  for (let n = from; n < to; n++) {
    let model = 0;
    for (let k = -6; k <= 6; k++) {
      const u = (2 * (n - place - k * length)) / (width * length);
      model += (k % 2 === 0 ? 1 : -1) / (1 + u * u);
    }
    along += (values[n] as number) * model;
    squares += model * model;
  }
  return squares > 0 ? { height: along / squares, worth: (along * along) / squares } : { height: 0, worth: 0 };
}

/** One run of what was read backward and forward from a place, in samples of the region. */
function join(back: FluxRun, onward: FluxRun, last: number, by: number): FluxRun {
  const offset = (by - 1) / 2;
  const place = (at: number) => at * by + offset;
  const turned = (values: Float64Array) => Array.from(values, (at) => place(last - at)).reverse();
  return {
    bits: Uint8Array.from([...Array.from(back.bits).reverse(), ...onward.bits]),
    edges: Float64Array.from([...turned(back.edges.subarray(1)), ...Array.from(onward.edges, place)]),
    middles: Float64Array.from([...turned(back.middles), ...Array.from(onward.middles, place)]),
    strengths: Float64Array.from([...Array.from(back.strengths ?? []).reverse(), ...(onward.strengths ?? [])]),
    turn: back.bits.length,
    margins: Float64Array.from([...Array.from(back.margins ?? []).reverse(), ...(onward.margins ?? [])]),
    rivals: Int32Array.from([...Array.from(back.rivals ?? []).reverse(), ...(onward.rivals ?? [])]),
  };
}
