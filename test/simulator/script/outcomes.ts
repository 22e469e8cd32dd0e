import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { FrameIntake, type ReaderFinder } from "@swipewire/daemon/readers/frame-intake";
import type { ReaderTransport } from "@swipewire/daemon/transports/reader-transport";
import { wipeSwipe } from "@swipewire/protocol/card/swipe";
import type { Clock } from "@swipewire/protocol/time";
import { readScript } from "@swipewire/simulator/script/reader-script";
import { type Logger, pino } from "pino";
import type { Test } from "tap";

const FOLDER = join(import.meta.dirname, "../../../simulator/script/examples");

export const exampleFile = (name: string) => join(FOLDER, name);

/** The scripts that the simulator brings. */
export const examples = readdirSync(FOLDER).map((name) => ({
  name,
  script: readScript(readFileSync(exampleFile(name))),
}));

/** What a line of the daemon's log says of a reader, as scripts name it. */
export function outcomeOf({ msg, reason, code }: LogLine): string | undefined {
  if (code !== undefined) return code;
  if (msg === "reader connected") return "connected";
  if (msg === "swipe read") return "swipe";
  return msg === "reader disconnected" ? reason : undefined;
}

interface LogLine {
  readonly msg: string;
  readonly reason?: string;
  readonly code?: string;
}

interface Readers {
  readonly transports?: readonly ReaderTransport[];
  readonly finder?: (logger: Logger) => ReaderFinder;
  readonly clock: Clock;
}

/** Listens to readers as the daemon does. @returns what it tells, as scripts name it, and the KSNs of what it took */
export function listenTo(t: Test, { transports = [], finder, clock }: Readers) {
  const told: string[] = [];
  const ksns: Uint8Array[] = [];
  const logger = pino(
    {},
    {
      write(line: string) {
        const outcome = outcomeOf(JSON.parse(line));
        if (outcome !== undefined) told.push(outcome);
      },
    },
  );
  const intake = new FrameIntake({ transports, ...(finder && { finder: finder(logger) }), clock, logger });
  intake.open({
    readerChanged: () => {},
    swiped: (swipe) => {
      if (swipe.kind === "encrypted") ksns.push(swipe.ksn.slice());
      wipeSwipe(swipe);
    },
    misread: () => {},
  });
  t.teardown(() => intake.close());
  return { told, ksns };
}

const listed = (told: readonly string[]) => `${told.join(" ")} `;

function patternOf(expected: readonly string[]): RegExp {
  const each = expected.map((outcome) => {
    const [, names, times = ""] = /^(.+?)([*?]?)$/.exec(outcome) ?? [];
    return `((${names}) )${times === "*" ? "+" : times}`;
  });
  return new RegExp(`^${each.join("")}$`);
}

/** Are these the outcomes? */
export function areOutcomes(t: Test, told: readonly string[], expected: readonly string[], kind: string): void {
  t.match(listed(told), patternOf(expected), `${kind}: ${told.join(" ")}`);
}

export const endIn = (told: readonly string[], expected: readonly string[]): boolean =>
  patternOf(expected).test(listed(told));
