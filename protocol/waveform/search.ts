import type { FluxRun } from "./flux-run.ts";
import type { Candidates } from "./pulse-filter.ts";

/** What the search takes for granted. */
export interface SearchSettings {
  /** Standard deviation of a flux change's place, as a share of a bit. */
  readonly jitter: number;
  /** How fast the clock follows the hand. */
  readonly follow: number;
}

/** What the search found. */
export interface SearchResult {
  readonly runs: readonly FluxRun[];
  /** Of the best path: how many flux changes it explains, net of what it cannot. */
  readonly score: number;
  /** As {@link SearchSettings.jitter}, measured on the best path. */
  readonly jitter: number;
}

/** Candidates below this share of the pulses around them are noise for sure. */
const SMALLEST = 0.2;
/** Survivors that are kept at a candidate, at a bit's edge and in the middle of a 1 each. */
const SURVIVORS = 4;
const SLOTS = 2 * SURVIVORS;
/** Two survivors whose clocks are this close will go the same way. */
const SAME_CLOCK = 0.04;
const BIRTH_COST = 6;
const ZEROS_AT_BIRTH = 6;
/** A pulse's worth in the score at most: no noise, and yet no pulse is exactly as it should be. */
const FLAW = 0.4;
const SHORTEST_RUN = 30;
/** Bits are this many pulse widths long. */
const LENGTHS = { min: 0.5, max: 10 };

/**
 * The best way through the candidates, by dynamic programming over segments: from a candidate to one of other polarity in a
 * bit's distance is a 0, over one in the middle between them a 1. Each survivor carries its own clock, which zeros have set.
 * A used pulse is worth what it rises above half the height around it, as in the likelihood of a pulse in white noise, and
 * costs the square of its deviation from the clock. Where a path ends another one may begin.
 * @param local as {@link heightsAround} gives it
 * @param width of a pulse at half its height, in samples
 */
export function searchPath(
  candidates: Candidates,
  local: Float64Array,
  width: number,
  { jitter, follow }: SearchSettings,
): SearchResult {
  const kept = keep(candidates, local);
  const { count, places, worths, signs, strengths } = kept;
  const slots = count * SLOTS;
  const clocks = new Float64Array(slots);
  const scores = new Float64Array(slots);
  const parents = new Int32Array(slots);
  const zeros = new Uint8Array(slots);
  const edgesHeld = new Uint8Array(count);
  const middlesHeld = new Uint8Array(count);

  const shortest = LENGTHS.min * width;
  const longest = LENGTHS.max * width;
  const cellCost = 1 / (2 * 2 * jitter * jitter);
  const middleCost = 1 / (2 * 1.5 * jitter * jitter);
  const cellGate = Math.min(0.4, 4.5 * jitter);
  let endedScore = 0;
  let endedSlot = -1;
  // What had ended when a candidate was reached, for births at it.
  const endedScores = new Float64Array(count);
  const endedSlots = new Int32Array(count);

  const enter = (node: number, middle: boolean, clock: number, score: number, parent: number, zero: number) => {
    const held = middle ? middlesHeld : edgesHeld;
    const base = node * SLOTS + (middle ? SURVIVORS : 0);
    const filled = held[node] as number;
    let worst = -1;
    let worstScore = score;
    for (let s = base; s < base + filled; s++) {
      const other = clocks[s] as number;
      if (
        Math.abs(other - clock) < SAME_CLOCK * clock &&
        (zeros[s] as number) >= ZEROS_AT_BIRTH === zero >= ZEROS_AT_BIRTH
      ) {
        if ((scores[s] as number) >= score) return;
        write(s, clock, score, parent, zero);
        return;
      }
      if ((scores[s] as number) < worstScore) {
        worst = s;
        worstScore = scores[s] as number;
      }
    }
    if (filled < SURVIVORS) {
      held[node] = filled + 1;
      write(base + filled, clock, score, parent, zero);
    } else if (worst >= 0) {
      write(worst, clock, score, parent, zero);
    }
  };
  const write = (slot: number, clock: number, score: number, parent: number, zero: number) => {
    clocks[slot] = clock;
    scores[slot] = score;
    parents[slot] = parent;
    zeros[slot] = zero;
  };

  for (let i = 0; i < count; i++) {
    endedScores[i] = endedScore;
    endedSlots[i] = endedSlot;
    const here = places[i] as number;
    const sign = signs[i] as number;
    for (let j = i - 1; j >= 0; j--) {
      const there = places[j] as number;
      const away = here - there;
      if (away > longest) break;
      if (signs[j] === sign || away < shortest / 2) continue;
      // Pulses of other polarity take from each other's height, those one farther give a part of it back.
      const u = away / width;
      const worth = (worths[i] as number) + (strengths[i] as number) * (1 / (1 + u * u) - 1 / (1 + 4 * u * u));

      const base = j * SLOTS;
      for (let s = base, end = base + (edgesHeld[j] as number); s < end; s++) {
        const clock = clocks[s] as number;
        const off = away / clock - 1;
        const zero = zeros[s] as number;
        if (off < cellGate && off > -cellGate) {
          const score = (scores[s] as number) + worth - off * off * cellCost;
          enter(i, false, clock + follow * (away - clock), score, s, zero < ZEROS_AT_BIRTH ? zero + 1 : zero);
        }
        if (zero >= ZEROS_AT_BIRTH && off < -0.25 && off > -0.75) {
          enter(i, true, clock, (scores[s] as number) + worth - (off + 0.5) * (off + 0.5) * middleCost * 0.5, s, zero);
        }
      }
      for (let s = base + SURVIVORS, end = s + (middlesHeld[j] as number); s < end; s++) {
        const clock = clocks[s] as number;
        const parent = parents[s] as number;
        const started = places[Math.floor(parent / SLOTS)] as number;
        const length = here - started;
        const off = length / clock - 1;
        if (off > cellGate || off < -cellGate) continue;
        const first = (there - started) / clock;
        const skew = (there - (started + here) / 2) / clock;
        // The half bit's own cost was a stand-in until the whole bit is known.
        const before = (scores[s] as number) + (first - 0.5) * (first - 0.5) * middleCost * 0.5;
        const score = before + worth - off * off * cellCost - skew * skew * middleCost;
        enter(i, false, clock + follow * (length - clock), score, s, ZEROS_AT_BIRTH);
      }
      if (away >= shortest) {
        const score = (endedScores[j] as number) + (worths[j] as number) + worth - BIRTH_COST;
        // A birth's parent is the candidate it begins at, told from survivors by its sign.
        enter(i, false, away, score, -1 - j, 1);
      }
    }
    for (let s = i * SLOTS, end = s + (edgesHeld[i] as number); s < end; s++) {
      if ((zeros[s] as number) >= ZEROS_AT_BIRTH && (scores[s] as number) > endedScore) {
        endedScore = scores[s] as number;
        endedSlot = s;
      }
    }
  }

  const runs: FluxRun[] = [];
  let squares = 0;
  let steps = 0;
  for (let slot = endedSlot; slot >= 0; ) {
    const bits: number[] = [];
    const middles: number[] = [];
    const edges = [places[Math.floor(slot / SLOTS)] as number];
    let begun = -1;
    for (;;) {
      const parent = parents[slot] as number;
      if (parent < 0) {
        bits.push(0);
        middles.push(Number.NaN);
        begun = -1 - parent;
        edges.push(places[begun] as number);
        break;
      }
      if (parent % SLOTS >= SURVIVORS) {
        bits.push(1);
        middles.push(places[Math.floor(parent / SLOTS)] as number);
        slot = parents[parent] as number;
      } else {
        bits.push(0);
        middles.push(Number.NaN);
        slot = parent;
      }
      edges.push(places[Math.floor(slot / SLOTS)] as number);
    }
    if (bits.length >= SHORTEST_RUN) {
      const run = {
        bits: Uint8Array.from(bits).reverse(),
        edges: Float64Array.from(edges).reverse(),
        middles: Float64Array.from(middles).reverse(),
      };
      const { sum, count } = deviations(run);
      squares += sum;
      steps += count;
      runs.push(run);
    }
    bits.fill(0);
    slot = endedSlots[begun] as number;
  }
  for (const array of [places, worths, clocks, scores]) array.fill(0);
  parents.fill(0);
  return { runs: runs.reverse(), score: endedScore, jitter: steps === 0 ? jitter : Math.sqrt(squares / steps) };
}

