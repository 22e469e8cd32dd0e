import { trackFormats } from "../card/alphabets.ts";
import { decodeBitStream } from "../card/bit-stream.ts";
import { passesLuhn } from "../card/luhn.ts";
import { parseTrack } from "../card/track.ts";
import type { TrackNumber } from "../readers/reader-frame.ts";
import { doubtOf } from "./doubt.ts";
import { type FluxRun, largestJump, timingResidual } from "./flux-run.ts";

/** Which end of the stripe came first: `forward` is its start sentinel's. */
export type SwipeDirection = "forward" | "backward";

/** Of ISO/IEC 7813 or 4909, of it but for the Luhn check on a payment card's number, or of neither. */
export type TrackForm = "iso" | "iso without Luhn" | "foreign";

/** A track with its parity, its LRC and the zeros on both sides whole. Not yet accepted: see `acceptance.ts`. */
export interface TrackRead {
  readonly number: TrackNumber;
  /** ASCII, start to end sentinel, without LRC; whoever drops the read wipes it. */
  readonly data: Uint8Array;
  readonly direction: SwipeDirection;
  /** Of its first and behind its last flux change, in samples of the region, clocking zeros included. */
  readonly start: number;
  readonly end: number;
  /** Its characters' first bit in the run, and the one behind its last. */
  readonly firstBit: number;
  readonly endBit: number;
  /** See {@link timingResidual}; the characters alone. */
  readonly residual: number;
  /** One bit is of another length than all around it, as where a busy machine lost samples: zeros may be missing there. */
  readonly isTorn: boolean;
  /** The least of {@link FluxRun.margins} over its characters. */
  readonly margin?: number;
  /** See {@link doubtOf}. */
  readonly doubt?: number;
  /** How faint pulses are in the second faintest of its characters: see {@link FluxRun.strengths}. */
  readonly faintness?: number;
  readonly form: TrackForm;
  /** Length of a bit in samples, at places along the swipe. */
  readonly cells: Float64Array;
}

/** ISO/IEC 7811-6 has far more on either side of the characters. */
const ZEROS_BEFORE = 6;
const ZEROS_AFTER = 3;
/**
 * Track 2 has 22 zeros before its characters and tracks 1 and 3 have 61 (ISO/IEC 7811-6, 8), or fewer off the card's edge.
 * Noise before the edge may look like some more.
 */
const ZEROS_OF_TRACK_3 = 42;
const ZEROS_OF_LONG_TRACK_3 = 30;
/** All that a stripe holds of track 2: 85.6 mm of 75 bits an inch. */
const BITS_OF_TRACK_2 = 253;
/** Shorter ones, sentinels with nothing between them above all, come about by chance in the midst of others. */
const FEWEST_CHARACTERS = 8;
const MARKS = 12;
/** {@link largestJump} of a torn track: so much, and so many times the residual. */
const TORN = 0.04;
const TORN_TIMES = 6;

const START = { 1: [1, 0, 1, 0, 0, 0, 1], 3: [1, 1, 0, 1, 0] } as const;

/** Every whole track in the run, whichever way the card passed. */
export function readBits(run: FluxRun): TrackRead[] {
  const reads: TrackRead[] = [];
  const count = run.bits.length;
  const turned = Uint8Array.from(run.bits).reverse();
  for (const direction of ["forward", "backward"] as const) {
    const bits = direction === "forward" ? run.bits : turned;
    let zeros = 0;
    for (let at = 0; at < count; at++) {
      if (bits[at] === 0) {
        zeros++;
        continue;
      }
      const zerosBefore = zeros;
      zeros = 0;
      if (zerosBefore < ZEROS_BEFORE) continue;
      const alphabetOf = ([1, 3] as const).find((number) => START[number].every((bit, n) => bits[at + n] === bit));
      if (alphabetOf === undefined) continue;
      const data = decodeFrom(alphabetOf, bits.subarray(at));
      if (!data) continue;
      const cell = trackFormats[alphabetOf].alphabet.dataBits + 1;
      const behind = at + (data.length + 1) * cell;
      if (
        data.length < FEWEST_CHARACTERS ||
        behind + ZEROS_AFTER > count ||
        bits.subarray(behind, behind + ZEROS_AFTER).includes(1)
      ) {
        data.fill(0);
        continue;
      }
      const number = alphabetOf === 1 ? 1 : trackOfDigits(data, zerosBefore, count);
      if (number === undefined) data.fill(0);
      else reads.push(describe(run, direction, number, data, at, behind));
      at = behind - 1;
    }
  }
  turned.fill(0);
  return reads;
}

function decodeFrom(alphabetOf: 1 | 3, bits: Uint8Array): Uint8Array | undefined {
  try {
    return decodeBitStream(alphabetOf, bits);
  } catch {
    return undefined;
  }
}

function describe(
  run: FluxRun,
  direction: SwipeDirection,
  number: TrackNumber,
  data: Uint8Array,
  from: number,
  to: number,
): TrackRead {
  const count = run.bits.length;
  const [first, last] = direction === "forward" ? [from, to] : [count - to, count - from];
  const residual = timingResidual(run, first, last);
  return {
    number,
    data,
    direction,
    start: run.edges[0] as number,
    end: run.edges[count] as number,
    firstBit: first,
    endBit: last,
    residual,
    // Where pulses are worn a model places them badly.
    isTorn: !run.margins && largestJump(run, first, last) > Math.max(TORN, TORN_TIMES * residual),
    ...(run.margins && {
      doubt: doubtOf(run, first, last, trackFormats[number].alphabet.dataBits + 1, direction === "backward"),
      margin: Math.min(...run.margins.subarray(Math.max(0, first - 3), last + 3)),
    }),
    ...(run.strengths && {
      faintness: faintnessOf(run.strengths, first, last, trackFormats[number].alphabet.dataBits + 1),
    }),
    form: formOf(number, data),
    cells: Float64Array.from({ length: MARKS }, (_, n) => {
      const cell = Math.floor(((count - 1) * (n + 0.5)) / MARKS);
      const low = Math.max(0, cell - 4);
      const high = Math.min(count, cell + 5);
      return ((run.edges[high] as number) - (run.edges[low] as number)) / (high - low);
    }),
  };
}

/** Of the second faintest, since errors in one character alone do not pass parity and LRC. */
function faintnessOf(strengths: Float64Array, from: number, to: number, cell: number): number {
  const faintest = Array.from({ length: (to - from) / cell }, (_, n) =>
    Math.min(...strengths.subarray(from + n * cell, from + (n + 1) * cell)),
  ).sort((a, b) => a - b);
  return faintest[1] as number;
}

/**
 * Tracks 2 and 3 share an alphabet; the zeros before them tell them apart, and how many bits there are. Their formats must not: a track 2 that is wrong in
 * two digits would pass as a track 3, which has no check digit, and one that a sound input played a part of twice as well.
 */
function trackOfDigits(data: Uint8Array, zeros: number, bits: number): 2 | 3 | undefined {
  if (data.length >= trackFormats[2].maxLength) return zeros >= ZEROS_OF_LONG_TRACK_3 ? 3 : undefined;
  return zeros >= ZEROS_OF_TRACK_3 && bits > BITS_OF_TRACK_2 ? 3 : 2;
}

function formOf(number: TrackNumber, data: Uint8Array): TrackForm {
  try {
    const parsed = parseTrack(number, data);
    return parsed.number === 3 || passesLuhn(parsed.pan) ? "iso" : "iso without Luhn";
  } catch {
    return "foreign";
  }
}
