import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { LINE_KINDS } from "@swipewire/simulator/readers/command";
import { LACKED_BY_A_LINE } from "@swipewire/simulator/readers/pty-carrier";
import { canTell, lies, scriptKinds } from "@swipewire/simulator/script/fit";
import { uhidKinds } from "@swipewire/simulator/usbip/command";
import { readerKinds } from "@swipewire/simulator/usbip/reader-kinds";
import { LACKED_BY_UHID } from "@swipewire/simulator/usbip/usb-carrier";
import { PulseLine } from "@swipewire/simulator/waveform/pulse-line";
import { WavLine } from "@swipewire/simulator/waveform/wav-line";

export const SIMULATOR_PAGE = join(import.meta.dirname, "../../simulator/README.md");

const BEGIN = "<!-- Made from script/fit.ts by `npm run docs`. -->";
const END = "<!-- End of what is made from script/fit.ts. -->";

const carriers: readonly (readonly [flag: string, kinds: readonly string[], lacks: readonly string[]])[] = [
  ["`--usbip`", readerKinds.map(({ name }) => name), []],
  ["`--uhid`", uhidKinds.map(({ name }) => name), LACKED_BY_UHID],
  ["`--link`", Object.values(LINE_KINDS), LACKED_BY_A_LINE],
  ["`--audio pulse:…`", ["head"], new PulseLine("").lacks],
  ["`--audio ….wav`", ["head"], new WavLine().lacks],
];

const row = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
const ruled = (heading: readonly string[], rows: readonly (readonly string[])[]) =>
  [heading, heading.map(() => "---"), ...rows].map(row).join("\n");
const named = (words: readonly string[]) => words.map((word) => `\`${word}\``).join(", ");

/** The page with its tables as the code has them now. */
export function renderSimulatorPage(page: string): string {
  const [before, rest] = page.split(BEGIN);
  const after = rest?.split(END)[1];
  if (before === undefined || after === undefined) throw new Error("the page has lost its marks");
  const byLie = lies.map((lie) => [named([lie]), ...scriptKinds.map((kind) => (canTell(lie, kind) ? "yes" : ""))]);
  const byCarrier = carriers.map(([flag, kinds, lacks]) => [flag, named(kinds), lacks.length > 0 ? named(lacks) : "—"]);
  const tables = [
    ruled(["lie", ...scriptKinds.map((kind) => named([kind]))], byLie),
    ruled(["carrier", "readers", "cannot"], byCarrier),
  ];
  return `${before}${BEGIN}\n\n${tables.join("\n\n")}\n\n${END}${after}`;
}

if (import.meta.main) writeFileSync(SIMULATOR_PAGE, renderSimulatorPage(readFileSync(SIMULATOR_PAGE, "utf8")));
