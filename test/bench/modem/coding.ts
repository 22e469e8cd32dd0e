import { BandPass } from "@swipewire/protocol/waveform/modem/band-pass";
import { BitCorrelator } from "@swipewire/protocol/waveform/modem/bit-correlator";
import { BitTracker } from "@swipewire/protocol/waveform/modem/bit-tracker";
import { bitsOf, PREAMBLE, SYNC } from "@swipewire/protocol/waveform/modem/frame-layout";
import { ffsk } from "@swipewire/protocol/waveform/modem/line-code";
import type { Baud } from "@swipewire/protocol/waveform/modem/modem-line";
import { SyncSearch } from "@swipewire/protocol/waveform/modem/sync-search";
import { Dice } from "@swipewire/simulator/waveform/dice";
import { lineSignal, type ModemConditions } from "@swipewire/simulator/waveform/modem-signal";
import { PAYLOAD_BYTES, randomPayload } from "./frame-trial.ts";

/** A way to make frames surer that was not taken: what is sent of a frame's bytes, and whether it could be read. */
export interface Coding {
  readonly name: string;
  readonly baud: Baud;
  /** How often the whole is sent. */
  readonly times: number;
  readonly encode: (frame: Uint8Array) => readonly number[];
  /** @param soft of each bit sent: positive for a 1, and the larger the surer */
  readonly isRead: (soft: Float64Array, frame: Uint8Array) => boolean;
}

const bitsOfBytes = (bytes: Uint8Array) => Array.from(bytes).flatMap((byte) => bitsOf(byte, 8));

/** Bytes of a frame that are not as they were sent. */
function wrongBytes(soft: Float64Array, frame: Uint8Array): number {
  let count = 0;
  for (const [n, byte] of frame.entries()) {
    if (bitsOf(byte, 8).some((bit, i) => bit !== ((soft[8 * n + i] ?? 0) > 0 ? 1 : 0))) count++;
  }
  return count;
}

const uncoded = (name: string, baud: Baud, times: number): Coding => ({
  name,
  baud,
  times,
  encode: bitsOfBytes,
  isRead: (soft, frame) => wrongBytes(soft, frame) === 0,
});

const MEMORY = 6;
const STATES = 2 ** MEMORY;
/** The usual pair of constraint length 7, in octal 171 and 133. */
const POLYNOMIALS = [0o171, 0o133];
const ROWS = 24;

const parity = (value: number) => {
  let odd = 0;
  for (let rest = value; rest > 0; rest >>= 1) odd ^= rest & 1;
  return odd;
};

/** Where bit `n` of so many stands on the line: neighbours are {@link ROWS} bits apart. */
function spread(length: number): number[] {
  return Array.from({ length }, (_, n) => n).sort((a, b) => (a % ROWS) - (b % ROWS) || a - b);
}

/** Rate 1/2, soft decisions, spread over {@link ROWS} bits. */
const convolutional: Coding = {
  name: "convolutional 1/2, K = 7, spread, 2400 Bd",
  baud: 2400,
  times: 1,
  encode(frame) {
    let state = 0;
    const coded = [...bitsOfBytes(frame), ...new Array<number>(MEMORY).fill(0)].flatMap((bit) => {
      const register = (bit << MEMORY) | state;
      state = register >> 1;
      return POLYNOMIALS.map((polynomial) => parity(register & polynomial));
    });
    return spread(coded.length).map((n) => coded[n] as number);
  },
  isRead(soft, frame) {
    const steps = 8 * frame.length + MEMORY;
    const coded = new Float64Array(2 * steps);
    for (const [at, n] of spread(2 * steps).entries()) coded[n] = soft[at] as number;
    let scores = new Float64Array(STATES).fill(Number.NEGATIVE_INFINITY);
    scores[0] = 0;
    const from: Uint8Array[] = [];
    for (let step = 0; step < steps; step++) {
      const next = new Float64Array(STATES).fill(Number.NEGATIVE_INFINITY);
      const origin = new Uint8Array(STATES);
      for (let state = 0; state < STATES; state++) {
        for (const bit of [0, 1]) {
          const register = (bit << MEMORY) | state;
          let score = scores[state] as number;
          for (const [i, polynomial] of POLYNOMIALS.entries()) {
            score += (parity(register & polynomial) === 1 ? 1 : -1) * (coded[2 * step + i] as number);
          }
          if (score > (next[register >> 1] as number)) {
            next[register >> 1] = score;
            origin[register >> 1] = state;
          }
        }
      }
      scores = next;
      from.push(origin);
    }
    let state = 0;
    const bits = new Uint8Array(steps);
    for (let step = steps - 1; step >= 0; step--) {
      bits[step] = state >> (MEMORY - 1);
      state = (from[step] as Uint8Array)[state] as number;
    }
    return bitsOfBytes(frame).every((bit, n) => bit === bits[n]);
  },
};

