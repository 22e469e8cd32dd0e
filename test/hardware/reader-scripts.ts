import { systemClock } from "@swipewire/protocol/time";
import { playScript } from "@swipewire/simulator/script/play-script";
import type { ReaderScript } from "@swipewire/simulator/script/reader-script";
import { type ReaderKind, readerKinds } from "@swipewire/simulator/usbip/reader-kinds";
import { usbCarrier } from "@swipewire/simulator/usbip/usb-carrier";
import type { Test } from "tap";
import { areOutcomes, endIn, examples } from "../simulator/script/outcomes.ts";
import type { Kiosk } from "./kiosk.ts";
import type { ReaderShelf } from "./readers.ts";

/** Readers of a kind that play at once. */
const ALIKE = 3;

const lasting = ({ steps }: ReaderScript) => steps.reduce((sum, step) => sum + (step.do === "wait" ? step.ms : 0), 0);
/** The longest first, so that it does not end alone. */
const scripts = examples.toSorted((one, other) => lasting(other.script) - lasting(one.script));

interface Stage {
  readonly kiosk: Kiosk;
  readonly shelf: ReaderShelf;
}

/** Plays the simulator's scripts on readers of every kind that they name. */
export async function playScripts(t: Test, stage: Stage): Promise<void> {
  await Promise.all(
    readerKinds.map(async (kind) => {
      const waiting = scripts.flatMap(({ name, script }) => {
        const outcomes = script.outcomes[kind.name as keyof ReaderScript["outcomes"]];
        return outcomes ? [{ name: `${name}, ${kind.name}`, script, outcomes }] : [];
      });
      const next = () => waiting.shift();
      await Promise.all(Array.from({ length: ALIKE }, (_, n) => playOn(t, `${kind.name}.${n}`, kind, next, stage)));
    }),
  );
}

interface Play {
  readonly name: string;
  readonly script: ReaderScript;
  readonly outcomes: readonly string[];
}

/** One reader plays one script after the other. */
async function playOn(
  t: Test,
  serialNumber: string,
  kind: ReaderKind,
  next: () => Play | undefined,
  { kiosk, shelf }: Stage,
): Promise<void> {
  const cabled = shelf.takeStrange(kind, serialNumber);
  const carrier = usbCarrier(cabled.usb, cabled);
  await cabled.plug();
  let before = 0;
  const told = (fits: (told: readonly string[]) => boolean) =>
    kiosk.untilTold(serialNumber, (all) => fits(all.slice(before))).then((all) => all.slice(before));
  await told(([first]) => first === "connected");
  for (let play = next(); play; play = next()) {
    const { name, script, outcomes } = play;
    // Each begins with a reader that is plugged in; this one was before its first.
    const expected = before === 0 ? outcomes : outcomes.slice(1);
    await playScript(script, { reader: cabled.card, carrier, clock: systemClock });
    const came = await told((told) => endIn(told, expected));
    areOutcomes(t, came, expected, name);
    before += came.length;
  }
  // Of what came late, this would be the second.
  cabled.unplug();
  t.strictSame(await told((told) => told.at(-1) === "unplugged"), ["unplugged"], `${serialNumber} ends`);
}
