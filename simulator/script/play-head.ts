import { type Clock, Millis, sleep } from "@swipewire/protocol/time";
import { type TestCard, testCard } from "../cards/test-cards.ts";
import { LieUnfit } from "../errors.ts";
import { Dice } from "../waveform/dice.ts";
import { endOfCharacters } from "../waveform/stripe.ts";
import { type SwipeConditions, swipeSignal } from "../waveform/swipe-signal.ts";
import { fits } from "./fit.ts";
import { inPace, RESETTING } from "./play-script.ts";
import type { ReaderScript, Step } from "./reader-script.ts";

/** What a bare head is plugged into. */
export interface HeadLine {
  readonly sampleRate: number;
  /** Steps that it has nothing for. */
  readonly lacks: readonly Step["do"][];
  /** Resolves when it has been played to its end. */
  play(samples: Float32Array): Promise<void>;
  plug(): Promise<void>;
  unplug(): Promise<void>;
}

export interface PlayHeadOptions {
  readonly line: HeadLine;
  readonly clock: Clock;
  readonly tell?: (step: Step) => void;
}

const TRACK = 2;
const SPEED = 30;
const QUIET = { before: 0.25, after: 0.25 };

type Draw = Pick<Extract<Step, { do: "swipe" }>, "speed" | "backwards" | "damage"> & {
  readonly wrongLrc?: true;
  /** The card comes to the head no further than this, and stays. */
  readonly stopsAt?: number;
};

/**
 * Has a bare head hear what a script says of its cards' second track, at the pace of its seed.
 * @throws LieUnfit before anything is played, for a step that a head or its line has nothing for
 */
export async function playHead(script: ReaderScript, options: PlayHeadOptions): Promise<void> {
  const { line, clock } = options;
  const unfit = script.steps.find((step) => line.lacks.includes(step.do) || !fits(step, "head"));
  if (unfit) throw new LieUnfit({ detail: `${unfit.do}, head` });
  const dice = new Dice(script.seed);
  const draw = (name: string, how: Draw = {}) => headSignal(testCard(name), how, line.sampleRate, dice);
  await inPace(script, options, async (step) => {
    switch (step.do) {
      case "wait":
        return sleep(clock, Millis(step.ms));
      case "plug":
        return line.plug();
      case "unplug":
        return line.unplug();
      case "swipe":
        return line.play(draw(step.card, step));
      case "wrong-lrc":
        return line.play(draw(step.card, { wrongLrc: true }));
      case "double-swipe":
        return line.play(Float32Array.of(...draw(step.card), ...draw(step.card)));
      case "reset":
      case "pulled":
        await line.play(draw(step.card, { stopsAt: endOfCharacters(TRACK, step.after) }));
        await line.unplug();
        if (step.do === "pulled") return;
        await sleep(clock, RESETTING);
        return line.plug();
      default:
        throw new TypeError("a step that does not fit was let through");
    }
  });
}

/** What a head gives of a card's second track. */
export function headSignal(card: TestCard, how: Draw, sampleRate: number, dice: Dice): Float32Array {
  const track = card.tracks.find(({ number }) => number === TRACK);
  if (!track) throw new LieUnfit({ detail: `${card.name} has no track ${TRACK}, head` });
  const { speed = SPEED, backwards = false, damage = {}, wrongLrc, stopsAt = damage.stopsAt } = how;
  const { worn, jitter = 0.02, snr = 30 } = damage;
  const conditions: SwipeConditions = {
    sampleRate,
    hand: { speed, change: 1.2, ...(stopsAt !== undefined && { stopsAt }) },
    head: { pulseWidth: 0.07 },
    flaws: {
      jitter,
      ...(worn && { dropouts: { count: worn.places, length: worn.length, depth: worn.depth } }),
      ...(wrongLrc && { wrongLrc }),
    },
    line: { snr, coupling: 10, gain: 0.5 },
    backwards,
    before: QUIET.before,
    // Whoever pulls the plug does not wait.
    after: stopsAt === undefined ? QUIET.after : 0,
  };
  return swipeSignal(track, conditions, dice);
}
