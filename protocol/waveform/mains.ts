import { railsOf, subtractClippedMains } from "./clipped-mains.ts";
import { lineOf, subtractLine } from "./spectral-line.ts";

/** Mains frequencies, with how far a grid strays. */
const MAINS = [50, 60] as const;
const STRAY = 0.3;
const STRAY_STEP = 0.05;
/** Harmonics that are looked at to find the frequency, and those that are taken off. */
const TELLING = [1, 3, 5] as const;
const HIGHEST = 21;
/** In units of the power that noise alone would put into a line: below it there is no hum to take off. */
const SURE = 60;
const ROUNDS = 3;
/** Hz: fast enough to find the frequency by the harmonics that tell it. */
const TELLING_RATE = 2000;

/**
 * Takes mains hum off in place: sines of the mains frequency and its harmonics, fitted by least squares. Loud samples, where
 * the card is, weigh less than the quiet ones beside them. What a line that clips leaves of it is looked at more closely.
 * @param sampleRate Hz
 */
export function subtractMains(signal: Float64Array, sampleRate: number): void {
  if (signal.length < sampleRate / 10) return;
  const weights = quietWeights(signal, sampleRate);
  const by = Math.max(1, Math.floor(sampleRate / TELLING_RATE));
  const slow = means(signal, by);
  const slowWeights = means(weights, by);
  let best = 0;
  let frequency = 0;
  for (const nominal of MAINS) {
    for (let f = nominal - STRAY; f < nominal + STRAY + STRAY_STEP / 2; f += STRAY_STEP) {
      let power = 0;
      for (const order of TELLING) power += by * lineOf(slow, slowWeights, (f * order * by) / sampleRate).power;
      if (power > best) {
        best = power;
        frequency = f;
      }
    }
  }
  slow.fill(0);
  if (best < SURE) return;
  const rails = railsOf(signal);
  if (rails) {
    subtractClippedMains(signal, sampleRate, frequency, rails);
    return;
  }
  const orders: number[] = [];
  for (let order = 1; order <= HIGHEST && frequency * order < sampleRate / 2; order++) orders.push(order);
  let there = orders;
  for (let round = 0; round < ROUNDS; round++) {
    there = there.filter((order) => {
      const turns = (frequency * order) / sampleRate;
      const { power, cosine, sine } = lineOf(signal, weights, turns);
      if (power <= SURE && round === 0) return false;
      subtractLine(signal, turns, cosine, sine);
      return true;
    });
  }
}

const means = (values: Float64Array, by: number) =>
  Float64Array.from({ length: Math.floor(values.length / by) }, (_, n) => {
    let sum = 0;
    for (let k = n * by; k < (n + 1) * by; k++) sum += values[k] as number;
    return sum / by;
  });

/** One over the power around each sample, in steps; their mean times the signal's power is one. */
function quietWeights(signal: Float64Array, sampleRate: number): Float64Array {
  // Whole periods of both frequencies would be 100 ms; 20 ms tells hum from card well enough.
  const step = Math.max(1, Math.round(sampleRate / 50));
  const weights = new Float64Array(signal.length);
  for (let at = 0; at < signal.length; at += step) {
    const end = Math.min(signal.length, at + step);
    let power = 1e-10;
    for (let n = at; n < end; n++) power += (signal[n] as number) ** 2 / (end - at);
    weights.fill(1 / power, at, end);
  }
  return weights;
}
