import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SerialTransport } from "@swipewire/daemon/transports/serial";
import { Seconds, sleep, systemClock } from "@swipewire/protocol/time";
import { PtyCarrier } from "@swipewire/simulator/readers/pty-carrier";
import { PUBLISHED_BDK } from "@swipewire/simulator/readers/published-frames";
import { virtualReader } from "@swipewire/simulator/readers/virtual-reader";
import { playScript } from "@swipewire/simulator/script/play-script";
import t from "tap";
import { seededRandom } from "../../seeded-random.ts";
import { areOutcomes, examples, listenTo } from "../../simulator/script/outcomes.ts";

const clock = systemClock;
const baud = 115_200;
/** A line has no endpoint that could be refused, and does not tell that nobody reads it any more. */
const played = examples.filter(({ name }) => !["flood.json", "stall.json"].includes(name));

const folder = mkdtempSync(join(tmpdir(), "swipewire-scripts-"));
t.teardown(() => rmSync(folder, { recursive: true }));
t.jobs = 8;

for (const [family, kind] of [
  ["ascii", "lines"],
  ["idtech", "idtech-serial"],
] as const) {
  for (const { name, script } of played) {
    const expected = script.outcomes[kind];
    if (!expected) continue;
    t.test(`${name} on a pseudo-terminal, ${kind}`, { buffered: true }, async (t) => {
      const link = join(folder, `${family}-${name}`);
      const carrier = await PtyCarrier.open({ link, clock, baud });
      const random = seededRandom(script.seed);
      const transport = new SerialTransport({ path: link, baudRate: baud, family, name: kind, clock, random });
      const { told } = listenTo(t, { transports: [transport], clock });
      const until = async (length: number) => {
        for (let tries = 0; told.length < length && tries < 200; tries++) await sleep(clock, Seconds(0.1));
      };
      await until(1);
      const reader = virtualReader(family, { bdk: PUBLISHED_BDK, ksn: new Uint8Array(10).fill(1, 0, 7) });
      await playScript(script, { reader, carrier, clock });
      await until(expected.length);
      areOutcomes(t, told, expected, kind);
      await carrier.unplug();
    });
  }
}
