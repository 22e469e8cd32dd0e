import { quietPower } from "./quiet-power.ts";

/** Peaks of both polarities in what a filter lets through, in the order of their places. */
export interface Candidates {
  readonly count: number;
  /** In samples of the region, between samples too. */
  readonly places: Float64Array;
  /** Signed: their polarity is their sign. */
  readonly heights: Float64Array;
  /** Root mean square of what the filter makes of the noise beside the swipe. */
  readonly noise: number;
}

/** Samples that a filter's width should have, so that its peaks are placed well between them. */
const FINE = 6;
/** Reach of a filter on either side, in widths. */
const REACH = 2.5;
const PHASES = 16;

/**
 * A matched filter for the pulses of one width, minus a wide baseline: it takes off offset, drift and hum without the ringing
 * of a high-pass. Wide filters work on fewer samples, narrow ones between them.
 *
 * @param sums running sums of the signal, one longer than it
 * @param width of a pulse at half its height, in samples
 * @param baselineWidth in samples; 9 widths at least, since 5 make side lobes that read wrong
 */
export function matchPulses(
  signal: Float64Array,
  sums: Float64Array,
  width: number,
  baselineWidth: number,
): { values: Float64Array; step: number } {
  const length = signal.length;
  const finer = width >= 4 ? 1 : width >= 2 ? 2 : 4;
  const coarser = Math.max(1, Math.floor(width / FINE));
  const half = Math.max(2, Math.round(baselineWidth / 2));
  const baseline = (at: number) => {
    const low = Math.max(0, at - half);
    const high = Math.min(length, at + half + 1);
    return ((sums[high] as number) - (sums[low] as number)) / (high - low);
  };

  if (coarser > 1) {
    const count = Math.floor(length / coarser);
    const thinned = new Float64Array(count);
    for (let n = 0; n < count; n++) {
      thinned[n] = ((sums[(n + 1) * coarser] as number) - (sums[n * coarser] as number)) / coarser;
    }
    const taps = kernel(width / coarser, 0);
    const reach = (taps.length - 1) / 2;
    const values = new Float64Array(count);
    for (let n = 0; n < count; n++) {
      const from = Math.max(0, n - reach);
      const to = Math.min(count - 1, n + reach);
      let value = 0;
      for (let k = from, tap = from - n + reach; k <= to; k++, tap++)
        value += (thinned[k] as number) * (taps[tap] as number);
      values[n] = value - baseline(n * coarser + (coarser >> 1));
    }
    thinned.fill(0);
    return { values, step: coarser };
  }

  const values = new Float64Array(length * finer);
  for (let phase = 0; phase < finer; phase++) {
    const taps = kernel(width, phase / finer);
    const reach = (taps.length - 1) / 2;
    for (let n = 0; n < length; n++) {
      const from = Math.max(0, n - reach);
      const to = Math.min(length - 1, n + reach);
      let value = 0;
      for (let k = from, tap = from - n + reach; k <= to; k++, tap++)
        value += (signal[k] as number) * (taps[tap] as number);
      values[n * finer + phase] = value - baseline(n);
    }
  }
  return { values, step: 1 / finer };
}

/** A Lorentzian pulse through an ideal interpolator, at whole samples from a place `shift` behind one; its sum is 1. */
function kernel(width: number, shift: number): Float64Array {
  const reach = Math.max(4, Math.ceil(REACH * width));
  const taps = new Float64Array(2 * reach + 1);
  let sum = 0;
  for (let k = -reach; k <= reach; k++) {
    let tap = 0;
    if (width >= 4) {
      const u = (2 * (k - shift)) / width;
      tap = 1 / (1 + u * u);
    } else {
      for (let m = -4 * PHASES; m <= 4 * PHASES; m++) {
        const x = m / PHASES;
        const window = 0.5 + 0.5 * Math.cos((Math.PI * x) / 4.1);
        const sinc = m === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
        const u = (2 * (k - shift - x)) / width;
        tap += (window * sinc) / (1 + u * u);
      }
    }
    taps[k + reach] = tap;
    sum += tap;
  }
  for (let k = 0; k < taps.length; k++) taps[k] = (taps[k] as number) / sum;
  return taps;
}

/**
 * Every peak of what a filter let through; which of them are flux changes is for the search to say.
 * @param step samples from one value to the next, as {@link matchPulses} gives it
 * @param width of a pulse at half its height, in samples
 */
export function findPeaks(values: Float64Array, step: number, width: number): Candidates {
  let capacity = 1024;
  let places = new Float64Array(capacity);
  let heights = new Float64Array(capacity);
  let count = 0;
  const offset = step > 1 ? (step - 1) / 2 : 0;
  for (let n = 1; n < values.length - 1; n++) {
    const here = values[n] as number;
    const left = values[n - 1] as number;
    const right = values[n + 1] as number;
    if (here > 0 ? here >= left && here > right : here <= left && here < right) {
      if (count === capacity) {
        capacity *= 2;
        places = grown(places, capacity);
        heights = grown(heights, capacity);
      }
      const bend = left - 2 * here + right;
      const away = bend === 0 ? 0 : Math.max(-0.5, Math.min(0.5, (0.5 * (left - right)) / bend));
      places[count] = (n + away) * step + offset;
      heights[count++] = here - 0.25 * (left - right) * away;
    }
  }
  return { count, places, heights, noise: Math.sqrt(quietPower(values, Math.ceil((20 * width) / step), 0.1)) };
}

function grown(array: Float64Array<ArrayBuffer>, length: number): Float64Array<ArrayBuffer> {
  const longer = new Float64Array(length);
  longer.set(array);
  array.fill(0);
  return longer;
}
