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
        const { msg, reason, code } = JSON.parse(line);
        if (code) told.push(code);
        else if (msg === "reader connected") told.push("connected");
        else if (msg === "reader disconnected") told.push(reason);
      },
    },
  );
  const intake = new FrameIntake({ transports, ...(finder && { finder: finder(logger) }), clock, logger });
  intake.open({
    readerChanged: () => {},
    swiped: (swipe) => {
      told.push("swipe");
      if (swipe.kind === "encrypted") ksns.push(swipe.ksn.slice());
      wipeSwipe(swipe);
    },
    misread: () => {},
  });
  t.teardown(() => intake.close());
  return { told, ksns };
}

/** Are these the outcomes? `swipe*` stands for one or more. */
export function areOutcomes(t: Test, told: readonly string[], expected: readonly string[], kind: string): void {
  const each = expected.map((outcome) => (outcome.endsWith("*") ? `(${outcome.slice(0, -1)} )+` : `${outcome} `));
  t.match(`${told.join(" ")} `, new RegExp(`^${each.join("")}$`), `${kind}: ${told.join(" ")}`);
}
