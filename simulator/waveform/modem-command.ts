import { readerFamilyNames } from "@swipewire/protocol/readers/families";
import type { FixedFamily } from "@swipewire/protocol/readers/reader-frame";
import { SensitiveBytes } from "@swipewire/protocol/sensitive-bytes";
import { type Baud, bauds } from "@swipewire/protocol/waveform/modem/modem-line";
import { encodeModemMessage } from "@swipewire/protocol/waveform/modem/modem-message";
import { type Command, Option } from "commander";
import { testCard, testCards } from "../cards/test-cards.ts";
import { PUBLISHED_BDK } from "../readers/published-frames.ts";
import { virtualReader } from "../readers/virtual-reader.ts";
import { within } from "./command.ts";
import { Dice } from "./dice.ts";
import { modemSignal } from "./modem-signal.ts";
import { AUDIO, giveSound, quietAround } from "./sound.ts";

const KSN = Uint8Array.from([0x62, 0x99, 0x49, 0x01, 0x19, 0x00, 0x00, 0x00, 0x00, 0x01]);

interface ModemArguments {
  readonly audio: string;
  readonly family: FixedFamily;
  readonly card: string;
  readonly baud: `${Baud}`;
  readonly rate: number;
  readonly snr: number;
  readonly clock: number;
  readonly gain: number;
  readonly pin?: boolean;
  readonly seed: number;
}

/** `modem`: what a reader with the framed modem sends of a test card. */
export function addModemCommand(program: Command): void {
  program
    .command("modem")
    .description(
      "what a reader with the framed modem sends of a test card: into a WAV file, or played at a sound output",
    )
    .requiredOption(...AUDIO)
    .addOption(
      new Option("--family <name>", "of the frame it sends; those that encrypt do so under the published test key")
        .choices(readerFamilyNames)
        .default("idtech"),
    )
    .addOption(
      new Option("--card <name>", "the card").choices(testCards.map(({ name }) => name)).default("unionpay-debit"),
    )
    .addOption(new Option("--baud <Bd>", "bits a second").choices(bauds.map(String)).default("1200"))
    .option("--rate <Hz>", "sample rate", within(8000, 192_000), 44_100)
    .option("--snr <dB>", "signal power over white noise in the full band", within(-20, 80), 30)
    .option("--clock <ppm>", "the reader's clock against the input's", within(-5000, 5000), 0)
    .option("--gain <ratio>", "the signal's peak over full scale; above 1 it clips", within(0.001, 50), 0.5)
    .option("--pin", "a pin drives the line, with square waves")
    .option("--seed <number>", "the same seed gives the same file", within(0, 2 ** 31 - 1), 1)
    .action(async (given: ModemArguments) => {
      const baud = Number(given.baud) as Baud;
      const swiped = virtualReader(given.family, { bdk: PUBLISHED_BDK, ksn: KSN }).nextFrame(testCard(given.card));
      using frame = new SensitiveBytes(swiped);
      const { messageKind, payload } = encodeModemMessage({ type: "reader-frame", frame });
      const samples = modemSignal(
        messageKind,
        payload,
        {
          sampleRate: given.rate,
          baud,
          clock: given.clock,
          driver: given.pin ? "pin" : "converter",
          line: { snr: given.snr, coupling: 10, gain: given.gain },
          ...quietAround(given.audio),
        },
        new Dice(given.seed),
      );
      payload.fill(0);
      await giveSound(given.audio, { sampleRate: given.rate, channels: 1, samples });
      process.stdout.write(
        `${given.audio}: ${(samples.length / given.rate).toFixed(2)} s, ${frame.length} bytes of ${given.family} at ${baud} Bd\n`,
      );
    });
}
