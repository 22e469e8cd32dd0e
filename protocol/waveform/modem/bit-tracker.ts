import { STEPS } from "./band-pass.ts";
import type { BitCorrelator } from "./bit-correlator.ts";
import type { LineCode } from "./line-code.ts";
import type { SyncFound } from "./sync-search.ts";

/** A bit is decided when so many more have been heard; by then both ways agree on it. At most 31. */
const DELAY = 24;
/** The clock follows what was decided so many bits ago. */
const LAG = 3;
/** How much of a bit's timing error is taken over at once, and into the length of a bit. */
const FOLLOW = 0.07;
const LEARN = 0.0012;
/** Two clocks of 500 ppm, and room. As a share of a bit. */
const CLOCK_ERROR = 0.003;
/** Bits over which the level, and what is left of it, are averaged. */
const SLOW = 64;
const QUICK = 10;
/** Below this share of its level the signal is away. */
const AWAY = 0.3;
/** Away for so many bits, as many as can be corrected, it is gone. */
const GONE = 64;

/** One of two ways to have come here: with the line upright, or upside down. */
interface Way {
  /** Likeness of the whole way, less that of the better one. */
  score: number;
  /** Its last 32 symbols, the latest lowest. */
  symbols: number;
}

/**
 * Tells the bits behind a sync word by the best way through the signal (Viterbi's, of two states), and follows the
 * sender's clock by what it decides.
 */
export class BitTracker {
  readonly #code: LineCode;
  #at: number;
  #length = STEPS;
  #level: number;
  #present: number;
  #heard = 0;
  /** Bits for which the signal has been away. */
  #away = 0;
  /** By sign: upright, upside down. */
  #ways: [Way, Way];
  /** How steeply the likeness of a 0 and a 1 rose at each of the last bits. */
  readonly #slopes: readonly [number, number][];

  constructor(code: LineCode, { end, sign, level }: SyncFound) {
    this.#code = code;
    this.#at = end;
    this.#level = level;
    this.#present = level;
    const known = (score: number): Way => ({ score, symbols: 0 });
    this.#ways = sign === 1 ? [known(0), known(-1e9)] : [known(-1e9), known(0)];
    this.#slopes = Array.from({ length: LAG + 1 }, () => [0, 0]);
  }

  /** Where the next bit begins, in steps. */
  get at(): number {
    return this.#at;
  }

  /** Is the signal over? */
  get isGone(): boolean {
    return this.#away > GONE;
  }

  /** Symbols heard so far. */
  get heard(): number {
    return this.#heard;
  }

  /** The last symbols heard, the latest lowest: those that {@link take} has not given yet, too. */
  get lastSymbols(): number {
    const [upright, upsideDown] = this.#ways;
    return upright.score >= upsideDown.score ? upright.symbols : upsideDown.symbols;
  }

  /** May {@link take} be called yet? */
  canTake(correlator: BitCorrelator): boolean {
    return this.#at + 3 < correlator.latest;
  }

  /** Hears one more symbol. @returns the one of `DELAY` ago, once there is one */
  take(correlator: BitCorrelator): 0 | 1 | undefined {
    const { turns } = this.#code;
    const at = this.#at;
    const like = [correlator.likenessBetween(0, at), correlator.likenessBetween(1, at)] as const;
    const slope = this.#slopes[this.#heard % this.#slopes.length] as [number, number];
    for (const bit of [0, 1] as const) {
      slope[bit] = correlator.likenessBetween(bit, at + 0.5) - correlator.likenessBetween(bit, at - 0.5);
    }
    const next: [Way, Way] = [
      { score: Number.NEGATIVE_INFINITY, symbols: 0 },
      { score: Number.NEGATIVE_INFINITY, symbols: 0 },
    ];
    for (const from of [0, 1] as const) {
      const way = this.#ways[from];
      const sign = from === 0 ? 1 : -1;
      for (const bit of [0, 1] as const) {
        const into = next[sign * turns[bit] === 1 ? 0 : 1];
        const score = way.score + sign * like[bit];
        if (score <= into.score) continue;
        into.score = score;
        into.symbols = (way.symbols << 1) | bit;
      }
    }
    const better = next[0].score >= next[1].score ? 0 : 1;
    const top = next[better].score;
    next[0].score -= top;
    next[1].score -= top;
    this.#ways = next;
    this.#heard++;
    this.#follow(next[better], better === 0 ? 1 : -1, like);
    if (this.#heard <= DELAY) return undefined;
    return ((next[better].symbols >>> DELAY) & 1) as 0 | 1;
  }

  #follow(way: Way, endSign: 1 | -1, like: readonly [number, number]): void {
    const { turns, sharpness } = this.#code;
    let sign: number = endSign;
    const latest = (way.symbols & 1) as 0 | 1;
    this.#present += (sign * turns[latest] * like[latest] - this.#present) / QUICK;
    this.#away = this.#present < AWAY * this.#level ? this.#away + 1 : 0;
    if (this.#away === 0) this.#level += (this.#present - this.#level) / SLOW;
    let error = 0;
    if (this.#heard > LAG && this.#away === 0) {
      for (let back = 0; back <= LAG; back++) sign *= turns[((way.symbols >>> back) & 1) as 0 | 1];
      const bit = ((way.symbols >>> LAG) & 1) as 0 | 1;
      const slope = (this.#slopes[(this.#heard - 1 - LAG) % this.#slopes.length] as [number, number])[bit];
      error = (sign * slope * STEPS * STEPS) / (sharpness[bit] * Math.max(this.#level, 1e-12));
      error = Math.max(-0.8, Math.min(0.8, error));
    }
    const most = CLOCK_ERROR * STEPS;
    this.#length = Math.max(STEPS - most, Math.min(STEPS + most, this.#length + LEARN * error));
    this.#at += this.#length + FOLLOW * error;
  }

  /** Overwrites the bits that it holds. */
  wipe(): void {
    for (const way of this.#ways) way.symbols = 0;
  }
}
