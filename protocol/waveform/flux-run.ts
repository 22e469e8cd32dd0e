/** Bits read off the signal one after the other, with where they lie. Card data: its maker wipes it. */
export interface FluxRun {
  /** One bit an element. */
  readonly bits: Uint8Array;
  /** Where each bit begins and the last one ends, in samples of the region; one longer than `bits`. */
  readonly edges: Float64Array;
  /** Of a 1 where its middle flux change lies; of a 0 not a number. */
  readonly middles: Float64Array;
  /** How much likelier, as a logarithm, the bits so far are than the nearest others; absent where peaks were read. */
  readonly margins?: Float64Array;
  /** In which bits those nearest others differ: bit 0 of it is the bit itself, bit n was read n bits earlier. */
  readonly rivals?: Int32Array;
  /** The least height of each bit's pulses over what it is elsewhere; absent where peaks were read. */
  readonly strengths?: Float64Array;
  /** Where reading began: bits before this one were read one after the other toward the run's begin. */
  readonly turn?: number;
}

/** Bits on either side from which a bit's own length is foretold. */
const NEIGHBOURS = 3;

/**
 * How far flux changes lie from where their neighbours say they should, root mean square, as a share of a bit: what jitter
 * and noise make of a true read is small, a read that lost its place is not.
 */
export function timingResidual(run: FluxRun, from: number, to: number): number {
  const { edges, middles } = run;
  let sum = 0;
  let count = 0;
  for (let cell = from; cell < to; cell++) {
    const around = lengthAround(run, cell, from, to);
    const start = edges[cell] as number;
    const end = edges[cell + 1] as number;
    sum += ((end - start - around) / around) ** 2;
    count++;
    const middle = middles[cell] as number;
    if (!Number.isNaN(middle)) {
      sum += ((middle - (start + end) / 2) / around) ** 2;
      count++;
    }
  }
  return count === 0 ? 1 : Math.sqrt(sum / count);
}

/**
 * How far a bit's length lies beyond those of all its neighbours at most, as a share of them. A hand that speeds up or
 * hesitates passes through the lengths between.
 */
export function largestJump({ edges }: FluxRun, from: number, to: number): number {
  const lengths = edges.subarray(from + 1, to + 1).map((edge, n) => edge - (edges[from + n] as number));
  let largest = 0;
  for (let n = 0; n < lengths.length; n++) {
    const beside = [-2, -1, 1, 2].flatMap((away) => lengths[n + away] ?? []);
    const length = lengths[n] as number;
    largest = Math.max(largest, length / Math.max(...beside) - 1, 1 - length / Math.min(...beside));
  }
  return largest;
}

function lengthAround({ edges }: FluxRun, cell: number, from: number, to: number): number {
  const first = Math.max(from, cell - NEIGHBOURS);
  const last = Math.min(to, cell + NEIGHBOURS + 1);
  return ((edges[last] as number) - (edges[first] as number)) / (last - first);
}

/** Overwrites all of it. */
export function wipeRun({ bits, edges, middles, rivals }: FluxRun): void {
  bits.fill(0);
  rivals?.fill(0);
  edges.fill(0);
  middles.fill(0);
}
