import type { FluxRun } from "./flux-run.ts";

/** How a stripe and a hand stray from what is expected. */
export interface PulseSettings {
  /** Standard deviation of a flux change's place, as a share of a bit. */
  readonly jitter: number;
  /** How fast the clock follows the hand: share of what a bit is off that its end, and its length, is moved by. */
  readonly followPhase: number;
  readonly followLength: number;
  /** Standard deviation of a single bit's height, as a share of it: where the stripe is scratched. */
  readonly fading: number;
}

/** How the pulses of a swipe look. */
export interface PulseModel extends PulseSettings {
  /** PW50 as a share of a bit: it is the same along the whole swipe, whatever the speed. */
  readonly width: number;
  /** Variance of the noise in a sample. */
  readonly noise: number;
}

const SURVIVORS = 16;
/** Survivors that lie so far behind the best one do not catch up. */
const HOPELESS = 24;
/** Flux changes that still reach into the window of a bit. */
const HISTORY = 6;
/** The window of a bit begins so much of a bit before it, and ends as much before the next one. */
const AHEAD = 0.3;
/** The stripe never fades to less than this share. */
const FAINTEST = 0.08;
/** Bits before one whose fit tells how far the model holds there. */
const MISFIT_BITS = 4;
/** Samples that are looked at for one bit at most. */
const WINDOW = 256;
const FOLLOW_HEIGHT = 0.04;
/** Bits in a row whose pulses are lost in the noise: the card has left. */
const SILENT_BITS = 16;
/** Energy of a bit over the noise's variance that can be read at all. */
const AUDIBLE = 4;

/** What was read on from a place. */
export interface Followed {
  readonly run: FluxRun;
  /** As a logarithm, over that of noise alone. */
  readonly likelihood: number;
  /** Mean square of what the pulses leave of the signal, over the noise's variance. */
  readonly misfit: number;
}

/** What the survivors are, in columns. */
class Survivors {
  readonly at: Float64Array;
  readonly length: Float64Array;
  readonly height: Float64Array;
  readonly score: Float64Array;
  /** How far the nearest rival that would have gone on alike lay behind, at this bit. */
  readonly margin: Float64Array;
  /** Mean square of what the model leaves of the signal in this bit, over the noise's variance. */
  readonly misfit: Float64Array;
  readonly silent: Int32Array;
  readonly past: Float64Array;
  readonly bits: Int32Array;
  readonly parent: Int32Array;
  readonly middle: Float64Array;
  readonly edge: Float64Array;
  count = 0;

  constructor(capacity: number) {
    this.at = new Float64Array(capacity);
    this.length = new Float64Array(capacity);
    this.height = new Float64Array(capacity);
    this.score = new Float64Array(capacity);
    this.margin = new Float64Array(capacity);
    this.misfit = new Float64Array(capacity);
    this.silent = new Int32Array(capacity);
    this.past = new Float64Array(capacity * HISTORY);
    this.bits = new Int32Array(capacity);
    this.parent = new Int32Array(capacity);
    this.middle = new Float64Array(capacity);
    this.edge = new Float64Array(capacity);
  }

  wipe(): void {
    for (const column of [this.at, this.past, this.bits, this.middle, this.edge]) column.fill(0);
  }

  copy(from: Survivors, index: number, to: number): void {
    this.at[to] = from.at[index] as number;
    this.length[to] = from.length[index] as number;
    this.height[to] = from.height[index] as number;
    this.score[to] = from.score[index] as number;
    this.misfit[to] = from.misfit[index] as number;
    this.silent[to] = from.silent[index] as number;
    this.bits[to] = from.bits[index] as number;
    this.parent[to] = from.parent[index] as number;
    this.middle[to] = from.middle[index] as number;
    this.edge[to] = from.edge[index] as number;
    this.past.set(from.past.subarray(index * HISTORY, (index + 1) * HISTORY), to * HISTORY);
  }
}

/**
 * Reads on from a flux change among clocking zeros, comparing the signal with what each next bit would add to it: the sum of
 * the Lorentzian pulses around. Where pulses overlap and noise moves their peaks this tells bits apart that peaks do not.
 * Survivors carry their own clock, height and past; the likeliest wins.
 *
 * @param first length of a bit there, in samples
 * @param start of a bit, in samples
 * @param height of the pulse there, signed
 */
