import { parseArgs } from "node:util";
import type { TrackNumber } from "@swipewire/protocol/readers/reader-frame";
import { WaveformDecoder } from "@swipewire/protocol/waveform/waveform-decoder";
import { randomTrack } from "@swipewire/simulator/cards/random-card";
import { Dice } from "@swipewire/simulator/waveform/dice";
import { swipeSignal } from "@swipewire/simulator/waveform/swipe-signal";
import { isRight } from "./grid.ts";
import { asColumns } from "./report.ts";

const RATE = 44_100;
/** As a sound card's driver hands them out. */
const PIECE = Math.round(0.02 * RATE);
/** Of signal, from the last flux change on. */
const SOON_SECONDS = 0.1;
/** The first swipe comes after so long. */
const LEAD_SECONDS = 1.5;

/** A card that was drawn, in samples of the stream. */
interface Swiped {
  readonly from: number;
  readonly to: number;
  readonly track: TrackNumber;
  readonly data: Uint8Array;
}

/** Lays what else a microphone line hears over a stream of swipes, in place. */
type Background = (signal: Float32Array, dice: Dice, swiped: readonly Swiped[]) => void;

const add = (signal: Float32Array, n: number, value: number) => {
  signal[n] = (signal[n] ?? 0) + value;
};

const hiss =
  (level: number): Background =>
  (signal, dice) => {
    for (let n = 0; n < signal.length; n++) add(signal, n, level * dice.gauss());
  };

const hum =
  (level: number, frequency: number): Background =>
  (signal, dice) => {
    for (let order = 1; order <= 12; order++) {
      const height = level * 0.6 ** (order - 1);
      const phase = dice.between(0, 2 * Math.PI);
      const step = (2 * Math.PI * frequency * order) / RATE;
      for (let n = 0; n < signal.length; n++) add(signal, n, height * Math.sin(step * n + phase));
    }
  };

/** Calls `change` at places that come so often a second. */
function nowAndThen(signal: Float32Array, dice: Dice, often: number, change: (n: number) => void): void {
  for (let n = 0; n < signal.length; n++) if (dice.uniform() < often / RATE) change(n);
}

/** Hum while something is switched on. */
const switchedHum =
  (level: number): Background =>
  (signal, dice) => {
    const all = new Float32Array(signal.length);
    hum(level, 50.03)(all, dice, []);
    const edges = new Set<number>();
    nowAndThen(signal, dice, 0.25, (n) => edges.add(n));
    for (let n = 0, on = false, share = 0; n < signal.length; n++) {
      if (edges.has(n)) on = !on;
      share += ((on ? 1 : 0) - share) * 0.001;
      add(signal, n, share * (all[n] as number));
    }
  };

const ringing =
  (often: number, seconds: number, low: number, high: number, level: number): Background =>
  (signal, dice) =>
    nowAndThen(signal, dice, often, (at) => {
      const height = level * dice.between(0.2, 1) * dice.pick([-1, 1]);
      const step = (2 * Math.PI * dice.between(low, high)) / RATE;
      const to = Math.min(signal.length, at + 6 * seconds * RATE);
      for (let n = at; n < to; n++) {
        add(signal, n, height * Math.exp(-(n - at) / (seconds * RATE)) * Math.cos(step * (n - at)));
      }
    });

const offsets =
  (level: number): Background =>
  (signal, dice) =>
    nowAndThen(signal, dice, 0.3, (at) => {
      const jump = dice.between(-level, level);
      for (let n = at; n < signal.length; n++) add(signal, n, jump);
    });

/** Low noise that swells and fades. */
const fan =
  (level: number): Background =>
  (signal, dice) => {
    for (let n = 0, value = 0; n < signal.length; n++) {
      value += 0.05 * (dice.gauss() - value);
      add(signal, n, 4 * level * value * (1 + 0.3 * Math.sin((2 * Math.PI * 0.7 * n) / RATE)));
    }
  };

/** Voiced syllables, not while a card is drawn. */
const syllables =
  (level: number): Background =>
  (signal, dice, swiped) => {
    for (let at = 0; at < signal.length; ) {
      const to = at + Math.round(dice.between(0.1, 0.4) * RATE);
      const pitch = dice.between(90, 220);
      const height = 0.3 * level * dice.between(0.2, 1);
      const colour = dice.between(0, 2 * Math.PI);
      const isFree = swiped.every((swipe) => to < swipe.from - 0.15 * RATE || at > swipe.to + 0.05 * RATE);
      for (let n = at; isFree && n < Math.min(to, signal.length); n++) {
        const swell = Math.sin((Math.PI * (n - at)) / (to - at));
        for (let order = 1; order < 15; order++) {
          const strength = (1 + Math.cos(0.9 * order + colour)) / order;
          const turn = (2 * Math.PI * pitch * order * (n - at)) / RATE + order * order;
          add(signal, n, height * swell * strength * Math.sin(turn));
        }
      }
      at = to + Math.round(dice.between(0.05, 0.5) * RATE);
    }
  };

/** All that is there so far is louder or fainter from now on. */
const gainSteps: Background = (signal, dice) => {
  const steps = new Map<number, number>();
  nowAndThen(signal, dice, 0.2, (n) => steps.set(n, dice.betweenOctaves(0.2, 2)));
  for (let n = 0, gain = 1; n < signal.length; n++) {
    gain = steps.get(n) ?? gain;
    signal[n] = gain * (signal[n] as number);
  }
};

