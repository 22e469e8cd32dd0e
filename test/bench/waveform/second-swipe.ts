import { parseArgs } from "node:util";
import type { TrackNumber } from "@swipewire/protocol/readers/reader-frame";
import { WaveformDecoder } from "@swipewire/protocol/waveform/waveform-decoder";
import type { ReadBasis } from "@swipewire/protocol/waveform/waveform-event";
import { randomTrack } from "@swipewire/simulator/cards/random-card";
import { Dice } from "@swipewire/simulator/waveform/dice";
import type { HandMotion } from "@swipewire/simulator/waveform/hand";
import { stripeOf } from "@swipewire/simulator/waveform/stripe";
import { type SwipeConditions, stripeSignal } from "@swipewire/simulator/waveform/swipe-signal";
import { isRight } from "./grid.ts";
import { asColumns } from "./report.ts";

/** A card that is hard to read and the reader it is swiped through, which stay the same from swipe to swipe. */
export type Hardship = (track: TrackNumber, dice: Dice) => Pick<SwipeConditions, "head" | "flaws" | "line">;

/** By name; track 1 is given a better signal, else nothing of it would be read at all. */
export const hardships: Readonly<Record<string, Hardship>> = {
  noise: (track, dice) => ({
    head: { pulseWidth: 0.07 },
    flaws: { jitter: 0.02 },
    line: { snr: track === 1 ? dice.between(-4, -1) : dice.between(-9, -5), coupling: 10 },
  }),
  "worn, noise": (track, dice) => ({
    head: { pulseWidth: 0.07 },
    flaws: {
      jitter: dice.between(0.02, 0.1),
      dropouts: { count: dice.whole(1, 6), length: dice.between(0.1, 1), depth: dice.between(0.2, 0.95) },
    },
    line: { snr: track === 1 ? dice.between(-2, 6) : dice.between(-7, 2), coupling: 10 },
  }),
  "jitter, asymmetry": (track, dice) => ({
    head: { pulseWidth: dice.between(0.07, 0.15) },
    flaws: { jitter: dice.between(0.12, 0.22), asymmetry: dice.between(-0.2, 0.2) },
    line: { snr: track === 1 ? dice.between(2, 20) : dice.between(-2, 15), coupling: 10 },
  }),
  "wide pulses": (track, dice) => ({
    head: { pulseWidth: track === 1 ? dice.between(0.15, 0.3) : dice.between(0.2, 0.6) },
    flaws: { jitter: dice.between(0.02, 0.1) },
    line: { snr: track === 1 ? dice.between(0, 20) : dice.between(-4, 15), coupling: 10 },
  }),
  "clipped, hum": (_track, dice) => ({
    head: { pulseWidth: dice.between(0.07, 0.2) },
    flaws: { jitter: dice.between(0.02, 0.1) },
    line: {
      snr: dice.between(2, 15),
      gain: dice.between(2, 8),
      coupling: 10,
      hum: { level: dice.between(0.2, 1), frequency: 50.02, harmonics: 0.4 },
    },
  }),
};

/** A hand is another each time, and goes either way. */
function anyHand(dice: Dice): Pick<SwipeConditions, "backwards"> & { readonly hand: HandMotion } {
  return {
    hand: {
      speed: dice.betweenOctaves(15, 60),
      change: dice.betweenOctaves(0.5, 2),
      wobble: { depth: dice.between(0, 0.15), periods: dice.between(0.5, 3), phase: dice.between(0, 6.28) },
    },
    backwards: dice.uniform() < 0.5,
  };
}

export interface Course {
  /** Swipes until the card was accepted, or all that were tried. */
  readonly swipes: number;
  readonly basis?: ReadBasis;
  readonly right?: boolean;
}

/** Swipes one card, with the same flaws each time, until it is accepted. The same seed gives the same course. */
export function swipeAgain(hardship: Hardship, track: TrackNumber, seed: number, most: number): Course {
  const dice = new Dice(seed);
  const data = randomTrack(track, dice);
  const settings = { sampleRate: 44_100, ...hardship(track, dice) };
  const stripe = stripeOf(track, data, settings.flaws ?? {}, dice);
  const decoder = new WaveformDecoder(settings);
  for (let swipes = 1; swipes <= most; swipes++) {
    const signal = stripeSignal(stripe, { ...settings, ...anyHand(dice) }, dice);
    for (const event of [...decoder.push(signal), ...decoder.flush()]) {
      const [read] = event.kind === "swipe" ? event.tracks : [];
      if (!read) continue;
      const right = isRight(read, track, data);
      read.data.wipe();
      return { swipes, basis: read.basis, right };
    }
  }
  return { swipes: most };
}

const USAGE = `npm run bench -- second-swipe [options]
  --cards N         of each hardship and track (default 20)
  --swipes N        of a card at most (default 4)
  --hardships x,y   those whose name contains one of these: ${Object.keys(hardships).join("; ")}
  --seed S          (default 1)`;

/**
 * What comes of swiping again a card that is hard to read: its flaws are the same each time, hand and noise are not. 2,000
 * cards are `--cards 200`. Exit status 1 when anything wrong was accepted.
 */
export function secondSwipe(args: readonly string[]): void {
  const { values } = parseArgs({
    args: [...args],
    options: {
      cards: { type: "string", default: "20" },
      swipes: { type: "string", default: "4" },
      hardships: { type: "string", default: "" },
      seed: { type: "string", default: "1" },
      help: { type: "boolean" },
    },
  });
  if (values.help) {
    process.stdout.write(`${USAGE}\n`);
    return;
  }
  const cards = Number(values.cards);
  const rows = [["cards", "track", "swipes", "at once", "later, by itself", "by a second swipe", "wrong"]];
  const all: Course[] = [];
  const wanted = values.hardships.split(",");
  for (const [name, hardship] of Object.entries(hardships)) {
    if (!wanted.some((part) => name.includes(part))) continue;
    for (const track of [2, 1] as const) {
      const courses = Array.from({ length: cards }, (_, n) => {
        const course = swipeAgain(
          hardship,
          track,
          (Number(values.seed) * 10_007 + n) * 2 + track,
          Number(values.swipes),
        );
        if (course.right === false)
          process.stderr.write(`WRONG: ${name}, track ${track}, card ${n}: ${course.basis}\n`);
        return course;
      });
      rows.push([name, String(track), ...summed(courses)]);
      all.push(...courses);
    }
  }
  rows.push(["all", "", ...summed(all)]);
  const pairs = all.reduce((sum, { swipes }) => sum + (swipes * (swipes - 1)) / 2, 0);
  process.stdout.write(
    `${asColumns(rows)}\n\n${all.length} cards, ${pairs} pairs of swipes of one card, seed ${values.seed}\n`,
  );
  process.exitCode = all.some(({ right }) => right === false) ? 1 : 0;
}

function summed(courses: readonly Course[]): string[] {
  const count = (of: (course: Course) => boolean) => String(courses.filter(of).length);
  return [
    String(courses.reduce((sum, { swipes }) => sum + swipes, 0)),
    count(({ right, swipes }) => right === true && swipes === 1),
    count(({ right, swipes, basis }) => right === true && swipes > 1 && basis !== "second-swipe"),
    count(({ right, basis }) => right === true && basis === "second-swipe"),
    count(({ right }) => right === false),
  ];
}
