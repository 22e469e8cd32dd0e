import type { FluxRun } from "./flux-run.ts";

/** How a stripe and a hand stray from what is expected. */
export interface PulseSettings {
  /** Standard deviation of a flux change's place, as a share of a bit. */
  readonly jitter: number;
  /**
   * How fast the clock follows the hand: shares of what a bit is off that its end, its length and how much longer each bit is
   * than the one before, as a share of it, are moved by.
   */
  readonly followPhase: number;
  readonly followLength: number;
  readonly followTrend: number;
  /** Standard deviation of a pulse's height, as a share of it, above 0: where the stripe is worn or scratched. */
  readonly fading: number;
}

/** How the pulses of a swipe look. */
export interface PulseModel extends PulseSettings {
  /** PW50 as a share of a bit: it is the same along the whole swipe, whatever the speed. */
  readonly width: number;
}

const SURVIVORS = 16;
/** Survivors that lie so far behind the best one do not catch up. */
const HOPELESS = 24;
/** Flux changes that still reach into the window of a bit. */
const HISTORY = 6;
/** The window of a bit begins so much of a bit before it, and ends as much before the next one. */
const AHEAD = 0.3;
/** The stripe never fades to less than this share. */
const FAINTEST = 0.05;
const STRONGEST = 1.3;
/** Worn places reach over so many pulse widths. */
const WORN_WIDTHS = 4;
/** Bits before one whose fit tells how far the model holds there. */
const MISFIT_BITS = 4;
/** Samples that are looked at for one bit at most. */
const WINDOW = 256;
const FOLLOW_HEIGHT = 0.04;
/** A hand changes by no more than this share within a bit. */
const STEEPEST = 0.06;
/** Energy of a bit over the noise's variance that can be read at all. */
const AUDIBLE = 4;
/** How fast it is noticed that no pulses come any more, and below which share of their height: the card has left. */
const FOLLOW_PRESENCE = 0.1;
const ABSENT = 0.2;
const PRESENT = 0.5;

/** What was read on from a place. */
export interface Followed {
  readonly run: FluxRun;
  /** As a logarithm, over that of noise alone. */
  readonly likelihood: number;
  /** Samples that were compared with what a survivor foretells of them: what it cost. */
  readonly compared: number;
}

/** What the survivors are, in columns. */
class Survivors {
  readonly at: Float64Array;
  readonly length: Float64Array;
  /** How much longer the next bit is, as a share. */
  readonly trend: Float64Array;
  readonly height: Float64Array;
  readonly score: Float64Array;
  /** How far the nearest rival that would have gone on alike lay behind, at this bit. */
  readonly margin: Float64Array;
  /** Mean square of what the model leaves of the signal in this bit, over the noise's variance. */
  readonly misfit: Float64Array;
  /** How much there was, of late, of what the pulses should give. */
  readonly presence: Float64Array;
  readonly past: Float64Array;
  /** Of the flux changes in {@link past}, as a share of the height. */
  readonly strengths: Float64Array;
  /** In which of the bits so far that nearest rival differs; bit 0 is the newest. */
  readonly rival: Int32Array;
  readonly bits: Int32Array;
  readonly parent: Int32Array;
  readonly middle: Float64Array;
  readonly edge: Float64Array;
  /** The least height of the bit's pulses, as a share. */
  readonly weakest: Float64Array;
  count = 0;

  constructor(capacity: number) {
    this.at = new Float64Array(capacity);
    this.length = new Float64Array(capacity);
    this.trend = new Float64Array(capacity);
    this.height = new Float64Array(capacity);
    this.score = new Float64Array(capacity);
    this.margin = new Float64Array(capacity);
    this.misfit = new Float64Array(capacity);
    this.presence = new Float64Array(capacity);
    this.past = new Float64Array(capacity * HISTORY);
    this.strengths = new Float64Array(capacity * HISTORY);
    this.rival = new Int32Array(capacity);
    this.bits = new Int32Array(capacity);
    this.parent = new Int32Array(capacity);
    this.middle = new Float64Array(capacity);
    this.edge = new Float64Array(capacity);
    this.weakest = new Float64Array(capacity);
  }

