import { type PosDialectName, posDialectNames } from "@swipewire/protocol/iso8583/pos-codecs";
import { systemRandom } from "@swipewire/protocol/random";
import { systemClock } from "@swipewire/protocol/time";
import { type Command, Option } from "commander";
import { pino } from "pino";
import { testCards } from "../cards/test-cards.ts";
import { listenPort } from "../listen-port.ts";
import { hexKey } from "../readers/hex-key.ts";
import { startBank } from "./bank.ts";

interface BankArguments {
  readonly host: string;
  readonly port: number;
  readonly tmk: string;
  readonly dialect: PosDialectName;
  readonly settlementMac?: boolean;
  readonly settlementEnd?: boolean;
  readonly settlementCode?: boolean;
}

/** `bank`: the bank host alone, for a gateway that runs elsewhere. A line for each purchase and reversal. */
export function addBankCommand(program: Command): void {
  program
    .command("bank")
    .description("run the bank host alone, on the test cards; it keeps no books after it ends")
    .option("--host <address>", "where to listen", "127.0.0.1")
    .option("--port <number>", "where to listen; 0 takes any free one", listenPort, 8583)
    .option("--tmk <hex>", "terminal master key, 32 hex digits", "44444444444444444444444444444444")
    .addOption(new Option("--dialect <name>", "of its messages").choices(posDialectNames).default("unionpay"))
    .option("--settlement-mac", "demand a MAC on settlements and uploads, whatever the dialect")
    .option("--no-settlement-mac", "take settlements and uploads without a MAC, whatever the dialect")
    .option("--settlement-end", "await the end of a batch that balanced, whatever the dialect")
    .option("--no-settlement-end", "await no end of a batch that balanced, whatever the dialect")
    .option("--no-settlement-code", "answer settlements without field 39")
    .action(async (options: BankArguments) => {
      const { host, port, tmk, dialect } = options;
      const { settlementMac: mac, settlementEnd: endsBalanced, settlementCode: code } = options;
      const key = hexKey("--tmk", tmk, 16);
      const logger = pino({ base: null });
      const bank = await startBank({
        host,
        port,
        tmk: key,
        dialect,
        settlement: {
          ...(mac !== undefined && { mac }),
          ...(endsBalanced !== undefined && { endsBalanced }),
          ...(code !== undefined && { code }),
        },
        cards: testCards,
        clock: systemClock,
        random: systemRandom,
        logger,
      });
      bank.books.onEntry((entry) => logger.info(entry, "entry"));
      logger.info({ port: bank.port, cards: testCards.map(({ name }) => name) }, "bank is up");
      const stop = () => void bank.close();
      process.once("SIGTERM", stop).once("SIGINT", stop);
    });
}
