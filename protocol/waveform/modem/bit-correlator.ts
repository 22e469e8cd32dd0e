import { STEPS } from "./band-pass.ts";
import type { LineCode } from "./line-code.ts";

/** Steps that can be looked back, a power of two: more than the sync word and its search take. */
const KEPT = 1024;
const MASK = KEPT - 1;

/** How much each stretch of a bit's length looks like a 0 and like a 1. */
export class BitCorrelator {
  readonly #shapes: readonly [Float64Array, Float64Array];
  readonly #signal = new Float64Array(KEPT);
  readonly #likeness: readonly [Float64Array, Float64Array] = [new Float64Array(KEPT), new Float64Array(KEPT)];
  readonly #energies = new Float64Array(KEPT);
  #taken = 0;

  constructor({ shapes }: LineCode) {
    const sampled = shapes.map((shape) => {
      const values = Float64Array.from({ length: STEPS }, (_, step) => shape((step + 0.5) / STEPS));
      const norm = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
      return values.map((value) => value / norm);
    });
    this.#shapes = sampled as [Float64Array, Float64Array];
  }

  /** The last step at which a bit can begin. */
  get latest(): number {
    return this.#taken - STEPS;
  }

  /** Takes the next step. */
  push(value: number): void {
    this.#signal[this.#taken++ & MASK] = value;
    const start = this.#taken - STEPS;
    if (start < 0) return;
    const [zero, one] = this.#shapes;
    let like0 = 0;
    let like1 = 0;
    let energy = 0;
    for (let step = 0; step < STEPS; step++) {
      const at = this.#signal[(start + step) & MASK] as number;
      like0 += at * (zero[step] as number);
      like1 += at * (one[step] as number);
      energy += at * at;
    }
    this.#likeness[0][start & MASK] = like0;
    this.#likeness[1][start & MASK] = like1;
    this.#energies[start & MASK] = energy;
  }

  /** Signed: upside down it is negative. @param start a whole step, of the last `KEPT` */
  likeness(bit: number, start: number): number {
    return (this.#likeness[bit as 0 | 1] as Float64Array)[start & MASK] as number;
  }

  /** Sum of squares of the bit that begins at a whole step. */
  energy(start: number): number {
    return this.#energies[start & MASK] as number;
  }

  /** As {@link likeness}, between steps: a cubic through four. Needs `latest` to be two steps further. */
  likenessBetween(bit: number, start: number): number {
    const whole = Math.floor(start);
    const t = start - whole;
    const a = this.likeness(bit, whole - 1);
    const b = this.likeness(bit, whole);
    const c = this.likeness(bit, whole + 1);
    const d = this.likeness(bit, whole + 2);
    return (
      (-t * (t - 1) * (t - 2) * a) / 6 +
      ((t + 1) * (t - 1) * (t - 2) * b) / 2 -
      ((t + 1) * t * (t - 2) * c) / 2 +
      ((t + 1) * t * (t - 1) * d) / 6
    );
  }

  /** Overwrites what it holds. */
  wipe(): void {
    this.#signal.fill(0);
    for (const values of this.#likeness) values.fill(0);
    this.#energies.fill(0);
  }
}
