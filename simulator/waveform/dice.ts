import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";

/** Seeded chance for signals: the same seed throws the same. */
export class Dice {
  readonly #generator;
  #spare: number | undefined;

  constructor(seed: number) {
    this.#generator = xoroshiro128plus(seed);
    // Neighbouring seeds begin alike.
    for (let i = 0; i < 8; i++) this.#generator.next();
  }

  /** From 0 up to, not including, 1. */
  uniform(): number {
    return (this.#generator.next() >>> 0) / 0x1_0000_0000;
  }

  between(low: number, high: number): number {
    return low + (high - low) * this.uniform();
  }

  /** As often in each octave. */
  betweenOctaves(low: number, high: number): number {
    return low * (high / low) ** this.uniform();
  }

  whole(low: number, high: number): number {
    return low + Math.floor((high - low + 1) * this.uniform());
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.whole(0, choices.length - 1)] as T;
  }

  /** Standard normal, by Box and Muller. */
  gauss(): number {
    if (this.#spare !== undefined) {
      const value = this.#spare;
      this.#spare = undefined;
      return value;
    }
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()));
    const angle = 2 * Math.PI * this.uniform();
    this.#spare = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  }
}
