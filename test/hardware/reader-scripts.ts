import { on, once } from "node:events";
import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { systemClock } from "@swipewire/protocol/time";
import { playScript } from "@swipewire/simulator/script/play-script";
import type { ReaderScript } from "@swipewire/simulator/script/reader-script";
import { type ReaderKind, readerKinds } from "@swipewire/simulator/usbip/reader-kinds";
import { usbCarrier } from "@swipewire/simulator/usbip/usb-carrier";
import type { Test } from "tap";
import { areOutcomes, endIn, exampleFile, examples } from "../simulator/script/outcomes.ts";
import { type Kiosk, NODE } from "./kiosk.ts";
import type { Machine } from "./machine.ts";
import { kindOf, type ReaderShelf } from "./readers.ts";

const SIMULATOR = "/opt/swipewire/node_modules/@swipewire/simulator/bin/swipewire-sim.js";
const SCRIPTS = "/tmp/scripts";

/** Readers of a kind that play at once. */
const ALIKE = 2;

type Example = (typeof examples)[number];

const lasting = ({ steps }: ReaderScript) => steps.reduce((sum, step) => sum + (step.do === "wait" ? step.ms : 0), 0);
/** The longest first, so that it does not end alone. */
const longestFirst = examples.toSorted((one, other) => lasting(other.script) - lasting(one.script));

/** A reader that plays one script after the other. */
interface Player {
  readonly serialNumber: string;
  plug(): Promise<void>;
  play(example: Example): Promise<void>;
  unplug(): void;
}

/** Has readers of a kind play all scripts that name it, and hears what the daemon tells of each. */
async function playAll(
  t: Test,
  kiosk: Kiosk,
  { name: kind }: ReaderKind,
  scripts: readonly Example[],
  players: readonly Player[],
): Promise<void> {
  const waiting = scripts.flatMap((example) => {
    const outcomes = example.script.outcomes[kind as keyof ReaderScript["outcomes"]];
    return outcomes ? [{ example, outcomes }] : [];
  });
  await Promise.all(
    players.map(async ({ serialNumber, plug, play, unplug }) => {
      let before = 0;
      const told = (fits: (told: readonly string[]) => boolean) =>
        kiosk.untilTold(serialNumber, (all) => fits(all.slice(before))).then((all) => all.slice(before));
      await plug();
      await told(([first]) => first === "connected");
      for (let next = waiting.shift(); next; next = waiting.shift()) {
        const { example, outcomes } = next;
        // Each begins with a reader that is plugged in; this one was before its first.
        const expected = before === 0 ? outcomes : outcomes.slice(1);
        await play(example);
        const came = await told((told) => endIn(told, expected));
        areOutcomes(t, came, expected, `${example.name}, ${serialNumber}`);
        before += came.length;
      }
      // Of what came late, this would be the second.
      unplug();
      t.strictSame(await told((told) => told.at(-1) === "unplugged"), ["unplugged"], `${serialNumber} ends`);
    }),
  );
}

/** Plays the simulator's scripts on readers of every kind that they name, on USB. */
export async function playOnUsb(t: Test, { kiosk, shelf }: { kiosk: Kiosk; shelf: ReaderShelf }): Promise<void> {
  const playerOf = (kind: ReaderKind, serialNumber: string): Player => {
    const cabled = shelf.takeStrange(kind, serialNumber);
    const carrier = usbCarrier(cabled.usb, cabled);
    return {
      serialNumber,
      plug: () => cabled.plug(),
      play: ({ script }) => playScript(script, { reader: cabled.card, carrier, clock: systemClock }),
      unplug: () => cabled.unplug(),
    };
  };
  const alike = (kind: ReaderKind) => Array.from({ length: ALIKE }, (_, n) => playerOf(kind, `usb.${kind.name}.${n}`));
  await Promise.all(readerKinds.map((kind) => playAll(t, kiosk, kind, longestFirst, alike(kind))));
}

/** The same on HID readers of the machine's own kernel: the simulator runs there, and is typed to. */
export async function playOnUhid(t: Test, { machine, kiosk }: { machine: Machine; kiosk: Kiosk }): Promise<void> {
  await machine.run("modprobe", "uhid");
  await machine.run("mkdir", SCRIPTS);
  // There is no endpoint to be refused.
  const scripts = longestFirst.filter(({ script }) => !script.steps.some((step) => step.do === "stall"));
  for (const { name } of scripts) await machine.write(`${SCRIPTS}/${name}`, await readFile(exampleFile(name)));
  const kinds = ["hid-msr", "magtek", "idtech"].map(kindOf);
  const numbers = kinds.flatMap(({ name }) => Array.from({ length: ALIKE }, (_, n) => `uhid.${name}.${n}`));
  const devices = numbers.flatMap((number) => ["--device", `${number.split(".")[1]}:${number}`]);
  const simulator = machine.talkTo(...NODE, SIMULATOR, "reader", "--uhid", ...devices);
  const gone = once(simulator, "exit");
  const lines = createInterface(simulator.stdout).setMaxListeners(numbers.length + 1);
  const type = (line: string) => void simulator.stdin.write(`${line}\n`);
  const says = async (beginning: string) => {
    for await (const [line] of on(lines, "line")) if (String(line).startsWith(beginning)) return;
  };
  const playerOf = (serialNumber: string): Player => {
    const id = `1-${numbers.indexOf(serialNumber) + 1}`;
    return {
      serialNumber,
      plug: async () => {},
      play: async ({ name }) => {
        const played = says(`${id} played `);
        type(`${id} play ${SCRIPTS}/${name}`);
        await played;
      },
      unplug: () => type(`${id} unplug`),
    };
  };
  await Promise.all(
    kinds.map((kind) => {
      const alike = numbers.filter((number) => number.split(".")[1] === kind.name);
      return playAll(t, kiosk, kind, scripts, alike.map(playerOf));
    }),
  );
  simulator.stdin.end();
  t.strictSame(await gone, [0, null]);
}
