import type { TrackNumber } from "@swipewire/protocol/readers/reader-frame";
import { WaveformDecoder } from "@swipewire/protocol/waveform/waveform-decoder";
import type { WaveformEvent, WaveformTrack } from "@swipewire/protocol/waveform/waveform-event";
import { randomTrack } from "@swipewire/simulator/cards/random-card";
import { Dice } from "@swipewire/simulator/waveform/dice";
import { moveHand } from "@swipewire/simulator/waveform/hand";
import { stripeOf } from "@swipewire/simulator/waveform/stripe";
import { type SwipeConditions, swipeSignal } from "@swipewire/simulator/waveform/swipe-signal";
import { type Condition, conditions } from "./conditions.ts";

/** What became of one simulated swipe. */
export interface Outcome {
  readonly right: boolean;
  /** Tracks accepted that were not on the card. */
  readonly wrong: number;
  /** Code of the failure. */
  readonly failure?: string;
  /** Seconds of signal, and of this thread's CPU time for decoding it. */
  readonly signal: number;
  readonly taken: number;
  /** Seconds of signal from the last flux change to the answer, and of CPU time for the piece that brought it. */
  readonly delay: number;
  readonly work: number;
}

/** As a sound card's driver hands them out. */
const PIECE_SECONDS = 0.02;
/** Seconds: the input has been listened to for a while, and goes on. */
const QUIET = { before: 0.5, after: 0.25 };

/** Of this thread, in seconds. */
export function cpuSeconds(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1e6;
}

/** Every swipe of every condition has dice of its own, and the same ones in each run with the same seed. */
export function seedOf(condition: Condition, track: TrackNumber, seed: number, n: number): number {
  let hash = 0x81_1c_9d_c5;
  for (const character of `${condition.group}/${condition.name}/${track}/${seed}/${n}`) {
    hash = Math.imul(hash ^ character.charCodeAt(0), 0x0100_0193);
  }
  return hash >>> 1;
}

/** When the last flux change passes the head, in seconds of the signal. */
function lastFluxChange(number: TrackNumber, data: Uint8Array, { hand, backwards }: SwipeConditions): number {
  const { places } = stripeOf(number, data, {}, new Dice(0));
  const rate = 8000;
  const path = moveHand(hand, rate).places;
  // A card swiped backwards is one heard backwards.
  const passed = backwards
    ? path.filter((at) => at > (places[0] ?? 0)).length
    : path.filter((at) => at < (places.at(-1) ?? 0)).length;
  return QUIET.before + passed / rate;
}

/** Is it the track that was on the card? */
export const isRight = (read: WaveformTrack, track: TrackNumber, data: Uint8Array): boolean =>
  read.number === track &&
  read.data.use((bytes) => bytes.length === data.length && bytes.every((byte, n) => byte === data[n]));

/** Swipes one card under a condition; the same seed gives the same swipe. */
export function tryOne(condition: Condition, track: TrackNumber, seed: number): Outcome {
  const dice = new Dice(seed);
  const data = randomTrack(track, dice);
  const settings = { ...condition.of(track, dice), ...QUIET };
  const rate = settings.sampleRate;
  const signal = swipeSignal({ number: track, data }, settings, dice);
  const last = lastFluxChange(track, data, settings);
  const piece = Math.round(PIECE_SECONDS * rate);
  const decoder = new WaveformDecoder({ sampleRate: rate });
  const events: WaveformEvent[] = [];
  const started = cpuSeconds();
  let delay = Number.NaN;
  let work = Number.NaN;
  for (let at = 0; at <= signal.length; at += piece) {
    const before = cpuSeconds();
    const found = at + piece > signal.length ? decoder.flush() : decoder.push(signal.subarray(at, at + piece));
    if (found.length > 0) {
      delay = Math.min(at + piece, signal.length) / rate - last;
      work = cpuSeconds() - before;
    }
    events.push(...found);
  }
  const taken = cpuSeconds() - started;
  let right = false;
  let wrong = 0;
  for (const event of events) {
    if (event.kind !== "swipe") continue;
    for (const read of event.tracks) {
      const same = isRight(read, track, data);
      right ||= same;
      if (!same) wrong++;
      read.data.wipe();
    }
  }
  const failure = events.find((event) => event.kind === "failure")?.failure;
  return { right, wrong, ...(failure && { failure: failure.code }), signal: signal.length / rate, taken, delay, work };
}

/** Times real time of clean swipes: some of both tracks, again and again, since one takes less than the clock can tell. */
export function cleanSpeed(swipes = 200): number {
  const clean = conditions.find(({ group }) => group === "clean");
  if (!clean) throw new Error("there are clean swipes");
  let signal = 0;
  let taken = 0;
  for (let n = 0; n < swipes; n++) {
    const outcome = tryOne(clean, n % 2 === 0 ? 2 : 1, n);
    // What is compiled on the way is not counted.
    if (n < swipes / 2) continue;
    signal += outcome.signal;
    taken += outcome.taken;
  }
  return signal / taken;
}
