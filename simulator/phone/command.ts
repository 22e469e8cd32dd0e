import { createInterface } from "node:readline";
import { systemClock } from "@swipewire/protocol/time";
import type { Command } from "commander";
import { pino } from "pino";
import { startAriServer } from "../asterisk/ari-server.ts";
import { listenPort } from "../listen-port.ts";
import type { Phone } from "./phone.ts";
import { startPhones } from "./phones.ts";

interface PhonesArguments {
  readonly host: string;
  readonly port: number;
  readonly ariPort?: number;
  readonly ariUser: string;
  readonly ariPassword: string;
}

const HELP = "Type a number (+86138…) to pick that phone up, then keys (0 to 9, *, #) to press, h to hang up.\n";

/** `phones`: the telephone network alone, for a gateway that runs elsewhere, played by hand. */
export function addPhonesCommand(program: Command): void {
  program
    .command("phones")
    .description("run the phones alone; calls are answered and typed on at this keyboard")
    .option("--host <address>", "where to listen", "127.0.0.1")
    .option("--port <number>", "where to listen; 0 takes any free one", listenPort, 5060)
    .option("--ari-port <number>", "be an Asterisk too: where its REST interface listens", listenPort)
    .option("--ari-user <name>", "who may use it", "swipewire")
    .option("--ari-password <password>", "with which password", "swipewire")
    .action(async ({ host, port, ariPort, ariUser: user, ariPassword: password }: PhonesArguments) => {
      const logger = pino(pino.destination(2));
      const phones = await startPhones({ host, port, clock: systemClock, logger, onPhone: tellOf });
      process.stdout.write(`phones are up at ${phones.url}. ${HELP}`);
      const { phone } = phones;
      const asterisk =
        ariPort === undefined
          ? undefined
          : await startAriServer({ host, port: ariPort, user, password, clock: systemClock, phone });
      if (asterisk) process.stdout.write(`Asterisk's REST interface is up at ${asterisk.url}.\n`);
      const lines = createInterface({ input: process.stdin });
      process.once("SIGTERM", () => lines.close()).once("SIGINT", () => lines.close());
      let held: Phone | undefined;
      for await (const line of lines) {
        const typed = line.trim();
        if (/^\+\d{7,15}$/.test(typed)) {
          held = phones.phone(typed);
          held.answer();
        } else if (typed === "h") held?.hangup();
        else if (/^[0-9*#]+$/.test(typed)) for (const key of new TextEncoder().encode(typed)) held?.press(key);
        else process.stdout.write(HELP);
      }
      await asterisk?.close();
      await phones.close();
    });
}

/** Writes what happens to a phone. */
function tellOf(phone: Phone): void {
  let read = 0;
  phone.onChange(() => {
    process.stdout.write(`${phone.number} is ${phone.state}\n`);
    for (; read < phone.inbox.length; read++) {
      process.stdout.write(`${phone.number} reads: ${phone.inbox[read]?.text}\n`);
    }
  });
}
