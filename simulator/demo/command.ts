import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { PaymentOutcome } from "@swipewire/protocol/messages/terminal-link";
import { randomDigits, systemRandom } from "@swipewire/protocol/random";
import type { ReaderFamily } from "@swipewire/protocol/readers/reader-frame";
import { Millis, systemClock } from "@swipewire/protocol/time";
import { type Command, InvalidArgumentError, Option } from "commander";
import pino from "pino";
import { type TestCard, testCard, testCards } from "../cards/test-cards.ts";
import { PUBLISHED_BDK, publishedFrames } from "../readers/published-frames.ts";
import { virtualReader } from "../readers/virtual-reader.ts";
import { type PaymentEnd, pay, type Visit } from "./payment.ts";
import { asJson, asText } from "./steps.ts";
import type { System } from "./system.ts";

interface DemoArguments {
  readonly once?: true;
  readonly json?: true;
  readonly reader: keyof typeof readers;
  readonly card?: string;
  readonly amount: number;
  readonly pin?: Uint8Array;
  readonly wrongPin?: true;
  readonly declined?: true;
  readonly answer: boolean;
  readonly log?: true;
}

const readers = { magtek: "magtek-magnesafe", idtech: "idtech", ascii: "ascii" } as const satisfies Record<
  string,
  ReaderFamily
>;

const PAYER_PHONE = "+8613800000000";
/** Short, so that a bank that never answers is worth waiting for. */
const REPLY_SECONDS = 3;
/** Endings of an amount that the simulated bank takes as a wish, see `bank/amount-rules.ts`. */
const INSUFFICIENT_FUNDS = 51;
const NO_ANSWER = 68;

function amount(text: string): number {
  const match = /^(\d{1,10})(?:\.(\d{2}))?$/.exec(text);
  const minorUnits = match ? Number(match[1]) * 100 + Number(match[2] ?? 0) : 0;
  if (minorUnits < 1) throw new InvalidArgumentError("Allowed: an amount above zero, such as 12 or 12.34.");
  return minorUnits;
}

function pin(text: string): Uint8Array {
  if (!/^\d{4,12}$/.test(text)) throw new InvalidArgumentError("Allowed: 4 to 12 digits.");
  return new TextEncoder().encode(text);
}

/** `demo`: the whole system in this process, and a payment to watch. */
export function addDemoCommand(program: Command): void {
  program
    .command("demo")
    .description("start bank, phone, shop, gateway and terminal here, and pay with a card")
    .option("--once", "make one payment and exit")
    .option("--json", "print one JSON object a step")
    .addOption(
      new Option("--reader <kind>", "what the terminal's reader is").choices(Object.keys(readers)).default("magtek"),
    )
    .addOption(
      new Option("--card <name>", "the card that is swiped (default: the one in the reader maker's manual)").choices(
        testCards.map(({ name }) => name),
      ),
    )
    .addOption(
      new Option("--amount <yuan>", "of the order; the bank takes some endings as a wish, such as .51")
        .argParser(amount)
        .default(10_000, "100.00"),
    )
    .option("--pin <digits>", "what the payer types (default: the card's PIN)", pin)
    .addOption(new Option("--wrong-pin", "the payer types another PIN than the card's").conflicts("pin"))
    .addOption(new Option("--declined", "the bank declines: insufficient funds").conflicts("answer"))
    .option("--no-answer", "the bank charges and never answers")
    .option("--log", "print the programs' logs to standard error")
    .action(demo);
}

async function demo(options: DemoArguments): Promise<void> {
  const family = readers[options.reader];
  const card = testCard(options.card ?? publishedFrames[family]?.card ?? "unionpay-debit");
  // Gateway and daemon are loaded for the demo only: the other commands start in a third of the time without them.
  const { startSystem } = await import("./system.ts");
  const folder = await mkdtemp(join(tmpdir(), "swipewire-demo-"));
  try {
    const system = await startSystem({
      folder,
      family,
      clock: systemClock,
      random: systemRandom,
      logger: options.log ? pino(pino.destination(2)) : pino({ level: "silent" }),
      replySeconds: REPLY_SECONDS,
    });
    try {
      const firstKsn = publishedFrames[family]?.ksn ?? new Uint8Array(10);
      const reader = virtualReader(family, { bdk: PUBLISHED_BDK, ksn: firstKsn, replay: true });
      const payOnce = () => pay(system, reader, visit(options, card), systemClock, options.json ? asJson : asText);
      if (!options.json) introduce(system, card);
      const end = await payOnce();
      if (!options.once) await again(payOnce);
      else if (end.outcome !== expected(options)) process.exitCode = 1;
    } finally {
      await system.close();
    }
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** How the payment ends that was asked for. */
function expected({ wrongPin, declined, answer }: DemoArguments): PaymentOutcome {
  if (!answer) return "reversed";
  return wrongPin || declined ? "declined" : "approved";
}

function visit(options: DemoArguments, card: TestCard): Visit {
  const ending = options.answer ? (options.declined ? INSUFFICIENT_FUNDS : undefined) : NO_ANSWER;
  const typed = options.pin ?? (options.wrongPin && card.pin ? otherPin(card.pin) : card.pin);
  return {
    card,
    amount: ending === undefined ? options.amount : options.amount - (options.amount % 100) + ending,
    orderNumber: `T-${randomDigits(systemRandom, 6)}`,
    ...(typed && { pin: typed }),
    phone: PAYER_PHONE,
    typing: Millis(120),
  };
}

/** Every digit one higher. */
const otherPin = (pin: Uint8Array) => pin.map((digit) => (digit === 0x39 ? 0x30 : digit + 1));

function introduce({ gateway, bank, daemon }: System, card: TestCard): void {
  process.stdout.write(
    `Gateway ${gateway.httpUrl}, broker ${gateway.brokerUrl}, bank on port ${bank.port}, terminal ${daemon.localApi.url}.\n` +
      `The card: ${card.purpose}.\n\n`,
  );
}

/** Pays again with every Enter, until `q`, the end of input or an interrupt. */
async function again(payOnce: () => Promise<PaymentEnd>): Promise<void> {
  const lines = createInterface({ input: process.stdin });
  process.once("SIGINT", () => lines.close());
  const ask = () => process.stdout.write("\nEnter pays again, q stops. ");
  ask();
  for await (const line of lines) {
    if (line.trim() === "q") break;
    await payOnce();
    ask();
  }
  process.stdout.write("\n");
}
