import { readerFamilyNames } from "@swipewire/protocol/readers/families";
import { type Baud, bauds } from "@swipewire/protocol/waveform/modem/modem-line";
import { type Command, Option } from "commander";
import { hexKey } from "../readers/hex-key.ts";
import { readCapture } from "./capture.ts";
import type { Profile } from "./inspection.ts";
import { messageInCharacters, messageKinds, messageProfile } from "./message-profile.ts";
import { nativeProfile } from "./native-profile.ts";
import { asJson, asText } from "./print.ts";
import { readerProfile } from "./reader-profile.ts";
import { inspectModemRecording, inspectRecording } from "./recording-command.ts";

/** Every kind of capture that can be inspected, by the name that `--profile` takes. */
const profiles: ReadonlyMap<string, Profile> = new Map([
  ...readerFamilyNames.map((family) => [family, readerProfile(family)] as const),
  ["hid-msr", readerProfile("hid-msr")],
  ["auto", readerProfile("auto")],
  ["native", nativeProfile],
  ...Object.entries(messageKinds).map(([name, kind]) => [`8583:${name}`, messageProfile(name, kind)] as const),
]);

/** `inspect`: exit status 0 for a whole capture, 1 for a broken one. */
export function addInspectCommand(program: Command): void {
  program
    .command("inspect")
    .description(
      "decode a captured reader frame or bank message: fields, masked tracks, KSN, and every check with pass or fail",
    )
    .addOption(new Option("--profile <name>", "what was captured").choices([...profiles.keys()]).default("auto"))
    .option("--in <file|->", "the capture, binary or hex text with any white space; - for standard input")
    .option("--wav <file>", "a recording of swipes at a bare head on a sound input, in place of --in")
    .addOption(
      new Option("--modem <Bd>", "with --wav: frames of the framed modem, not swipes").choices(bauds.map(String)),
    )
    .option("--svg <file>", "draw the swipes of a recording: signal, flux changes, bits, characters")
    .option("--bdk <hex>", "a test base derivation key of 32 hex digits: opens the tracks, shows those of test cards")
    .option("--descriptor <file>", "of a hid-msr capture: the reader's HID report descriptor, binary or hex text")
    .option("--json", "print one JSON object")
    .action(
      async ({ profile, in: path, wav, modem, svg, bdk, descriptor, json }: InspectArguments, command: Command) => {
        if (wav !== undefined && modem !== undefined) {
          await inspectModemRecording(wav, Number(modem) as Baud, json ?? false);
          return;
        }
        if (wav !== undefined) {
          await inspectRecording(wav, svg, json ?? false);
          return;
        }
        if (path === undefined) command.error("error: give a capture (--in <file|->) or a recording (--wav <file>)");
        if (profile === "hid-msr" && descriptor === undefined) {
          command.error("error: a hid-msr capture needs its reader's descriptor: --descriptor <file>");
        }
        const inspect = profiles.get(profile);
        if (!inspect) throw new Error(`profile ${profile} passed its choices and is not there`);
        const key = bdk === undefined ? undefined : hexKey("--bdk", bdk, 16);
        const layout = descriptor === undefined ? undefined : await readCapture(descriptor, process.stdin);
        const text = profile === "8583:iso1987" ? messageInCharacters : undefined;
        const capture = await readCapture(path, process.stdin, text);
        try {
          const inspection = inspect(capture, { ...(key && { bdk: key }), ...(layout && { descriptor: layout }) });
          process.stdout.write(json ? asJson(inspection) : asText(inspection));
          process.exitCode = inspection.failure ? 1 : 0;
        } finally {
          capture.fill(0);
          key?.fill(0);
        }
      },
    );
}

interface InspectArguments {
  readonly profile: string;
  readonly in?: string;
  readonly wav?: string;
  readonly modem?: `${Baud}`;
  readonly svg?: string;
  readonly bdk?: string;
  readonly descriptor?: string;
  readonly json?: boolean;
}
