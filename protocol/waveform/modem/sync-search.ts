import { STEPS } from "./band-pass.ts";
import type { BitCorrelator } from "./bit-correlator.ts";
import { bitsOf, SYNC } from "./frame-layout.ts";
import type { LineCode } from "./line-code.ts";

const SYNC_BITS = 32;
/** Between what noise reaches and what the weakest readable frame has. */
const ALIKE = 0.65;
/** The likeness has side maxima half a wave away: the highest within so many steps is the word. */
const SETTLED = 12;

/** Where the sync word was found. */
export interface SyncFound {
  /** The step, between whole ones, at which the first bit behind the word begins. */
  readonly end: number;
  /** How the line stands there: 1 upright, -1 upside down. */
  readonly sign: 1 | -1;
  /** Likeness of one bit. */
  readonly level: number;
  /** Share of the signal that is the sync word, 0 to 1: its correlation. */
  readonly strength: number;
}

/** Looks for the sync word at every step, either way up. */
export class SyncSearch {
  readonly #bits = bitsOf(SYNC, SYNC_BITS);
  readonly #signs: readonly (1 | -1)[];
  readonly #endSign: 1 | -1;
  readonly #from: number;
  #best: { start: number; sum: number; strength: number; before: number; after: number } | undefined;
  #before = 0;

  /** @param from the step before which no sync word begins: what was a frame's own is not looked at again */
  constructor({ turns }: LineCode, from = 0) {
    this.#from = from;
    let sign: 1 | -1 = 1;
    this.#signs = this.#bits.map((bit) => {
      const now = sign;
      sign = (sign * turns[bit as 0 | 1]) as 1 | -1;
      return now;
    });
    this.#endSign = sign;
  }

  /** To be asked at each step. */
  look(correlator: BitCorrelator): SyncFound | undefined {
    const start = correlator.latest - (SYNC_BITS - 1) * STEPS;
    if (start < this.#from) return undefined;
    let sum = 0;
    let energy = 0;
    for (let n = 0, at = start; n < SYNC_BITS; n++, at += STEPS) {
      sum += (this.#signs[n] as number) * correlator.likeness(this.#bits[n] as number, at);
      energy += correlator.energy(at);
    }
    const before = this.#before;
    this.#before = sum;
    const best = this.#best;
    if (best && start === best.start + 1) best.after = sum;
    const strength = energy > 0 ? Math.abs(sum) / Math.sqrt(energy * SYNC_BITS) : 0;
    if (strength > (best?.strength ?? ALIKE)) this.#best = { start, sum, strength, before, after: sum };
    else if (best && start > best.start + SETTLED) {
      this.#best = undefined;
      const bend = best.before - 2 * best.sum + best.after;
      const between = bend === 0 ? 0 : (0.5 * (best.before - best.after)) / bend;
      return {
        end: best.start + Math.max(-0.5, Math.min(0.5, between)) + SYNC_BITS * STEPS,
        sign: ((best.sum > 0 ? 1 : -1) * this.#endSign) as 1 | -1,
        level: Math.abs(best.sum) / SYNC_BITS,
        strength: best.strength,
      };
    }
    return undefined;
  }
}
