import { Ballots } from "./acceptance.ts";
import { type FluxRun, timingResidual, wipeRun } from "./flux-run.ts";
import { LikelihoodReader, type Seed, seedsOf } from "./likelihood.ts";
import { subtractMains } from "./mains.ts";
import { findPeaks, matchPulses } from "./pulse-filter.ts";
import { followClock, turningPoints } from "./quick-read.ts";
import { readBits, type TrackRead } from "./read-bits.ts";
import { heightsAround, type SearchSettings, searchPath } from "./search.ts";

/** Pulse widths of the filters, in seconds: each is {@link RATIO} times the one before. */
const NARROWEST = 20e-6;
const WIDEST = 1250e-6;
const WIDTHS = 10;
/** What a good head makes of a swipe's pulses, less a half for those that overlap, as a share of its time. */
const LIKELY_SHARE = 1 / 2300;
/** A hand's common move. */
const SETTINGS: SearchSettings = { jitter: 0.08, follow: 0.25 };
/** Filters that are asked before zeros as good as {@link PROMISING} are read on from. */
const FEWEST_TRIED = 2;
const PROMISING = 10000;
/**
 * Baseline of a filter. Where pulses overlap, as on track 1, the filter that tells them apart is far narrower than they are,
 * and a baseline of a few of its widths would take the pulses off with the hum.
 */
const baselineOf = (width: number, sampleRate: number) => Math.max(9 * width, Math.min(100 * width, 0.01 * sampleRate));
const widthOf = (n: number, sampleRate: number) => NARROWEST * (WIDEST / NARROWEST) ** (n / (WIDTHS - 1)) * sampleRate;
/** Of the clock by peaks alone: a steady hand, and one that hesitates. */
const FOLLOW = [0.3, 0.8];
/** Runs shorter than this hold no track, yet tell that a card was there. */
const SHORTEST_RUN = 30;

/** Swipes close together lie in one region: how many more than the first are looked for, and what is loud for so long. */
const MOST_MORE = 3;
const SHORTEST_SECONDS = 0.06;
const BLOCK_SECONDS = 0.01;
const AROUND_SECONDS = 0.05;
/** Of a region so much is quiet at least. */
const QUIET_SHARE = 0.1;
/** Fewer ones have no characters in them. */
export const FEWEST_ONES = 8;

/** A share of a bit: noise gives runs less even than this, cards seldom do. */
export const EVEN_RUN = 0.075;

/** What was seen of a region beside what was read: the reasons of a failure are taken from it. */
export interface RegionTrace {
  /** Bits of the longest run of any filter. */
  longestRun: number;
  /** Of its bits: a card has many. */
  ones: number;
  /** Mean length of its bits, in samples. */
  cell: number;
  /** Where it ends, in samples of the region. */
  end: number;
  /** How unevenly they come, as a share of a bit. */
  residual: number;
  /** Does the run begin and end within the region, with clocking zeros at both ends? */
  ended: boolean;
}

/** What came of a region. */
export interface RegionRead {
  readonly ballots: Ballots;
  readonly trace: RegionTrace;
}

/** Takes runs and wipes them. */
type Vote = (voter: string, runs: readonly FluxRun[]) => void;

interface Stretch {
  readonly from: number;
  readonly to: number;
}

/** Is shown every run a filter gave and what was read in it. Both are wiped or given away afterwards: copy, do not keep. */
export type RunObserver = (voter: string, run: FluxRun, reads: readonly TrackRead[]) => void;

/**
 * Reads all tracks of a stretch of one channel: by turning points where that is sure, else by the search.
 * @param sampleRate Hz
 * @param effort so many comparisons of a sample with what a model foretells are made at most: whoever waits gets an answer.
 *   Without any there is no search.
 */
export function readRegion(
  signal: Float64Array,
  sampleRate: number,
  effort: number,
  observe?: RunObserver,
): RegionRead {
  let left = effort;
  const ballots = new Ballots();
  const trace: RegionTrace = { longestRun: 0, ones: 0, cell: 0, end: 0, residual: 1, ended: false };
  const readStretch = (from: number, to: number) => {
    const vote: Vote = (voter, runs) => {
      for (const run of runs) {
        // What is read on into the quiet may end beyond the stretch, in another swipe.
        for (const places of [run.edges, run.middles])
          for (const n of places.keys()) places[n] = Math.max(from, Math.min(to, (places[n] as number) + from));
        if (!run.margins) note(run, trace);
        const reads = readBits(run);
        observe?.(voter, run, reads);
        ballots.add(voter, reads);
        wipeRun(run);
      }
    };
    const believed = () => {
      const counted = ballots.count().filter(({ read }) => read.start < to && read.end > from);
      return counted.length > 0 && counted.every(({ basis, votes }) => basis !== undefined && votes >= 2);
    };
    const stretch = signal.subarray(from, to);
    quickly(stretch, vote, believed);
    if (left > 0 && !believed()) left = searchThrough(stretch, sampleRate, vote, believed, left);
  };
  readStretch(0, signal.length);
  const tried: Stretch[] = [];
  while (tried.length < MOST_MORE) {
    const spans = ballots.count().map(({ read: { start, end } }) => ({ from: start, to: end }));
    const rest = spans.length > 0 ? loudStretch(signal, sampleRate, spans, tried) : undefined;
    if (!rest) break;
    tried.push(rest);
    readStretch(rest.from, rest.to);
  }
  return { ballots, trace };
}

