import { WavUnreadable } from "@swipewire/protocol/errors";
import { SwipewireError } from "@swipewire/protocol/failure";
import { Command, CommanderError } from "commander";
import { addBankCommand } from "./bank/command.ts";
import { addCardsCommand } from "./cards/command.ts";
import { addDemoCommand } from "./demo/command.ts";
import { DeviceUnfit, InspectInputTooLarge, InspectInputUnreadable, KeyMalformed } from "./errors.ts";
import { addInspectCommand } from "./inspect/command.ts";
import { addPhonesCommand } from "./phone/command.ts";
import { addReaderCommand } from "./readers/command.ts";
import { addSwipeCommand } from "./waveform/command.ts";
import { addModemCommand } from "./waveform/modem-command.ts";

/** Failures of what was typed on the command line. */
const USAGE: readonly string[] = [
  DeviceUnfit.code,
  InspectInputTooLarge.code,
  InspectInputUnreadable.code,
  KeyMalformed.code,
  WavUnreadable.code,
];

/**
 * The command line of the simulator.
 *
 * Exit status: 0 done, 1 failed, 2 wrong usage.
 * @param argv as `process.argv`
 */
export async function main(argv: string[]): Promise<void> {
  const program = new Command("swipewire-sim")
    .description("Readers, cards, a bank, a phone and a shop, for testers")
    .exitOverride()
    .showHelpAfterError("(add --help for what is allowed)");
  for (const addCommand of [
    addDemoCommand,
    addCardsCommand,
    addInspectCommand,
    addReaderCommand,
    addSwipeCommand,
    addModemCommand,
    addBankCommand,
    addPhonesCommand,
  ])
    addCommand(program);
  try {
    await program.parseAsync(argv);
  } catch (failure) {
    if (failure instanceof CommanderError) {
      process.exitCode = failure.exitCode === 0 ? 0 : 2;
    } else if (failure instanceof SwipewireError) {
      process.stderr.write(`swipewire-sim: ${failure.message}\n  ${failure.text.means}\n  ${failure.text.todo}\n`);
      process.exitCode = USAGE.includes(failure.code) ? 2 : 1;
    } else {
      throw failure;
    }
  }
}
