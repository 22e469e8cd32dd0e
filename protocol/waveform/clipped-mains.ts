import { restoreHiddenPulses } from "./hidden-pulses.ts";
import { lineOf } from "./spectral-line.ts";

/** Harmonics that tell the frequency, and those that are fitted. */
const TELLING = [1, 3, 5] as const;
const HIGHEST = 21;
/** Of the range: in so many steps a rail is looked for, and no farther from its largest value; noise may lie on it. */
const STEPS = 1024;
const FARTHEST = 32;
/** A rail holds so many of the samples, and so many times as many as there are in as wide a band beside it. */
const CUT_SHARE = 0.003;
const CUT_TIMES = 4;
/** Hz: enough for the highest harmonic. */
const FITTED_RATE = 8000;
/** What low harmonics alone say where the rail hides the hum comes first. */
const FEW_HARMONICS = 3;
const FEW_FITS = 2;
const MOST_FITS = 10;
/** Fits after which weights are set anew, and the one after which the frequency is. */
const WEIGHED_FITS = 6;
const TUNED_FIT = 2;
const SHARES = [1, 0.6, 0.35, 0.2, 0.1, 0.05] as const;
/** Hum as one expects it, in units of the line's range: of each next harmonic a share of the one before. */
const EXPECTED = { offset: 0.2, harmonic: 0.5, next: 0.75 } as const;
/** Hum so close to a rail, as a share of the range, leaves no room for a pulse. */
const ROOM = 0.03;

/** Between which values a line can move; infinite where it does not clip. */
export interface Rails {
  readonly low: number;
  readonly high: number;
  /** From the least to the largest value. */
  readonly range: number;
}

/** What a rail did to a sample: 1 and -1 cut off a pulse that reached it, 2 and -2 stand where the hum alone reaches it. */
export type Cut = Int8Array;

/** The rails, if the line clips: where values crowd at the ends of its range. */
export function railsOf(signal: Float64Array): Rails | undefined {
  let least = Number.POSITIVE_INFINITY;
  let most = Number.NEGATIVE_INFINITY;
  for (const value of signal) {
    if (value < least) least = value;
    if (value > most) most = value;
  }
  const range = most - least;
  const counts = new Uint32Array(STEPS);
  for (const value of signal) {
    const step = Math.min(STEPS - 1, Math.floor(((value - least) / range) * STEPS));
    counts[step] = (counts[step] as number) + 1;
  }
  const below = depthOf(counts);
  const above = depthOf(counts.reverse());
  if (below === 0 && above === 0) return undefined;
  return {
    low: below === 0 ? Number.NEGATIVE_INFINITY : least + (below * range) / STEPS,
    high: above === 0 ? Number.POSITIVE_INFINITY : most - (above * range) / STEPS,
    range,
  };
}

/** How many steps from the first on are a rail's: noise reaches as far behind the fullest as before it. */
function depthOf(counts: Uint32Array): number {
  const ends = counts.subarray(0, FARTHEST);
  const depth = 2 * ends.indexOf(Math.max(...ends)) + 2;
  const sumOf = (from: number, to: number) => counts.subarray(from, to).reduce((sum, count) => sum + count, 0);
  const cut = sumOf(0, depth);
  const isRail = cut > CUT_SHARE * sumOf(0, STEPS) && cut > CUT_TIMES * sumOf(depth, 2 * depth);
  return isRail ? depth : 0;
}

/**
 * Takes mains hum off a line that clips, in place. A sample at a rail says no more than that the hum is there or beyond, and
 * is fitted as that: else the flat tops would be. Where the hum itself is beyond, zero is left and pulses of that polarity
 * cannot show; {@link restoreHiddenPulses} puts them back where the others leave no doubt.
 * @param sampleRate Hz
 * @param frequency of the hum, in Hz
 */
export function subtractClippedMains(signal: Float64Array, sampleRate: number, frequency: number, rails: Rails): void {
  const by = Math.max(1, Math.floor(sampleRate / FITTED_RATE));
  const few = Float64Array.from({ length: Math.floor(signal.length / by) }, (_, n) => signal[n * by] as number);
  const fit = fitHum(few, sampleRate / by, frequency, rails);
  few.fill(0);
  const hum = humOf(fit.parts, fit.frequency / sampleRate, signal.length);
  const cut = subtractHum(signal, hum, rails);
  restoreHiddenPulses(signal, cut, sampleRate);
}

