import { type Command, InvalidArgumentError, Option } from "commander";
import { testCard, testCards } from "../cards/test-cards.ts";
import { Dice } from "./dice.ts";
import { AUDIO, giveSound, quietAround } from "./sound.ts";
import { interleave, swipeSignal } from "./swipe-signal.ts";

export const within = (low: number, high: number) => (text: string) => {
  const value = Number(text);
  if (!(value >= low && value <= high)) throw new InvalidArgumentError(`Allowed: ${low} to ${high}.`);
  return value;
};

interface SwipeArguments {
  readonly audio: string;
  readonly card: string;
  readonly track: "1" | "2" | "3" | "1+2";
  readonly speed: number;
  readonly change: number;
  readonly snr: number;
  readonly jitter: number;
  readonly hum: number;
  readonly gain: number;
  readonly rate: number;
  readonly width: number;
  readonly backwards?: boolean;
  readonly seed: number;
}

/** `swipe`: what a bare head on a sound input records of a test card. */
export function addSwipeCommand(program: Command): void {
  program
    .command("swipe")
    .description("what a bare head gives of a swiped test card: into a WAV file, or played at a sound output")
    .requiredOption(...AUDIO)
    .addOption(
      new Option("--card <name>", "the card").choices(testCards.map(({ name }) => name)).default("unionpay-debit"),
    )
    .addOption(
      new Option("--track <number>", "1+2: two tracks on a stereo input").choices(["1", "2", "3", "1+2"]).default("2"),
    )
    .option("--speed <cm/s>", "of the hand", within(3, 200), 30)
    .option("--change <ratio>", "speed at the end over speed at the beginning", within(0.1, 10), 1.2)
    .option("--snr <dB>", "signal power over white noise in the full band", within(-20, 80), 30)
    .option("--jitter <share>", "of flux changes, as a share of half a bit", within(0, 0.5), 0.02)
    .option("--hum <ratio>", "peak of 50 Hz hum over the signal's", within(0, 10), 0)
    .option("--gain <ratio>", "the signal's peak over full scale; above 1 it clips", within(0.001, 50), 0.5)
    .option("--rate <Hz>", "sample rate", within(8000, 192_000), 44_100)
    .option("--width <mm>", "of a pulse at half its height (PW50)", within(0.02, 1), 0.07)
    .option("--backwards", "the card passes with the end of its tracks first")
    .option("--seed <number>", "the same seed gives the same file", within(0, 2 ** 31 - 1), 1)
    .action(async (given: SwipeArguments, command: Command) => {
      const card = testCard(given.card);
      const dice = new Dice(given.seed);
      const channels = given.track.split("+").map((number) => {
        const track = card.tracks.find((track) => track.number === Number(number));
        if (!track) command.error(`error: ${card.name} has no track ${number}`);
        return swipeSignal(
          track,
          {
            sampleRate: given.rate,
            hand: { speed: given.speed, change: given.change },
            head: { pulseWidth: given.width },
            flaws: { jitter: given.jitter },
            line: {
              snr: given.snr,
              coupling: 10,
              gain: given.gain,
              ...(given.hum > 0 && { hum: { level: given.hum, frequency: 50 } }),
            },
            backwards: given.backwards ?? false,
            ...quietAround(given.audio),
          },
          dice,
        );
      });
      const [left, right] = channels;
      if (!left) throw new Error("a choice has at least one track");
      const samples = right ? interleave(left, right) : left;
      await giveSound(given.audio, { sampleRate: given.rate, channels: channels.length, samples });
      process.stdout.write(
        `${given.audio}: ${(left.length / given.rate).toFixed(2)} s, track ${given.track} of ${card.name}\n`,
      );
    });
}
