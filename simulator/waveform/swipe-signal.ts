import type { TrackNumber } from "@swipewire/protocol/readers/reader-frame";
import type { Dice } from "./dice.ts";
import { type HandMotion, moveHand } from "./hand.ts";
import { type Head, readStripe } from "./head.ts";
import { passLine, type SoundLine } from "./sound-line.ts";
import { type Stripe, type StripeFlaws, stripeOf } from "./stripe.ts";

export interface SwipeConditions {
  /** Hz. */
  readonly sampleRate: number;
  readonly hand: HandMotion;
  readonly head: Head;
  readonly flaws?: StripeFlaws;
  readonly line?: SoundLine;
  /** The card passes with the end of its tracks first. */
  readonly backwards?: boolean;
  /** Seconds of quiet line before and after. */
  readonly before?: number;
  readonly after?: number;
}

export interface SwipedTrack {
  readonly number: TrackNumber;
  /** ASCII, start to end sentinel, without LRC. */
  readonly data: Uint8Array;
}

/** At this rate and above a pulse is many samples wide at any speed of a hand. */
export const FINE_RATE = 176_400;

/** What a sound input records of one track swiped once: full scale is 1. The same dice give the same signal. */
export function swipeSignal(track: SwipedTrack, conditions: SwipeConditions, dice: Dice): Float32Array {
  return stripeSignal(stripeOf(track.number, track.data, conditions.flaws ?? {}, dice), conditions, dice);
}

/** The same of a stripe that is there already, to swipe one card again: its flaws are its own. */
export function stripeSignal(stripe: Stripe, conditions: Omit<SwipeConditions, "flaws">, dice: Dice): Float32Array {
  const { sampleRate, hand, head, line = {}, backwards = false, before = 0.25, after = 0.25 } = conditions;
  const finer = Math.max(1, Math.ceil(FINE_RATE / sampleRate));
  const fine = readStripe(stripe, moveHand(hand, sampleRate * finer), head);
  if (backwards) fine.reverse();
  const swiped = thin(fine, finer);
  const from = Math.round(before * sampleRate);
  const signal = new Float64Array(from + swiped.length + Math.round(after * sampleRate));
  signal.set(swiped, from);
  passLine(signal, from, from + swiped.length, sampleRate, line, dice);
  return Float32Array.from(signal);
}

/** Left and right of a stereo input, each a track of the same swipe. */
export function interleave(left: Float32Array, right: Float32Array): Float32Array {
  const both = new Float32Array(2 * Math.max(left.length, right.length));
  left.forEach((sample, n) => {
    both[2 * n] = sample;
  });
  right.forEach((sample, n) => {
    both[2 * n + 1] = sample;
  });
  return both;
}

/** One sample of `by`, through the low-pass that a converter has: a windowed sinc to 0.45 of the rate. */
export function thin(fine: Float64Array, by: number): Float64Array {
  if (by === 1) return fine;
  const half = 12 * by;
  const taps = new Float64Array(2 * half + 1);
  let sum = 0;
  for (let k = -half; k <= half; k++) {
    const x = (Math.PI * 0.9 * k) / by;
    const tap = (k === 0 ? 1 : Math.sin(x) / x) * (0.5 + 0.5 * Math.cos((Math.PI * k) / (half + 1)));
    taps[k + half] = tap;
    sum += tap;
  }
  const thinned = new Float64Array(Math.floor(fine.length / by));
  for (let n = 0; n < thinned.length; n++) {
    let value = 0;
    for (let k = -half; k <= half; k++) {
      const at = n * by + k;
      if (at >= 0 && at < fine.length) value += (fine[at] as number) * (taps[k + half] as number);
    }
    thinned[n] = value / sum;
  }
  return thinned;
}
