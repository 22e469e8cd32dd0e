import { maskPan } from "@swipewire/protocol/card/masking";
import { schemeOf } from "@swipewire/protocol/card/scheme";
import type { Command } from "commander";
import { type TestCard, testCards } from "./test-cards.ts";

const HEADING = ["name", "scheme", "digits", "PIN", "tracks", "what it is"];

/** `cards`: the test cards, to choose one from. */
export function addCardsCommand(program: Command): void {
  program
    .command("cards")
    .description("list the test cards, by whose names the other commands take them")
    .option("--scheme <name>", "only those whose scheme's name has this in it, in any case")
    .action(({ scheme = "" }: { scheme?: string }, command: Command) => {
      const rows = testCards.map(cellsOf).filter(([, name = ""]) => name.toLowerCase().includes(scheme.toLowerCase()));
      if (rows.length === 0) command.error(`error: no test card is of a scheme that is called ${scheme}`);
      process.stdout.write(inColumns([HEADING, ...rows]));
    });
}

function cellsOf({ name, purpose, pan, pin, tracks }: TestCard): string[] {
  const scheme = schemeOf(maskPan(pan) ?? "") ?? "not known";
  const digits = new TextDecoder().decode(pin) || "none";
  return [name, scheme, String(pan.length), digits, tracks.map(({ number }) => number).join(", "), purpose];
}

function inColumns(rows: readonly (readonly string[])[]): string {
  const widths = HEADING.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map(
      (row) =>
        `${row
          .map((cell, column) => cell.padEnd(widths[column] ?? 0))
          .join("  ")
          .trimEnd()}\n`,
    )
    .join("");
}
