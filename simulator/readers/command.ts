import { createInterface } from "node:readline";
import { readerFamilyNames } from "@swipewire/protocol/readers/families";
import type { FixedFamily } from "@swipewire/protocol/readers/reader-frame";
import { systemClock } from "@swipewire/protocol/time";
import { type Command, InvalidArgumentError, Option } from "commander";
import { testCard, testCards } from "../cards/test-cards.ts";
import { hexKey } from "./hex-key.ts";
import { PtyReader } from "./pty-reader.ts";
import { PUBLISHED_BDK } from "./published-frames.ts";
import { virtualReader } from "./virtual-reader.ts";

const FIRST_KSN = "62994901190000000001";

function baudRate(text: string): number {
  const baud = Number(text);
  if (!Number.isInteger(baud) || baud < 1200 || baud > 115_200)
    throw new InvalidArgumentError("Allowed: 1200 to 115200.");
  return baud;
}

/** `reader`: a virtual reader on a pseudo-terminal. Each line of standard input is a swipe; its end unplugs it. */
export function addReaderCommand(program: Command): void {
  program
    .command("reader")
    .description("put a virtual reader on a pseudo-terminal; each line typed swipes a card (needs socat)")
    .addOption(
      new Option("--family <name>", "what it sends; of MagTek the bare report, which real readers send over USB")
        .choices(readerFamilyNames)
        .default("ascii"),
    )
    .requiredOption("--link <path>", "where to link the pseudo-terminal, for the daemon to open")
    .addOption(
      new Option("--card <name>", "the card that an empty line swipes; a line may name another")
        .choices(testCards.map(({ name }) => name))
        .default("unionpay-debit"),
    )
    .option("--bdk <hex>", "base derivation key of a reader that encrypts (default: the published test key)")
    .option("--ksn <hex>", "key serial number of its first frame", FIRST_KSN)
    .option("--replay", "begin with the frame printed in the maker's manual when its card is swiped")
    .option("--baud <rate>", "speed of the line", baudRate, 9600)
    .action(async ({ family, link, card, bdk, ksn, replay = false, baud }: ReaderArguments) => {
      const reader = virtualReader(family, {
        bdk: bdk === undefined ? PUBLISHED_BDK : hexKey("--bdk", bdk, 16),
        ksn: hexKey("--ksn", ksn, 10),
        replay,
      });
      const pty = await PtyReader.open({ link, clock: systemClock, baud });
      try {
        process.stdout.write(`${family} reader on ${link}; cards: ${testCards.map(({ name }) => name).join(", ")}\n`);
        for await (const line of createInterface(process.stdin)) {
          const name = line.trim() === "" ? card : line.trim();
          if (!testCards.some((known) => known.name === name)) {
            // A slip of the finger does not unplug the reader.
            process.stderr.write("there is no test card of that name; nothing was swiped\n");
            process.exitCode = 1;
            continue;
          }
          const frame = reader.nextFrame(testCard(name));
          await pty.send(frame);
          process.stdout.write(`swiped ${name}: ${frame.length} bytes\n`);
          frame.fill(0);
        }
      } finally {
        await pty.close();
      }
    });
}

interface ReaderArguments {
  readonly family: FixedFamily;
  readonly link: string;
  readonly card: string;
  readonly bdk?: string;
  readonly ksn: string;
  readonly replay?: boolean;
  readonly baud: number;
}