/** Of a frame that is not coded: kind, length, what checks the header, CRC. */
const OWN_BYTES = 8;

/** Each fills about the same time with a frame. */
export const codings: readonly Coding[] = [
  uncoded("none, 1200 Bd", 1200, 1),
  uncoded("none, 2400 Bd, sent twice", 2400, 2),
  convolutional,
];

/** Share of frames read that way. @param conditions of the line; its rate is the coding's */
export function tryCoding(
  coding: Coding,
  conditions: Omit<ModemConditions, "baud">,
  frames: number,
  seed: number,
): number {
  let right = 0;
  for (let n = 0; n < frames; n++) {
    const dice = new Dice(seed * 100_003 + n);
    const frame = randomPayload(dice, PAYLOAD_BYTES + OWN_BYTES);
    const signs = coding.encode(frame);
    const changes = signs.map((sign, i) => sign ^ (i === 0 ? 0 : (signs[i - 1] as number)));
    const symbols = [...bitsOf(PREAMBLE, 32), ...bitsOf(SYNC, 32), ...changes, 0, 0, 0, 0];
    let isRead = false;
    for (let time = 0; time < coding.times; time++) {
      const signal = lineSignal(Uint8Array.from(symbols), { ...conditions, baud: coding.baud }, dice);
      const soft = hearSoftly(signal, conditions.sampleRate, coding.baud, signs.length);
      isRead ||= soft !== undefined && coding.isRead(soft, frame);
    }
    if (isRead) right++;
  }
  return right / frames;
}

/** How the line stands behind each bit, 0 upright, and how surely. `undefined`: no sync word. */
function hearSoftly(signal: Float32Array, sampleRate: number, baud: Baud, count: number): Float64Array | undefined {
  const filter = new BandPass(sampleRate, baud, ffsk.band);
  const correlator = new BitCorrelator(ffsk);
  const search = new SyncSearch(ffsk);
  let tracker: BitTracker | undefined;
  let upright = 1;
  /** What a bit says of the line behind it. */
  let behind = 0;
  const soft: number[] = [];
  const step = (value: number) => {
    correlator.push(value);
    if (!tracker) {
      const sync = search.look(correlator);
      if (!sync) return;
      tracker = new BitTracker(ffsk, sync);
      upright = sync.sign;
    }
    while (tracker.canTake(correlator)) {
      const zero = correlator.likenessBetween(0, tracker.at);
      const one = correlator.likenessBetween(1, tracker.at);
      // Of the line at this bit's beginning, both bits that meet there speak.
      soft.push(-upright * (behind + (zero + one) / 2));
      behind = (zero - one) / 2;
      tracker.take(correlator);
    }
  };
  for (const sample of signal) filter.push(sample, step);
  // The first is of the line ahead of all bits.
  return soft.length > count ? Float64Array.from(soft.slice(1, count + 1)) : undefined;
}