function subtractHum(signal: Float64Array, hum: Float64Array, { low, high, range }: Rails): Cut {
  const cut = new Int8Array(signal.length);
  const room = ROOM * range;
  const railOf = (n: number) => ((signal[n] as number) >= high ? 1 : (signal[n] as number) <= low ? -1 : 0);
  for (let n = 0; n < signal.length; ) {
    const sign = railOf(n);
    if (sign === 0) {
      signal[n] = (signal[n] as number) - (hum[n] as number);
      n++;
      continue;
    }
    const from = n;
    let least = Number.POSITIVE_INFINITY;
    let most = 0;
    for (; n < signal.length && railOf(n) === sign; n++) {
      const left = sign * ((sign > 0 ? high : low) - (hum[n] as number));
      least = Math.min(least, left);
      most = Math.max(most, left);
    }
    // A flat top stays flat: its middle is where the pulse is.
    const isHum = least < room;
    signal.fill(isHum ? 0 : sign * most, from, n);
    cut.fill(isHum ? 2 * sign : sign, from, n);
  }
  return cut;
}

/** Offset, then cosine and sine of each harmonic. */
type Parts = Float64Array;

const orderOf = (part: number) => (part + 1) >> 1;

/** By least squares, in steps: which samples the hum drives to a rail is known only with the hum. */
function fitHum(
  signal: Float64Array,
  rate: number,
  nominal: number,
  { low, high, range }: Rails,
): { parts: Parts; frequency: number } {
  const harmonics = Math.min(HIGHEST, Math.ceil(rate / 2 / nominal) - 1);
  const doubts = Float64Array.from({ length: 2 * harmonics + 1 }, (_, part) => {
    const order = orderOf(part);
    if (order === 1) return 0;
    const expected = order === 0 ? EXPECTED.offset : EXPECTED.harmonic * EXPECTED.next ** (order - 1);
    return 1 / (expected * range) ** 2;
  });
  const block = Math.max(1, Math.round(rate / 50));
  const parts = new Float64Array(doubts.length);
  const weights = new Float64Array(signal.length).fill(1 / range ** 2);
  const active = new Float64Array(signal.length);
  let hum = new Float64Array(signal.length);
  let frequency = nominal;

  /** What a hum leaves unexplained of a sample: of one at a rail nothing if the hum is beyond. */
  const rest = (n: number, value: number) => {
    const sample = signal[n] as number;
    const off = sample - value;
    return sample >= high ? Math.max(0, off) : sample <= low ? Math.min(0, off) : off;
  };
  const costOf = (target: Parts, targetHum: Float64Array, share: number) => {
    const between = (a: number, b: number) => a + share * (b - a);
    let cost = 0;
    for (const [part, doubt] of doubts.entries()) {
      cost += doubt * between(parts[part] as number, target[part] as number) ** 2;
    }
    for (let n = 0; n < signal.length; n++) {
      cost += (weights[n] as number) * rest(n, between(hum[n] as number, targetHum[n] as number)) ** 2;
    }
    return cost;
  };
  const weigh = () => {
    const powers: number[] = [];
    for (let at = 0; at < signal.length; at += block) {
      const end = Math.min(signal.length, at + block);
      let power = 1e-8 * range ** 2;
      for (let n = at; n < end; n++) power += rest(n, hum[n] as number) ** 2 / (end - at);
      powers.push(power);
    }
    const quiet = Math.min(...powers);
    // The more so as pulses that reach out of a rail pull to one side.
    for (const [n, power] of powers.entries()) weights.fill(quiet / power ** 2, n * block, (n + 1) * block);
  };

  for (let fit = 0; fit < MOST_FITS; fit++) {
    for (let n = 0; n < signal.length; n++) {
      const sample = signal[n] as number;
      const isBeyond = fit === 0 ? sample >= high || sample <= low : rest(n, hum[n] as number) === 0;
      active[n] = isBeyond ? 0 : (weights[n] as number);
    }
    const used = doubts.subarray(0, 2 * (fit < FEW_FITS ? Math.min(FEW_HARMONICS, harmonics) : harmonics) + 1);
    const target = new Float64Array(doubts.length);
    target.set(solve(signal, active, frequency / rate, used));
    const targetHum = humOf(target, frequency / rate, signal.length);
    let share = 1;
    if (fit > 0) {
      share = 0;
      let least = costOf(target, targetHum, 0);
      for (const other of SHARES) {
        const cost = costOf(target, targetHum, other);
        if (cost < least) {
          least = cost;
          share = other;
        } else if (share > 0) break;
      }
    }
    for (const [part, value] of target.entries()) {
      parts[part] = (parts[part] as number) + share * (value - (parts[part] as number));
    }
    for (let n = 0; n < hum.length; n++) {
      hum[n] = (hum[n] as number) + share * ((targetHum[n] as number) - (hum[n] as number));
    }
    if (fit < WEIGHED_FITS) weigh();
    else if (share === 0) break;
    if (fit === TUNED_FIT) {
      frequency = tuned(signal, weights, rate, frequency);
      hum = humOf(parts, frequency / rate, signal.length);
    }
  }
  return { parts, frequency };
}

