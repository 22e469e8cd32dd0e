import { createInterface } from "node:readline";
import { SwipewireError } from "@swipewire/protocol/failure";
import { systemRandom } from "@swipewire/protocol/random";
import { readerFamilyNames } from "@swipewire/protocol/readers/families";
import type { FixedFamily } from "@swipewire/protocol/readers/reader-frame";
import { systemClock } from "@swipewire/protocol/time";
import { type Command, InvalidArgumentError, Option } from "commander";
import { testCard, testCards } from "../cards/test-cards.ts";
import { listenPort } from "../listen-port.ts";
import { playFile } from "../script/play-file.ts";
import { type DeviceArgument, deviceArgument, runUsbip } from "../usbip/command.ts";
import { PORT } from "../usbip/wire.ts";
import { hexKey } from "./hex-key.ts";
import { NativeReader } from "./native-reader.ts";
import { PtyCarrier } from "./pty-carrier.ts";
import { PUBLISHED_BDK } from "./published-frames.ts";
import { virtualReader } from "./virtual-reader.ts";

/** What a script calls the readers of these families on a serial line. */
const LINE_KINDS: Partial<Record<FixedFamily, string>> = { ascii: "lines", idtech: "idtech-serial" };
const FIRST_KSN = "62994901190000000001";

function baudRate(text: string): number {
  const baud = Number(text);
  if (!Number.isInteger(baud) || baud < 1200 || baud > 115_200)
    throw new InvalidArgumentError("Allowed: 1200 to 115200.");
  return baud;
}

/**
 * `reader`: a virtual reader on a pseudo-terminal, where each line of standard input is a swipe and its end unplugs it; or
 * readers on a USB/IP server.
 */
export function addReaderCommand(program: Command): void {
  program
    .command("reader")
    .description(
      "put a virtual reader on a pseudo-terminal, where each line typed swipes a card (needs socat), or on USB",
    )
    .addOption(
      new Option("--family <name>", "what it sends; of MagTek the bare report, which real readers send over USB")
        .choices(readerFamilyNames)
        .default("ascii"),
    )
    .option("--native", "with --link: its frames come in the native frame, and it has to be armed")
    .addOption(
      new Option("--link <path>", "where to link the pseudo-terminal, for the daemon to open").conflicts("usbip"),
    )
    .option("--usbip", "readers on a USB/IP server, for any Linux machine to attach")
    .option(
      "--device <kind[=vendor:product][:serial]>",
      "with --usbip: a reader to offer; may be repeated (default: each kind)",
      deviceArgument,
    )
    .option("--host <address>", "with --usbip: where to listen", "127.0.0.1")
    .option("--port <number>", "with --usbip: where to listen; 0 takes any free one", listenPort, PORT)
    .addOption(
      new Option("--card <name>", "the card that an empty line swipes; a line may name another")
        .choices(testCards.map(({ name }) => name))
        .default("unionpay-debit"),
    )
    .option("--bdk <hex>", "base derivation key of a reader that encrypts (default: the published test key)")
    .option("--ksn <hex>", "key serial number of its first frame", FIRST_KSN)
    .option("--clear", "a reader that can encrypt does not: MagTek's at security level 2, ID TECH's at 1")
    .option("--replay", "begin with the frame printed in the maker's manual when its card is swiped")
    .option("--baud <rate>", "speed of the line", baudRate, 9600)
    .action(async (options: ReaderArguments, command: Command) => {
      const { family, link, usbip, device, host, port, card, bdk, ksn, replay = false, baud, clear, native } = options;
      const keys = {
        bdk: bdk === undefined ? PUBLISHED_BDK : hexKey("--bdk", bdk, 16),
        ksn: hexKey("--ksn", ksn, 10),
        replay,
        device: {
          clock: systemClock,
          random: systemRandom,
          ...(clear && { magtekLevel: 2 as const, idtechLevel: "clear" as const }),
        },
      };
      if (usbip) return runUsbip({ host, port, card, keys, ...(device && { devices: device }) });
      if (link === undefined) command.error("error: --link <path> or --usbip is needed");
      const inner = virtualReader(family, keys);
      const make = { model: `${family} reader`, serial: "", firmware: "1.0" };
      const reader = native ? new NativeReader(inner, make, systemClock) : inner;
      const pty = await PtyCarrier.open({
        link,
        clock: systemClock,
        baud,
        // MagTek's come in feature reports, which a line has not.
        ...(reader.commands && (native || family === "idtech") && { commands: reader.commands }),
      });
      const refuse = (why: string) => {
        // A slip of the finger does not unplug the reader.
        process.stderr.write(`${why}; nothing was swiped\n`);
        process.exitCode = 1;
      };
      try {
        process.stdout.write(`${family} reader on ${link}; cards: ${testCards.map(({ name }) => name).join(", ")}\n`);
        for await (const line of createInterface(process.stdin)) {
          const [word = card, file] = line.trim() === "" ? [] : line.trim().split(/\s+/);
          if (word === "play" && file !== undefined) {
            try {
              const playing = { reader, carrier: pty, clock: systemClock };
              const kind = native ? "native" : (LINE_KINDS[family] ?? family);
              const outcomes = await playFile(file, kind, playing);
              process.stdout.write(`played ${file}: ${outcomes?.join(" ") ?? "no outcome is named"}\n`);
            } catch (error) {
              if (!(error instanceof SwipewireError)) throw error;
              refuse(error.message.replace(/\.$/, ""));
            }
            continue;
          }
          if (!testCards.some((known) => known.name === word)) {
            refuse("there is no test card of that name");
            continue;
          }
          const frame = reader.nextFrame(testCard(word));
          await pty.send(pty.split(frame));
          process.stdout.write(
            frame.length > 0
              ? `swiped ${word}: ${frame.length} bytes\n`
              : `swiped ${word}: nothing is sent, it is not armed\n`,
          );
          frame.fill(0);
        }
      } finally {
        await pty.unplug();
      }
    });
}

interface ReaderArguments {
  readonly family: FixedFamily;
  readonly link?: string;
  readonly usbip?: boolean;
  readonly device?: readonly DeviceArgument[];
  readonly host: string;
  readonly port: number;
  readonly card: string;
  readonly bdk?: string;
  readonly ksn: string;
  readonly clear?: boolean;
  readonly native?: boolean;
  readonly replay?: boolean;
  readonly baud: number;
}
