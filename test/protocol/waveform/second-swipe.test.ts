import type { SwipewireError } from "@swipewire/protocol/failure";
import { WaveformDecoder } from "@swipewire/protocol/waveform/waveform-decoder";
import { testCard } from "@swipewire/simulator/cards/test-cards";
import { Dice } from "@swipewire/simulator/waveform/dice";
import { stripeOf } from "@swipewire/simulator/waveform/stripe";
import { stripeSignal } from "@swipewire/simulator/waveform/swipe-signal";
import t from "tap";
import { type Hardship, hardships, swipeAgain } from "../../bench/waveform/second-swipe.ts";

const RATE = 44_100;
const data = testCard("unionpay-debit").tracks.find(({ number }) => number === 1)?.data ?? new Uint8Array();

/** What comes of two swipes of a good card in noise; the tracks are wiped. */
function swipeTwice(seed: number): string[] {
  const dice = new Dice(seed);
  const stripe = stripeOf(1, data, { jitter: 0.02 }, dice);
  const decoder = new WaveformDecoder({ sampleRate: RATE });
  return [1, 2].flatMap(() => {
    const hand = { speed: dice.between(20, 40) };
    const settings = { sampleRate: RATE, hand, head: { pulseWidth: 0.07 }, line: { snr: -2.5 } };
    const signal = stripeSignal(stripe, settings, dice);
    return [...decoder.push(signal), ...decoder.flush()].flatMap((event) => {
      if (event.kind === "failure") return [(event.failure as SwipewireError).code];
      return event.tracks.map((track) => {
        const isRight = track.data.use((bytes) => Buffer.compare(bytes, data) === 0);
        track.data.wipe();
        return `${isRight ? "right" : "wrong"}, ${track.basis}`;
      });
    });
  });
}

t.test("what noise makes uncertain is believed once two swipes read the same", async (t) => {
  const courses = [7, 9, 11, 36, 42].map(swipeTwice);
  t.strictSame(
    courses.flat().filter((told) => told.startsWith("wrong")),
    [],
  );
  const agreed = courses.filter(([first, second]) => first === "swipe_uncertain" && second === "right, second-swipe");
  t.ok(agreed.length > 0, "two swipes that agree", { courses });
});

t.test("flux changes that lie wrong are read wrong at each swipe, and that makes nothing of it right", async (t) => {
  // Of this card several swipes read the same two wrong characters.
  const course = swipeAgain(hardships["jitter, asymmetry"] as Hardship, 1, 1_800_057, 4);
  t.not(course.right, false);
});
