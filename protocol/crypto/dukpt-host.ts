import { bytesToHex } from "@noble/hashes/utils.js";
import type { DukptScheme } from "./dukpt-terminal.ts";

/** A key on the way to a transaction: that of the counter's first ones. */
interface Step {
  readonly counter: number;
  readonly key: Uint8Array;
}

/**
 * The host's side of DUKPT for readers that come again. It keeps each reader's keys on the way to its last transaction, so
 * that its next one costs a single step, not one for each one in its counter and the initial key besides. The result is
 * the same: each key follows from the one before it (X9.24-1:2009 A.3, X9.24-3:2017 6.3).
 *
 * What it keeps opens what that reader sends from then on, as its base derivation key does. So it belongs where that key is
 * in memory too, and not beside a token that keeps it to itself.
 */
export class DukptHost {
  readonly #scheme: DukptScheme;
  readonly #most: number;
  /** By initial KSN; the initial key is the first step. The reader that came last stands last. */
  readonly #readers = new Map<string, Step[]>();

  /** @param most readers that are kept: of others the one that has not come for longest is wiped */
  constructor(scheme: DukptScheme, most: number) {
    this.#scheme = scheme;
    this.#most = most;
  }

  /**
   * The key that a KSN's counter stands for, as `deriveTransactionKey` makes it of the initial key.
   * @param initialKey makes that of the reader, when it is not kept; it is taken over
   * @returns a copy, the caller's to wipe
   * @throws KsnInvalid | KeyLength
   */
  transactionKey(ksn: Uint8Array, initialKey: () => Uint8Array): Uint8Array {
    const { ksnCounter, withCounter, deriveNextKey } = this.#scheme;
    const counter = ksnCounter(ksn);
    const reader = bytesToHex(withCounter(ksn, 0));
    const steps = this.#readers.get(reader) ?? [{ counter: 0, key: initialKey() }];
    this.#readers.delete(reader);
    this.#readers.set(reader, steps);
    let last = steps.at(-1) as Step;
    while (!isOnTheWay(last.counter, counter)) {
      last.key.fill(0);
      steps.pop();
      last = steps.at(-1) as Step;
    }
    while (last.counter !== counter) {
      const next = last.counter + 2 ** (31 - Math.clz32(counter - last.counter));
      last = { counter: next, key: deriveNextKey(last.key, withCounter(ksn, next)) };
      steps.push(last);
    }
    if (this.#readers.size > this.#most) this.#forgetOldest();
    return Uint8Array.from(last.key);
  }

  /** Overwrites every key: those that they were derived from have changed, or are gone. */
  wipe(): void {
    for (const steps of this.#readers.values()) wipeSteps(steps);
    this.#readers.clear();
  }

  #forgetOldest(): void {
    for (const [reader, steps] of this.#readers) {
      wipeSteps(steps);
      this.#readers.delete(reader);
      return;
    }
  }
}

/** Are all ones of the first counter the highest ones of the second? */
function isOnTheWay(first: number, counter: number): boolean {
  const lowestOne = (first & -first) >>> 0;
  return first === 0 || counter - (counter % lowestOne) === first;
}

function wipeSteps(steps: readonly Step[]): void {
  for (const { key } of steps) key.fill(0);
}