  wipe(): void {
    for (const column of [this.at, this.past, this.rival, this.bits, this.middle, this.edge]) column.fill(0);
  }

  copy(from: Survivors, index: number, to: number): void {
    this.at[to] = from.at[index] as number;
    this.length[to] = from.length[index] as number;
    this.trend[to] = from.trend[index] as number;
    this.height[to] = from.height[index] as number;
    this.score[to] = from.score[index] as number;
    this.misfit[to] = from.misfit[index] as number;
    this.presence[to] = from.presence[index] as number;
    this.bits[to] = from.bits[index] as number;
    this.parent[to] = from.parent[index] as number;
    this.middle[to] = from.middle[index] as number;
    this.edge[to] = from.edge[index] as number;
    this.weakest[to] = from.weakest[index] as number;
    for (let k = 0; k < HISTORY; k++) {
      this.past[to * HISTORY + k] = from.past[index * HISTORY + k] as number;
      this.strengths[to * HISTORY + k] = from.strengths[index * HISTORY + k] as number;
    }
  }
}

const strengthWithin = (strength: number) => Math.max(FAINTEST, Math.min(STRONGEST, strength));

/**
 * Reads on from a flux change among clocking zeros, comparing the signal with what each next bit would add to it: the sum of
 * the Lorentzian pulses around. Where pulses overlap and noise moves their peaks this tells bits apart that peaks do not.
 * Survivors carry their own clock, height and past; the likeliest wins.
 *
 * @param first length of a bit there, in samples
 * @param start of a bit, in samples
 * @param height of the pulse there, signed
 * @param weights one over the variance of what no pulse explains, for each sample
 */