/** Filters in the order in which a card's speed makes them likely, of which its time tells. */
function likelyFirst(signal: Float64Array, sampleRate: number): number[] {
  const likely = LIKELY_SHARE * loudSamples(signal, sampleRate);
  const away = (n: number) => Math.abs(Math.log(widthOf(n, sampleRate) / likely));
  return Array.from({ length: WIDTHS }, (_, n) => n).sort((a, b) => away(a) - away(b));
}

/** How long the loud part is, in samples: all of a signal if it is as loud everywhere. Offsets are not loud. */
export function loudSamples(signal: Float64Array, sampleRate: number): number {
  const block = Math.round(BLOCK_SECONDS * sampleRate);
  const powers = blockPowers(signal, block);
  const quiet = powers.toSorted((a, b) => a - b)[Math.floor(QUIET_SHARE * powers.length)] ?? 0;
  const loud = powers.map((power) => Math.max(0, power - quiet));
  const sum = loud.reduce((all, power) => all + power, 0);
  const squares = loud.reduce((all, power) => all + power * power, 0);
  return squares > 0 ? (block * sum * sum) / squares : signal.length;
}

/** Variances of one block after another; what is left over is not looked at. */
export function blockPowers(signal: Float64Array, block: number): number[] {
  return Array.from({ length: Math.floor(signal.length / block) }, (_, n) => {
    const part = signal.subarray(n * block, (n + 1) * block);
    let mean = 0;
    for (const value of part) mean += value / block;
    let power = 0;
    for (const value of part) power += (value - mean) ** 2 / block;
    return power;
  });
}

/**
 * By all filters, the likeliest first, until what they read is believed.
 * @returns what is left of the effort
 */
function searchThrough(
  signal: Float64Array,
  sampleRate: number,
  vote: Vote,
  believed: () => boolean,
  effort: number,
): number {
  const work = Float64Array.from(signal);
  subtractMains(work, sampleRate);
  const sums = new Float64Array(work.length + 1);
  for (let n = 0; n < work.length; n++) sums[n + 1] = (sums[n] as number) + (work[n] as number);
  const likelihood = new LikelihoodReader(work, sums, sampleRate, vote, believed, effort);
  const seeds: Seed[] = [];
  for (const [tried, n] of likelyFirst(work, sampleRate).entries()) {
    const width = widthOf(n, sampleRate);
    searchWidth(work, sums, width, baselineOf(width, sampleRate), (runs) => {
      for (const run of runs) seeds.push(...seedsOf(run));
      vote(`width ${n}`, runs);
    });
    if (!believed() && tried >= FEWEST_TRIED) {
      const promising = seeds.filter(({ worth }) => worth > PROMISING);
      likelihood.read(promising);
    }
    if (believed() || likelihood.left <= 0) break;
  }
  if (!believed()) likelihood.read(seeds);
  work.fill(0);
  sums.fill(0);
  return likelihood.left;
}

/** Where the signal is loud for as long as another swipe, beside what was read and what was tried. */
function loudStretch(
  signal: Float64Array,
  sampleRate: number,
  read: readonly Stretch[],
  tried: readonly Stretch[],
): Stretch | undefined {
  const block = Math.round(BLOCK_SECONDS * sampleRate);
  const powers = blockPowers(signal, block);
  const inside = ({ from, to }: Stretch) => powers.slice(Math.ceil(from / block), Math.floor(to / block));
  const quiet = powers.toSorted((a, b) => a - b)[Math.floor(QUIET_SHARE * powers.length)] ?? 0;
  const swipes = read.flatMap(inside).toSorted((a, b) => a - b);
  const threshold = Math.max(4 * quiet, 0.03 * (swipes[swipes.length >> 1] ?? 0));
  const shortest = Math.min(...read.map(({ from, to }) => to - from));
  const known = [...read, ...tried];
  let from = -1;
  for (let n = 0; n <= powers.length; n++) {
    const at = n * block;
    const isLoud =
      (powers[n] ?? 0) > threshold && !known.some((stretch) => at + block > stretch.from && at < stretch.to);
    if (isLoud && from < 0) from = at;
    if (isLoud || from < 0) continue;
    if (at - from > Math.max(SHORTEST_SECONDS * sampleRate, 0.35 * shortest)) {
      // With a little of the quiet around it, but nothing of what was read.
      const before = Math.max(0, ...known.map(({ to }) => to).filter((to) => to <= from));
      const behind = Math.min(signal.length, ...known.map(({ from }) => from).filter((other) => other >= at));
      const around = AROUND_SECONDS * sampleRate;
      return { from: Math.ceil(Math.max(before, from - around)), to: Math.floor(Math.min(behind, at + around)) };
    }
    from = -1;
  }
  return undefined;
}

