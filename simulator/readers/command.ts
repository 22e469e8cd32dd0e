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
import { headSignal, playHead } from "../script/play-head.ts";
import { playScript } from "../script/play-script.ts";
import type { ReaderScript } from "../script/reader-script.ts";
import { type DeviceArgument, deviceArgument, runUhid, runUsbip } from "../usbip/command.ts";
import { PORT } from "../usbip/wire.ts";
import { Dice } from "../waveform/dice.ts";
import { PulseLine } from "../waveform/pulse-line.ts";
import { WavLine } from "../waveform/wav-line.ts";
import { hexKey } from "./hex-key.ts";
import { NativeReader } from "./native-reader.ts";
import { PtyCarrier } from "./pty-carrier.ts";
import { PUBLISHED_BDK } from "./published-frames.ts";
import { type VirtualReaderOptions, virtualReader } from "./virtual-reader.ts";

/** What a script calls the readers of these families on a serial line. */
export const LINE_KINDS: Partial<Record<FixedFamily, string>> = { ascii: "lines", idtech: "idtech-serial" };
const FIRST_KSN = "62994901190000000001";

function baudRate(text: string): number {
  const baud = Number(text);
  if (!Number.isInteger(baud) || baud < 1200 || baud > 115_200)
    throw new InvalidArgumentError("Allowed: 1200 to 115200.");
  return baud;
}

function headOutput(text: string): string {
  if (!/\.wav$|^pulse:./.test(text))
    throw new InvalidArgumentError("Allowed: a file that ends in .wav, or pulse:<sink>.");
  return text;
}

/**
 * `reader`: a virtual reader on a pseudo-terminal, or a bare head at a sound output, where each line of standard input is a
 * swipe and its end unplugs it; or readers on a USB/IP server, or in this machine's kernel.
 */
export function addReaderCommand(program: Command): void {
  program
    .command("reader")
    .description(
      "a virtual reader, moved by typed lines: on a pseudo-terminal (needs socat), USB, /dev/uhid or a sound output",
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
    .addOption(
      new Option("--uhid", "HID readers of this machine's own kernel, by /dev/uhid").conflicts(["usbip", "link"]),
    )
    .addOption(
      new Option("--audio <to>", "a bare head: a file that ends in .wav, or pulse:<sink>, a new sink of PulseAudio")
        .conflicts(["usbip", "link", "uhid"])
        .argParser(headOutput),
    )
    .option(
      "--device <kind[=vendor:product][:serial]>",
      "with --usbip or --uhid: a reader to offer; may be repeated (default: each kind)",
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
      const {
        family,
        link,
        usbip,
        uhid,
        audio,
        device,
        host,
        port,
        card,
        bdk,
        ksn,
        replay = false,
        baud,
        clear,
        native = false,
      } = options;
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
      const offered = { card, keys, ...(device && { devices: device }) };
      if (usbip) return runUsbip({ host, port, ...offered });
      if (uhid) return runUhid(offered);
      const typed =
        audio !== undefined
          ? await atHead(audio)
          : link !== undefined
            ? await onLine(family, keys, { link, baud, native })
            : command.error("error: --link <path>, --usbip, --uhid or --audio <to> is needed");
      const refuse = (why: string) => {
        // A slip of the finger does not unplug the reader.
        process.stderr.write(`${why}; nothing was swiped\n`);
        process.exitCode = 1;
      };
      const order = async (word: string, file: string | undefined) => {
        if (word === "play" && file !== undefined) {
          try {
            const outcomes = await playFile(file, typed.kind, typed.play);
            return `played ${file}: ${outcomes?.join(" ") ?? "no outcome is named"}`;
          } catch (error) {
            if (!(error instanceof SwipewireError)) throw error;
            return refuse(error.message.replace(/\.$/, ""));
          }
        }
        if (!testCards.some((known) => known.name === word)) return refuse("there is no test card of that name");
        return `swiped ${word}: ${await typed.swipe(word)}`;
      };
      try {
        process.stdout.write(`${typed.greeting}; cards: ${testCards.map(({ name }) => name).join(", ")}\n`);
        for await (const line of createInterface(process.stdin)) {
          const [word = card, file] = line.trim() === "" ? [] : line.trim().split(/\s+/);
          const done = await order(word, file);
          if (done !== undefined) process.stdout.write(`${done}\n`);
        }
      } finally {
        await typed.end();
      }
    });
}

/** A reader that lines of standard input move. */
interface TypedReader {
  readonly greeting: string;
  /** As scripts name it. */
  readonly kind: string;
  /** @returns how long that was */
  swipe(card: string): Promise<string>;
  play(script: ReaderScript): Promise<void>;
  end(): Promise<void>;
}

async function onLine(
  family: FixedFamily,
  keys: VirtualReaderOptions,
  { link, baud, native }: { readonly link: string; readonly baud: number; readonly native: boolean },
): Promise<TypedReader> {
  const inner = virtualReader(family, keys);
  const make = { model: `${family} reader`, serial: "", firmware: "1.0" };
  const reader = native ? new NativeReader(inner, make, systemClock) : inner;
  // MagTek's commands come in feature reports, which a line has not.
  const { commands } = native || family === "idtech" ? reader : {};
  const pty = await PtyCarrier.open({ link, clock: systemClock, baud, ...(commands && { commands }) });
  return {
    greeting: `${family} reader on ${link}`,
    kind: native ? "native" : (LINE_KINDS[family] ?? family),
    async swipe(card) {
      const frame = reader.nextFrame(testCard(card));
      await pty.send(pty.split(frame));
      frame.fill(0);
      return frame.length > 0 ? `${frame.length} bytes` : "nothing is sent, it is not armed";
    },
    play: (script) => playScript(script, { reader, carrier: pty, clock: systemClock }),
    end: () => pty.unplug(),
  };
}

/** A bare head. @param to as `--audio` takes it: a recording is written when the input ends */
async function atHead(to: string): Promise<TypedReader> {
  const sink = /^pulse:(.+)/.exec(to)?.[1];
  const line = sink === undefined ? new WavLine() : new PulseLine(sink);
  const clock = line instanceof WavLine ? line : systemClock;
  await line.plug();
  const dice = new Dice(1);
  return {
    greeting: line instanceof WavLine ? `a bare head, recorded into ${to}` : `a bare head, heard at ${to}.monitor`,
    kind: "head",
    async swipe(card) {
      const samples = headSignal(testCard(card), {}, line.sampleRate, dice);
      await line.play(samples);
      return `${(samples.length / line.sampleRate).toFixed(2)} s`;
    },
    play: (script) => playHead(script, { line, clock }),
    end: () => (line instanceof WavLine ? line.write(to) : line.unplug()),
  };
}

interface ReaderArguments {
  readonly family: FixedFamily;
  readonly link?: string;
  readonly usbip?: boolean;
  readonly uhid?: boolean;
  readonly audio?: string;
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
