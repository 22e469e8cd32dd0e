import type { FluxRun } from "./flux-run.ts";

/** A turn of the signal counts as a peak when it comes back by this share of the swings before it. */
const TURN = 0.35;
/** Zeros that set the clock. */
const SETTING = 6;

/**
 * Every peak, by turning points alone: a few nanoseconds a sample. On a flat top, as clipping makes it, its middle counts.
 * @param signal may have an offset or slow hum as long as each peak still turns
 * @param largest its largest value, either way up
 * @returns places of peaks in samples, alternately up and down
 */
export function turningPoints(signal: Float64Array, largest: number): Float64Array {
  let places = new Float64Array(1024);
  let count = 0;
  let swing = largest * 0.3;
  let threshold = TURN * swing;
  let rising = true;
  let extreme = signal[0] ?? 0;
  let first = 0;
  let last = 0;
  let before = extreme;
  for (let n = 1; n < signal.length; n++) {
    const value = signal[n] as number;
    const onward = rising ? value - extreme : extreme - value;
    if (onward > 0) {
      extreme = value;
      first = n;
      last = n;
    } else if (onward === 0) {
      last = n;
    } else if (-onward > threshold) {
      if (count === places.length) {
        const longer = new Float64Array(2 * count);
        longer.set(places);
        places.fill(0);
        places = longer;
      }
      places[count++] = first === last ? vertex(signal, first) : (first + last) / 2;
      swing += 0.3 * (Math.min(Math.abs(extreme - before), 3 * swing) - swing);
      threshold = TURN * swing;
      before = extreme;
      rising = !rising;
      extreme = value;
      first = n;
      last = n;
    }
  }
  return places.slice(0, count);
}

/** Where the parabola through sample `n` and its neighbours turns, in samples. */
export function vertex(signal: Float64Array, n: number): number {
  if (n === 0 || n === signal.length - 1) return n;
  const left = signal[n - 1] as number;
  const middle = signal[n] as number;
  const right = signal[n + 1] as number;
  const bend = left - 2 * middle + right;
  return bend === 0 ? n : n + Math.max(-0.5, Math.min(0.5, (0.5 * (left - right)) / bend));
}

/**
 * Runs of bits by a tracked clock: it is set by zeros, and each bit must be about as long as those before it.
 * @param peaks places of flux changes, in samples
 * @param shortest run to give, in bits
 * @param follow how fast the clock follows the hand: the share of a bit's deviation that it takes over
 */
export function followClock(peaks: Float64Array, shortest: number, follow: number): FluxRun[] {
  const runs: FluxRun[] = [];
  const interval = (k: number) => (peaks[k + 1] as number) - (peaks[k] as number);
  for (let k = 0; k + SETTING < peaks.length; ) {
    const mean = ((peaks[k + SETTING] as number) - (peaks[k] as number)) / SETTING;
    let even = true;
    for (let m = 0; even && m < SETTING; m++) even = Math.abs(interval(k + m) - mean) < 0.22 * mean;
    if (!even) {
      k++;
      continue;
    }
    const bits: number[] = [];
    const edges = [peaks[k] as number];
    const middles: number[] = [];
    let clock = mean;
    let at = k;
    while (at + 1 < peaks.length) {
      const one = interval(at);
      const isOne = one < 0.72 * clock;
      const length = isOne ? (at + 2 < peaks.length ? one + interval(at + 1) : 0) : one;
      if (length < 0.68 * clock || length > 1.4 * clock || (isOne && Math.abs(one / length - 0.5) > 0.27)) break;
      bits.push(isOne ? 1 : 0);
      middles.push(isOne ? (peaks[at + 1] as number) : Number.NaN);
      at += isOne ? 2 : 1;
      edges.push(peaks[at] as number);
      clock += follow * (length - clock);
    }
    if (bits.length >= shortest) {
      runs.push({ bits: Uint8Array.from(bits), edges: Float64Array.from(edges), middles: Float64Array.from(middles) });
    }
    bits.fill(0);
    k = Math.max(k + 1, at);
  }
  return runs;
}