function searchWidth(
  signal: Float64Array,
  sums: Float64Array,
  width: number,
  baseline: number,
  vote: (runs: readonly FluxRun[]) => void,
): void {
  const { values, step } = matchPulses(signal, sums, width, baseline);
  const candidates = findPeaks(values, step, width);
  const local = heightsAround(candidates, 25 * width);
  const { runs } = searchPath(candidates, local, width, SETTINGS);
  vote(runs);
  values.fill(0);
  candidates.places.fill(0);
  candidates.heights.fill(0);
  local.fill(0);
}

/** The signal as it is, and smoothed to a quarter of a pulse's distance: two filters for next to nothing. */
function quickly(signal: Float64Array, vote: Vote, believed: () => boolean): void {
  let largest = 0;
  for (let n = 0; n < signal.length; n++) largest = Math.max(largest, Math.abs(signal[n] as number));
  const raw = turningPoints(signal, largest);
  const gaps = raw.subarray(1).map((place, k) => place - (raw[k] as number));
  const gap = gaps.toSorted()[gaps.length >> 1] ?? 0;
  const smooth = gap < 3 ? new Float64Array() : smoothed(signal, Math.max(1, Math.round(gap / 8)));
  const turns = turningPoints(smooth, largest);
  for (const follow of FOLLOW) {
    if (believed()) break;
    vote("raw", followClock(raw, SHORTEST_RUN, follow));
    vote("smooth", followClock(turns, SHORTEST_RUN, follow));
  }
  for (const values of [raw, gaps, smooth, turns]) values.fill(0);
}

/** Running mean over 2 `half` + 1 samples, twice, so that it has no corners. */
function smoothed(signal: Float64Array, half: number): Float64Array {
  let from = signal;
  for (let round = 0; round < 2; round++) {
    const to = new Float64Array(from.length);
    let sum = 0;
    for (let n = -half; n < from.length; n++) {
      if (n + half < from.length) sum += from[n + half] as number;
      if (n - half - 1 >= 0) sum -= from[n - half - 1] as number;
      if (n >= 0) to[n] = sum / (2 * half + 1);
    }
    if (from !== signal) from.fill(0);
    from = to;
  }
  return from;
}

/** What the search makes of noise may be long, and is uneven; what rings is even, and all zeros. */
function worthOf(bits: number, residual: number, ones: number): number {
  return residual > EVEN_RUN || ones < FEWEST_ONES ? bits / 10 : bits;
}

/** How far the middles of ones lie from the middle, root mean square, as a share of a bit: what rings has none. */
function middleResidual({ edges, middles }: FluxRun): number {
  let sum = 0;
  let ones = 0;
  for (const [n, middle] of middles.entries()) {
    if (Number.isNaN(middle)) continue;
    const start = edges[n] as number;
    const length = (edges[n + 1] as number) - start;
    sum += ((middle - start) / length - 0.5) ** 2;
    ones++;
  }
  return ones === 0 ? 0 : Math.sqrt(sum / ones);
}

function note(run: FluxRun, trace: RegionTrace): void {
  const { bits, edges } = run;
  const residual = Math.max(timingResidual(run, 0, bits.length), middleResidual(run));
  const ones = bits.reduce((sum, bit) => sum + bit, 0);
  if (worthOf(bits.length, residual, ones) <= worthOf(trace.longestRun, trace.residual, trace.ones)) return;
  trace.longestRun = bits.length;
  trace.ones = ones;
  trace.cell = ((edges[bits.length] as number) - (edges[0] as number)) / bits.length;
  trace.end = edges[bits.length] as number;
  trace.residual = residual;
  const zerosAt = (from: number) => !bits.subarray(from, from + 6).includes(1);
  trace.ended = zerosAt(0) && zerosAt(bits.length - 6);
}