export function followPulses(
  signal: Float64Array,
  first: number,
  start: number,
  height: number,
  { width, noise, jitter, followPhase, followLength, fading }: PulseModel,
): Followed {
  const now = new Survivors(SURVIVORS);
  const next = new Survivors(2 * SURVIVORS);
  const order: number[] = [];
  const parents: Int32Array[] = [];
  const bits: Uint8Array[] = [];
  const edges: Float64Array[] = [];
  const middles: Float64Array[] = [];
  const margins: Float64Array[] = [];
  const misfits: Float64Array[] = [];
  const known = new Float64Array(WINDOW);
  const knownSlope = new Float64Array(WINDOW);
  let from = 0;
  let to = 0;

  now.count = 1;
  now.at[0] = start;
  now.length[0] = first;
  now.height[0] = height;
  for (let k = 0; k < HISTORY; k++) now.past[k] = start - k * first;

  for (;;) {
    next.count = 0;
    for (let s = 0; s < now.count; s++) {
      const at = now.at[s] as number;
      const bit = now.length[s] as number;
      if (!(at + 1.5 * bit < signal.length)) continue;
      sumKnown(s, at, bit);
      for (let one = 0; one < 2; one++) {
        const child = next.count++;
        next.copy(now, s, child);
        extend(child, s, at, bit, one);
      }
    }
    if (next.count === 0) break;
    choose();
    parents.push(now.parent.slice(0, now.count));
    bits.push(Uint8Array.from(now.bits.subarray(0, now.count), (last) => last & 1));
    edges.push(now.edge.slice(0, now.count));
    middles.push(now.middle.slice(0, now.count));
    margins.push(now.margin.slice(0, now.count));
    misfits.push(now.misfit.slice(0, now.count));
    if ((now.silent[0] as number) >= SILENT_BITS) break;
  }

  /** What the known pulses of a survivor give in the window of its next bit, whatever that will be. */
  function sumKnown(parent: number, at: number, length: number): void {
    from = Math.max(0, Math.ceil(at - AHEAD * length));
    to = Math.min(signal.length, Math.ceil(at + (1 - AHEAD) * length), from + WINDOW);
    const amplitude = now.height[parent] as number;
    const scale = 2 / (width * length);
    // The newest known flux change has the sign of the height, those before it alternate.
    for (let n = from; n < to; n++) {
      const u = (n - (now.past[parent * HISTORY] as number)) * scale;
      const inverse = 1 / (1 + u * u);
      let sum = inverse;
      for (let k = 1, sign = -1; k < HISTORY; k++, sign = -sign) {
        const v = (n - (now.past[parent * HISTORY + k] as number)) * scale;
        sum += sign / (1 + v * v);
      }
      known[n - from] = amplitude * sum;
      // What moving the newest one later would add.
      knownSlope[n - from] = amplitude * scale * 2 * u * inverse * inverse;
    }
  }

  function extend(child: number, parent: number, at: number, length: number, one: number): void {
    const amplitude = now.height[parent] as number;
    const scale = 2 / (width * length);
    const sign = one === 1 ? 1 : -1;
    const middleAt = at + length / 2;
    const end = at + length;
    let ym = 0;
    let mm = 0;
    let rd = 0;
    let dd = 0;
    let re = 0;
    let ee = 0;
    let rm = 0;
    let rr = 0;
    let mid = 0;
    let midSquares = 0;
    for (let n = from; n < to; n++) {
      const u = (n - end) * scale;
      const inverse = 1 / (1 + u * u);
      const v = u - 0.5 * length * scale;
      const w = v - 0.5 * length * scale;
      // What follows is a 0 or a 1: half of either.
      const pulses = inverse - 0.5 / (1 + v * v) - 0.25 / (1 + w * w);
      let model = (known[n - from] as number) + sign * amplitude * pulses;
      const own = knownSlope[n - from] as number;
      let slope = own + sign * amplitude * scale * 2 * u * inverse * inverse;
      let middle = 0;
      if (one === 1) {
        const x = (n - middleAt) * scale;
        const about = 1 / (1 + x * x);
        model -= amplitude * about;
        middle = -amplitude * scale * 2 * x * about * about;
        slope += middle;
      }
      const value = signal[n] as number;
      const rest = value - model;
      ym += value * model;
      mm += model * model;
      rm += rest * model;
      rr += rest * rest;
      rd += rest * slope;
      dd += slope * slope;
      re += rest * own;
      ee += own * own;
      mid += rest * middle;
      midSquares += middle * middle;
    }
    // A flux change may lie off its place: what that would explain, and how seldom it is.
    const loose = noise / (jitter * length) ** 2;
    let faded = 1;
    let gain = (ym - mm / 2) / noise;
    if (fading > 0) {
      const stiff = noise / (fading * fading);
      faded = Math.max(FAINTEST, Math.min(1.2, (ym + stiff) / (mm + stiff)));
      gain = (faded * ym - (faded * faded * mm) / 2 - (stiff * (faded - 1) ** 2) / 2) / noise;
    }
    gain += (re * re) / (2 * noise * (ee + loose)) - 0.5 * Math.log(1 + ee / loose);
    const shift = re / (ee + loose);
    next.past[child * HISTORY] = at + shift;
    if (one === 1) gain += (mid * mid) / (2 * noise * (midSquares + loose)) - 0.5 * Math.log(1 + midSquares / loose);
    next.score[child] = (now.score[parent] as number) + gain;
    // Of the signal less the faded model.
    const left = rr + 2 * (1 - faded) * rm + (1 - faded) ** 2 * mm;
    next.misfit[child] = to > from ? left / (noise * (to - from)) : 1;
    next.silent[child] = mm < AUDIBLE * noise ? (now.silent[parent] as number) + 1 : 0;

    // The phase follows what all pulses of the window say together.
    const off = dd > 0 ? rd / dd : 0;
    const bounded = Math.max(-0.2 * length, Math.min(0.2 * length, off));
    const moved = at + length + followPhase * bounded;
    next.at[child] = moved;
    next.length[child] = Math.max(0.1 * first, Math.min(10 * first, length + followLength * bounded));
    const grown = amplitude * (1 + FOLLOW_HEIGHT * Math.max(-1, Math.min(1, mm > 0 ? rm / mm : 0)));
    next.height[child] = grown * sign;
    const past = next.past;
    const base = child * HISTORY;
    for (let k = HISTORY - 1; k > one; k--) past[base + k] = past[base + k - 1 - one] as number;
    if (one === 1) {
      const midShift = mid / (midSquares + loose);
      past[base + 1] = middleAt + midShift;
      next.middle[child] =
        middleAt + (midSquares > 0 ? Math.max(-length / 4, Math.min(length / 4, mid / midSquares)) : 0);
    } else {
      next.middle[child] = Number.NaN;
    }
    past[base] = moved;
    // Where the signal alone would put it, for what is said of the timing.
    next.edge[child] = at + (ee > 0 ? Math.max(-length / 4, Math.min(length / 4, re / ee)) : 0);
    next.bits[child] = ((now.bits[parent] as number) << 1) | one;
    next.parent[child] = parent;
  }

  /** Keeps the best of what would go on alike, and of those the best. */
  function choose(): void {
    order.length = 0;
    for (let s = 0; s < next.count; s++) order.push(s);
    order.sort((a, b) => (next.score[b] as number) - (next.score[a] as number));
    const best = next.score[order[0] as number] as number;
    now.count = 0;
    for (const s of order) {
      if ((next.score[s] as number) < best - HOPELESS || now.count === SURVIVORS) break;
      let known = -1;
      for (let k = 0; k < now.count && known < 0; k++) {
        const alike =
          ((now.bits[k] as number) & 7) === ((next.bits[s] as number) & 7) &&
          (now.height[k] as number) > 0 === (next.height[s] as number) > 0 &&
          Math.abs((now.at[k] as number) - (next.at[s] as number)) < 0.25 * (now.length[k] as number);
        if (alike) known = k;
      }
      if (known >= 0) {
        // Survivors come in order of their scores, so that the first rival is the nearest.
        now.margin[known] = Math.min(
          now.margin[known] as number,
          (now.score[known] as number) - (next.score[s] as number),
        );
        continue;
      }
      now.copy(next, s, now.count);
      now.margin[now.count++] = HOPELESS;
    }
  }

  const count = bits.length;
  const run = {
    bits: new Uint8Array(count),
    edges: new Float64Array(count + 1),
    middles: new Float64Array(count),
    margins: new Float64Array(count),
  };
  const misfit = new Float64Array(count);
  run.edges[count] = now.at[0] as number;
  for (let step = count - 1, s = 0; step >= 0; step--) {
    run.bits[step] = bits[step]?.[s] as number;
    run.edges[step] = edges[step]?.[s] as number;
    run.middles[step] = middles[step]?.[s] as number;
    run.margins[step] = margins[step]?.[s] as number;
    misfit[step] = misfits[step]?.[s] as number;
    s = parents[step]?.[s] as number;
  }
  // Where the signal is not as the model says, what it says of the bits counts for less.
  for (let step = 0; step < count; step++) {
    const around = misfit.subarray(Math.max(0, step - MISFIT_BITS), step + 2);
    const mean = around.reduce((sum, value) => sum + value, 0) / around.length;
    run.margins[step] = (run.margins[step] as number) / Math.max(1, mean);
  }
  for (const columns of [bits, edges, middles]) for (const column of columns) column.fill(0);
  const likelihood = now.score[0] as number;
  for (const survivors of [now, next]) survivors.wipe();
  return { run, likelihood, misfit: count === 0 ? 1 : misfit.reduce((sum, value) => sum + value, 0) / count };
}