/** The frequency at which most is explained, near one; what clips has the frequency of what it was. */
function tuned(signal: Float64Array, weights: Float64Array, rate: number, near: number): number {
  const powerAt = (frequency: number) =>
    TELLING.reduce((sum, order) => sum + lineOf(signal, weights, (frequency * order) / rate).power, 0);
  let best = near;
  for (const step of [0.1, 0.05, 0.025]) {
    const [left, middle, right] = [best - step, best, best + step].map(powerAt) as [number, number, number];
    const bend = left - 2 * middle + right;
    const away = bend < 0 ? (0.5 * (left - right)) / bend : Math.sign(right - left);
    best += step * Math.max(-1, Math.min(1, away));
  }
  return best;
}

/** @param turns of the mains' frequency in a sample */
function humOf(parts: Parts, turns: number, length: number): Float64Array<ArrayBuffer> {
  const hum = new Float64Array(length);
  for (let n = 0; n < length; n++) {
    const stepCosine = Math.cos(2 * Math.PI * turns * n);
    const stepSine = Math.sin(2 * Math.PI * turns * n);
    let c = 1;
    let s = 0;
    let value = parts[0] as number;
    for (let part = 1; part < parts.length; part += 2) {
      const next = c * stepCosine - s * stepSine;
      s = s * stepCosine + c * stepSine;
      c = next;
      value += (parts[part] as number) * c + (parts[part + 1] as number) * s;
    }
    hum[n] = value;
  }
  return hum;
}

/**
 * Weighted least squares of all parts at once: gaps make harmonics alike.
 * @param doubts one over the variance that is expected of each part
 */
function solve(signal: Float64Array, weights: Float64Array, turns: number, doubts: Float64Array): Parts {
  const highest = orderOf(doubts.length - 1);
  // Products of two harmonics are sums of others, so that these sums make the whole matrix.
  const cosines = new Float64Array(2 * highest + 1);
  const sines = new Float64Array(2 * highest + 1);
  const right = new Float64Array(doubts.length);
  for (let n = 0; n < signal.length; n++) {
    const weight = weights[n] as number;
    if (weight === 0) continue;
    const weighted = weight * (signal[n] as number);
    const stepCosine = Math.cos(2 * Math.PI * turns * n);
    const stepSine = Math.sin(2 * Math.PI * turns * n);
    let c = 1;
    let s = 0;
    for (let order = 0; order <= 2 * highest; order++) {
      cosines[order] = (cosines[order] as number) + weight * c;
      sines[order] = (sines[order] as number) + weight * s;
      if (order <= highest) {
        const part = Math.max(0, 2 * order - 1);
        right[part] = (right[part] as number) + weighted * c;
        if (order > 0) right[part + 1] = (right[part + 1] as number) + weighted * s;
      }
      const next = c * stepCosine - s * stepSine;
      s = s * stepCosine + c * stepSine;
      c = next;
    }
  }
  const isSine = (part: number) => part > 0 && part % 2 === 0;
  const rows = Array.from(doubts, (doubt, i) =>
    Float64Array.from({ length: i + 1 }, (_, j) => {
      const sum = orderOf(i) + orderOf(j);
      const apart = Math.abs(orderOf(i) - orderOf(j));
      // Row i has the higher order, or the sine of the same.
      const product =
        isSine(i) === isSine(j)
          ? (cosines[apart] as number) + (isSine(i) ? -1 : 1) * (cosines[sum] as number)
          : (sines[sum] as number) + (isSine(i) ? 1 : -1) * (sines[apart] as number);
      return product / 2 + (i === j ? doubt : 0);
    }),
  );
  return byCholesky(rows, right);
}

/** Solves a symmetric system by the lower half of its matrix, which it overwrites with the result. */
function byCholesky(rows: readonly Float64Array[], right: Float64Array): Float64Array {
  const at = (i: number, j: number) => rows[i]?.[j] as number;
  for (const [i, row] of rows.entries()) {
    for (let j = 0; j <= i; j++) {
      let sum = row[j] as number;
      for (let k = 0; k < j; k++) sum -= (row[k] as number) * at(j, k);
      row[j] = j < i ? sum / at(j, j) : Math.sqrt(Math.max(sum, Number.MIN_VALUE));
    }
    let sum = right[i] as number;
    for (let k = 0; k < i; k++) sum -= (row[k] as number) * (right[k] as number);
    right[i] = sum / (row[i] as number);
  }
  for (let i = rows.length - 1; i >= 0; i--) {
    let sum = right[i] as number;
    for (let k = i + 1; k < rows.length; k++) sum -= at(k, i) * (right[k] as number);
    right[i] = sum / at(i, i);
  }
  return right;
}