export function followPulses(
  signal: Float64Array,
  first: number,
  start: number,
  height: number,
  weights: Float64Array,
  { width, jitter, followPhase, followLength, followTrend, fading }: PulseModel,
): Followed {
  const now = new Survivors(SURVIVORS);
  const next = new Survivors(2 * SURVIVORS);
  const order: number[] = [];
  const parents: Int32Array[] = [];
  const bits: Uint8Array[] = [];
  const edges: Float64Array[] = [];
  const middles: Float64Array[] = [];
  const margins: Float64Array[] = [];
  const misfits: Float64Array[] = [];
  const rivals: Int32Array[] = [];
  const weakest: Float64Array[] = [];
  const presences: number[] = [];
  const known = new Float64Array(WINDOW);
  const newest = new Float64Array(WINDOW);
  const newestSlope = new Float64Array(WINDOW);
  // How much of what a pulse lacks another half a bit from it lacks too.
  const halfKept = Math.exp(-1 / (2 * width * WORN_WIDTHS));
  const bitKept = halfKept * halfKept;
  const stiffOfHalf = 1 / (fading * fading * (1 - bitKept));
  const stiffOfBit = 1 / (fading * fading * (1 - bitKept * bitKept));
  let from = 0;
  let to = 0;
  let compared = 0;
  let firstShare = 1;
  let lastShare = 1;

  now.count = 1;
  now.at[0] = start;
  now.length[0] = first;
  now.height[0] = height;
  now.presence[0] = 1;
  for (let k = 0; k < HISTORY; k++) {
    now.past[k] = start - k * first;
    now.strengths[k] = 1;
  }

  for (;;) {
    next.count = 0;
    for (let s = 0; s < now.count; s++) {
      const at = now.at[s] as number;
      const bit = now.length[s] as number;
      if (!(at + 1.5 * bit < signal.length)) continue;
      sumKnown(s, at, bit);
      compared += 2 * (to - from);
      for (let one = 0; one < 2; one++) {
        const child = next.count++;
        extend(child, s, at, bit, one);
      }
    }
    if (next.count === 0) break;
    choose();
    parents.push(now.parent.slice(0, now.count));
    bits.push(Uint8Array.from(now.bits.subarray(0, now.count), (last) => last & 1));
    edges.push(now.edge.slice(0, now.count));
    middles.push(now.middle.slice(0, now.count));
    margins.push(now.margin.slice(0, now.count));
    misfits.push(now.misfit.slice(0, now.count));
    rivals.push(now.rival.slice(0, now.count));
    weakest.push(now.weakest.slice(0, now.count));
    const presence = now.presence[0] as number;
    presences.push(presence);
    if (presence < ABSENT) break;
  }

  /** What the known pulses of a survivor give in the window of its next bit, whatever that will be. */
  function sumKnown(parent: number, at: number, length: number): void {
    const begin = at - AHEAD * length;
    const end = begin + length;
    from = Math.max(0, Math.ceil(begin - 0.5));
    to = Math.min(signal.length, Math.ceil(end + 0.5), from + WINDOW);
    firstShare = Math.min(1, from + 0.5 - begin);
    lastShare = Math.min(1, end - (to - 1.5));
    const amplitude = now.height[parent] as number;
    const scale = 2 / (width * length);
    const base = parent * HISTORY;
    const strength = now.strengths[base] as number;
    // The newest known flux change has the sign of the height, those before it alternate.
    for (let n = from; n < to; n++) {
      const u = (n - (now.past[base] as number)) * scale;
      const inverse = 1 / (1 + u * u);
      let sum = strength * inverse;
      for (let k = 1, sign = -1; k < HISTORY; k++, sign = -sign) {
        const v = (n - (now.past[base + k] as number)) * scale;
        sum += (sign * (now.strengths[base + k] as number)) / (1 + v * v);
      }
      known[n - from] = amplitude * sum;
      newest[n - from] = amplitude * inverse;
      // What moving it later would add.
      newestSlope[n - from] = amplitude * scale * 2 * u * inverse * inverse;
    }
  }

  function extend(child: number, parent: number, at: number, length: number, one: number): void {
    const amplitude = now.height[parent] as number;
    const scale = 2 / (width * length);
    const sign = one === 1 ? 1 : -1;
    const middleAt = at + length / 2;
    const end = at + length;
    const base = child * HISTORY;
    const strength = now.strengths[parent * HISTORY] as number;
    const expected = 1 + halfKept * (strength - 1);
    const high = amplitude * (1 + bitKept * (strength - 1));
    let along = 0;
    let squares = 0;
    let restAlong = 0;
    let left = 0;
    // Sums of products, of the rest (r), all places moved together (s), and the heights and places of the newest pulse (h, p)
    // and of the middle one (m, q).
    let rs = 0;
    let ss = 0;
    let rh = 0;
    let hh = 0;
    let rp = 0;
    let pp = 0;
    let hp = 0;
    let rm = 0;
    let mm = 0;
    let rq = 0;
    let qq = 0;
    let mq = 0;
    let hm = 0;
    let pm = 0;
    let hq = 0;
    let pq = 0;
    for (let n = from; n < to; n++) {
      const u = (n - end) * scale;
      const inverse = 1 / (1 + u * u);
      const v = u - 0.5 * length * scale;
      const w = v - 0.5 * length * scale;
      // What follows is a 0 or a 1: half of either.
      const pulses = inverse - 0.5 / (1 + v * v) - 0.25 / (1 + w * w);
      let model = (known[n - from] as number) + sign * high * pulses;
      let own = newest[n - from] as number;
      const ownSlope = newestSlope[n - from] as number;
      let slope = strength * ownSlope + sign * high * scale * 2 * u * inverse * inverse;
      let middle = 0;
      let middleSlope = 0;
      if (one === 1) {
        const x = (n - middleAt) * scale;
        const about = 1 / (1 + x * x);
        middle = -amplitude * about;
        middleSlope = middle * scale * 2 * x * about;
        model += expected * middle;
        slope += expected * middleSlope;
        middle += sign * amplitude * halfKept * pulses;
      } else {
        own += sign * amplitude * bitKept * pulses;
      }
      const share = n === from ? firstShare : n === to - 1 ? lastShare : 1;
      const weight = share * (weights[n] as number);
      const value = signal[n] as number;
      const rest = value - model;
      const weighted = weight * rest;
      along += weight * value * model;
      squares += weight * model * model;
      restAlong += weighted * model;
      left += weighted * rest;
      rs += weighted * slope;
      ss += weight * slope * slope;
      rh += weighted * own;
      hh += weight * own * own;
      rp += weighted * ownSlope;
      pp += weight * ownSlope * ownSlope;
      hp += weight * own * ownSlope;
      if (one === 1) {
        const weighty = weight * middle;
        const steep = weight * middleSlope;
        rm += rest * weighty;
        mm += middle * weighty;
        rq += rest * steep;
        qq += middleSlope * steep;
        mq += middle * steep;
        hm += own * weighty;
        pm += ownSlope * weighty;
        hq += own * steep;
        pq += ownSlope * steep;
      }
    }
    let gain = along - squares / 2;

    // The heights that explain most: they stray seldom, and from one pulse to the next little.
    const stiff = ((now.bits[parent] as number) & 1) === 1 ? stiffOfHalf : stiffOfBit;
    const shared = one === 1 ? halfKept * stiffOfHalf : 0;
    const a = hh + stiff + halfKept * shared;
    const b = hm - shared;
    const c = mm + stiffOfHalf;
    const determinant = a * c - b * b;
    let more = (rh * c - rm * b) / determinant;
    let middleMore = (rm * a - rh * b) / determinant;
    const bounded = strengthWithin(strength + more) - strength;
    if (bounded !== more) {
      more = bounded;
      middleMore = (rm - more * b) / c;
    }
    const middleBounded = strengthWithin(expected + middleMore) - expected;
    if (one === 1 && middleBounded !== middleMore) {
      middleMore = middleBounded;
      more = strengthWithin(strength + (rh - middleMore * b) / a) - strength;
    }
    const explained =
      2 * (more * rh + middleMore * rm) - more * more * hh - middleMore * middleMore * mm - 2 * more * middleMore * hm;
    const apart = one === 1 ? middleMore - halfKept * more : 0;
    left -= explained;
    gain += (explained - stiff * more * more - stiffOfHalf * apart * apart) / 2;
    gain -= 0.5 * Math.log(determinant / (stiff * stiffOfHalf));
    const newestStrength = strength + more;
    const middleStrength = expected + middleMore;

    // A flux change may lie off its place: what that would explain of what is left, and how seldom it is.
    const loose = 1 / (jitter * length) ** 2;
    const pull = newestStrength * (rp - more * hp - middleMore * pm);
    const hold = newestStrength * newestStrength * pp;
    const shift = pull / (hold + loose);
    gain += (pull * shift) / 2 - 0.5 * Math.log(1 + hold / loose);
    const middlePull = middleStrength * (rq - middleMore * mq - more * hq - shift * newestStrength * pq);
    const middleHold = middleStrength * middleStrength * qq;
    const middleShift = middlePull / (middleHold + loose);
    gain += (middlePull * middleShift) / 2 - 0.5 * Math.log(1 + middleHold / loose);
    next.score[child] = (now.score[parent] as number) + gain;
    next.misfit[child] = to > from ? left / (to - from) : 1;
    const presence = now.presence[parent] as number;
    const heard = squares > AUDIBLE ? Math.max(-1, Math.min(1, along / squares)) : 0;
    next.presence[child] = presence + FOLLOW_PRESENCE * (heard - presence);

    // The phase follows what all pulses of the window say together.
    const off = ss > 0 ? rs / ss : 0;
    const late = Math.max(-0.2 * length, Math.min(0.2 * length, off));
    const moved = at + length + followPhase * late;
    next.at[child] = moved;
    const trended = (now.trend[parent] as number) + (followTrend * late) / length;
    const trend = Math.max(-STEEPEST, Math.min(STEEPEST, trended));
    next.trend[child] = trend;
    const longer = Math.max(0.1 * first, Math.min(10 * first, length * (1 + trend) + followLength * late));
    next.length[child] = longer;
    // A head's pulses are as high as the card is fast.
    const grown =
      amplitude *
      (length / longer) *
      (1 + FOLLOW_HEIGHT * Math.max(-1, Math.min(1, squares > 0 ? restAlong / squares : 0)));
    next.height[child] = grown * sign;
    next.weakest[child] = one === 1 ? Math.min(newestStrength, middleStrength) : newestStrength;
    const { past, strengths } = next;
    const before = parent * HISTORY;
    past[base + 1 + one] = at + shift;
    strengths[base + 1 + one] = newestStrength;
    for (let k = 2 + one; k < HISTORY; k++) {
      past[base + k] = now.past[before + k - 1 - one] as number;
      strengths[base + k] = now.strengths[before + k - 1 - one] as number;
    }
    const within = (away: number) => Math.max(-length / 4, Math.min(length / 4, away));
    if (one === 1) {
      past[base + 1] = middleAt + middleShift;
      strengths[base + 1] = middleStrength;
      next.middle[child] = middleAt + (middleHold > 0 ? within(middlePull / middleHold) : 0);
    } else {
      next.middle[child] = Number.NaN;
    }
    past[base] = moved;
    strengths[base] = one === 1 ? 1 + halfKept * (middleStrength - 1) : 1 + bitKept * (newestStrength - 1);
    // Where the signal alone would put it, for what is said of the timing.
    next.edge[child] = at + (hold > 0 ? within(pull / hold) : 0);
    next.bits[child] = ((now.bits[parent] as number) << 1) | one;
    next.parent[child] = parent;
  }

  /** Keeps the best of what would go on alike, and of those the best. */
  function choose(): void {
    order.length = 0;
    for (let s = 0; s < next.count; s++) order.push(s);
    order.sort((a, b) => (next.score[b] as number) - (next.score[a] as number));
    const best = next.score[order[0] as number] as number;
    now.count = 0;
    for (const s of order) {
      if ((next.score[s] as number) < best - HOPELESS || now.count === SURVIVORS) break;
      let known = -1;
      for (let k = 0; k < now.count && known < 0; k++) {
        const alike =
          ((now.bits[k] as number) & 7) === ((next.bits[s] as number) & 7) &&
          (now.height[k] as number) > 0 === (next.height[s] as number) > 0 &&
          Math.abs((now.at[k] as number) - (next.at[s] as number)) < 0.25 * (now.length[k] as number);
        if (alike) known = k;
      }
      if (known >= 0) {
        // Survivors come in order of their scores, so that the first rival is the nearest.
        const margin = (now.score[known] as number) - (next.score[s] as number);
        if (margin < (now.margin[known] as number)) {
          now.margin[known] = margin;
          now.rival[known] = (now.bits[known] as number) ^ (next.bits[s] as number);
        }
        continue;
      }
      now.copy(next, s, now.count);
      now.rival[now.count] = 0;
      now.margin[now.count++] = HOPELESS;
    }
  }

  // What was read while presence fell for good is not there.
  const count = presences.findLastIndex((presence) => presence > PRESENT) + 1;
  const run = {
    bits: new Uint8Array(count),
    edges: new Float64Array(count + 1),
    middles: new Float64Array(count),
    margins: new Float64Array(count),
    rivals: new Int32Array(count),
    strengths: new Float64Array(count),
  };
  const misfit = new Float64Array(count);
  for (let step = bits.length - 1, s = 0; step >= 0; step--) {
    if (step === bits.length - 1) run.edges[count] = now.at[0] as number;
    if (step === count) run.edges[count] = edges[step]?.[s] as number;
    if (step >= count) {
      s = parents[step]?.[s] as number;
      continue;
    }
    run.bits[step] = bits[step]?.[s] as number;
    run.edges[step] = edges[step]?.[s] as number;
    run.middles[step] = middles[step]?.[s] as number;
    run.margins[step] = margins[step]?.[s] as number;
    run.rivals[step] = rivals[step]?.[s] as number;
    run.strengths[step] = weakest[step]?.[s] as number;
    misfit[step] = misfits[step]?.[s] as number;
    s = parents[step]?.[s] as number;
  }
  // Where the signal is not as the model says, what it says of the bits counts for less.
  for (let step = 0; step < count; step++) {
    const around = misfit.subarray(Math.max(0, step - MISFIT_BITS), step + 2);
    const mean = around.reduce((sum, value) => sum + value, 0) / around.length;
    run.margins[step] = (run.margins[step] as number) / Math.max(1, mean);
  }
  for (const columns of [bits, edges, middles, rivals]) for (const column of columns) column.fill(0);
  const likelihood = now.score[0] as number;
  for (const survivors of [now, next]) survivors.wipe();
  return { run, likelihood, compared };
}