/** Of the bits' lengths from their neighbours', scaled to what one flux change's place deviates. */
function deviations({ edges }: FluxRun): { sum: number; count: number } {
  let sum = 0;
  let count = 0;
  for (let n = 1; n + 2 < edges.length; n++) {
    const before = (edges[n] as number) - (edges[n - 1] as number);
    const here = (edges[n + 1] as number) - (edges[n] as number);
    const after = (edges[n + 2] as number) - (edges[n + 1] as number);
    // (before - 2 here + after) has the variance 20 of one place's.
    sum += ((before - 2 * here + after) / here) ** 2 / 20;
    count++;
  }
  return { sum, count };
}

function keep({ count, places, heights, noise }: Candidates, local: Float64Array) {
  const at = new Float64Array(count);
  const worths = new Float64Array(count);
  const signs = new Int8Array(count);
  const strengths = new Float64Array(count);
  let kept = 0;
  for (let i = 0; i < count; i++) {
    const height = Math.abs(heights[i] as number);
    const around = local[i] as number;
    if (height < SMALLEST * around || around === 0) continue;
    at[kept] = places[i] as number;
    const flawed = noise * noise + FLAW * FLAW * around * around;
    strengths[kept] = (around * around) / flawed;
    worths[kept] = (strengths[kept] as number) * (Math.min(1.25, height / around) - 0.5);
    signs[kept++] = (heights[i] as number) > 0 ? 1 : -1;
  }
  return { count: kept, places: at, worths, signs, strengths };
}

/**
 * The height of pulses around each candidate: the mean of squares, weighted by the squares, so that many small peaks of noise
 * do not pull it down.
 * @param reach on either side, in samples
 */
export function heightsAround({ count, places, heights }: Candidates, reach: number): Float64Array {
  const local = new Float64Array(count);
  let squares = 0;
  let fourths = 0;
  let low = 0;
  let high = 0;
  for (let i = 0; i < count; i++) {
    const here = places[i] as number;
    while (high < count && (places[high] as number) <= here + reach) {
      const square = (heights[high++] as number) ** 2;
      squares += square;
      fourths += square * square;
    }
    while ((places[low] as number) < here - reach) {
      const square = (heights[low++] as number) ** 2;
      squares -= square;
      fourths -= square * square;
    }
    local[i] = squares > 0 && fourths > 0 ? Math.sqrt(fourths / squares) : 0;
  }
  return local;
}