/** By name; each is laid over the one before. */
export const backgrounds: Readonly<Record<string, readonly Background[]>> = {
  quiet: [hiss(0.0005)],
  noise: [hiss(0.02)],
  hum: [hiss(0.002), hum(0.2, 50.02)],
  "hum, switched": [hiss(0.002), switchedHum(0.2)],
  clicks: [hiss(0.001), ringing(0.5, 0.0014, 500, 1500, 0.3)],
  bumps: [hiss(0.001), ringing(0.3, 0.06, 20, 120, 0.5)],
  "offset that jumps": [hiss(0.001), offsets(0.2)],
  fan: [hiss(0.002), fan(0.02)],
  "speech between": [hiss(0.001), syllables(0.3)],
  "gain that jumps": [hiss(0.003), gainSteps],
  "gain that jumps, hum": [hiss(0.003), hum(0.05, 60.02), gainSteps],
};

/** What came of a stream. */
export interface Streamed {
  readonly swipes: number;
  readonly right: number;
  readonly wrong: number;
  /** Right ones that were told later than {@link SOON_SECONDS}. */
  readonly late: number;
  /** Swipes that were told as failed, and those of which nothing was told. */
  readonly failed: number;
  readonly silent: number;
  /** Failures where no card was. */
  readonly spurious: number;
}

/** Everyday swipes, one after another with pauses of 0.4 to 6 s, which one decoder hears. The same seed gives the same. */
export function listenToStream(background: readonly Background[], seconds: number, seed: number): Streamed {
  const dice = new Dice(seed);
  const signal = new Float32Array(seconds * RATE);
  const swiped: Swiped[] = [];
  for (let from = LEAD_SECONDS * RATE; ; ) {
    const track = dice.pick([1, 2] as const);
    const data = randomTrack(track, dice);
    const settings = {
      sampleRate: RATE,
      hand: {
        speed: dice.betweenOctaves(10, 80),
        change: dice.betweenOctaves(0.5, 2),
        wobble: { depth: dice.between(0, 0.15), periods: 1.5, phase: dice.between(0, 6.28) },
      },
      head: { pulseWidth: dice.betweenOctaves(0.05, 0.12) },
      flaws: { jitter: dice.between(0, 0.05) },
      line: { snr: 60, coupling: 10, gain: dice.betweenOctaves(0.1, 0.6) },
      backwards: dice.uniform() < 0.5,
      before: 0,
      after: 0,
    };
    const swipe = swipeSignal({ number: track, data }, settings, dice);
    const to = from + swipe.length;
    if (to > signal.length - RATE) break;
    for (const [n, value] of swipe.entries()) add(signal, from + n, value);
    swiped.push({ from, to, track, data });
    from = to + Math.round(dice.betweenOctaves(0.4, 6) * RATE);
  }
  for (const part of background) part(signal, dice, swiped);

  const decoder = new WaveformDecoder({ sampleRate: RATE });
  const told = new Set<Swiped>();
  const failed = new Set<Swiped>();
  let wrong = 0;
  let late = 0;
  let spurious = 0;
  for (let at = 0; at < signal.length; at += PIECE) {
    // A converter knows no more than full scale.
    const piece = signal.subarray(at, at + PIECE).map((value) => Math.max(-1, Math.min(1, value)));
    for (const event of decoder.push(piece)) {
      const of = swiped.find(({ from, to }) => event.start < to && event.end > from);
      if (event.kind === "failure") {
        if (of) failed.add(of);
        else spurious++;
        continue;
      }
      for (const read of event.tracks) {
        if (of && !told.has(of) && isRight(read, of.track, of.data)) {
          told.add(of);
          if (at + PIECE - of.to > SOON_SECONDS * RATE) late++;
        } else {
          wrong++;
        }
        read.data.wipe();
      }
    }
  }
  const missed = swiped.filter((swipe) => !told.has(swipe));
  const silent = missed.filter((swipe) => !failed.has(swipe)).length;
  return { swipes: swiped.length, right: told.size, wrong, late, failed: missed.length - silent, silent, spurious };
}

const USAGE = `npm run bench -- stream [options]
  --streams N        of each background (default 2)
  --seconds S        of a stream (default 100)
  --backgrounds x,y  those whose name contains one of these: ${Object.keys(backgrounds).join("; ")}
  --seed S           (default 1)`;

/**
 * Many swipes in one stream, over what else a line hears: which are read, which are told late, and what is told where no card
 * was. Exit status 1 when anything wrong was accepted.
 */
export function stream(args: readonly string[]): void {
  const { values } = parseArgs({
    args: [...args],
    options: {
      streams: { type: "string", default: "2" },
      seconds: { type: "string", default: "100" },
      backgrounds: { type: "string", default: "" },
      seed: { type: "string", default: "1" },
      help: { type: "boolean" },
    },
  });
  if (values.help) {
    process.stdout.write(`${USAGE}\n`);
    return;
  }
  const wanted = values.backgrounds.split(",");
  const columns = ["swipes", "right", "wrong", "late", "failed", "silent", "spurious"] as const;
  const rows: string[][] = [["background", ...columns]];
  const all: Streamed[] = [];
  for (const [name, background] of Object.entries(backgrounds)) {
    if (!wanted.some((part) => name.includes(part))) continue;
    const streamed = Array.from({ length: Number(values.streams) }, (_, n) =>
      listenToStream(background, Number(values.seconds), Number(values.seed) * 1009 + n),
    );
    rows.push([name, ...columns.map((column) => summed(streamed, column))]);
    all.push(...streamed);
  }
  rows.push(["all", ...columns.map((column) => summed(all, column))]);
  process.stdout.write(`${asColumns(rows)}\n`);
  process.exitCode = all.some(({ wrong }) => wrong > 0) ? 1 : 0;
}

const summed = (streamed: readonly Streamed[], column: keyof Streamed) =>
  String(streamed.reduce((sum, one) => sum + one[column], 0));
