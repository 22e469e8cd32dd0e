import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { parseArgs } from "node:util";
import { systemRandom } from "@swipewire/protocol/random";
import { systemClock } from "@swipewire/protocol/time";
import { startCentre } from "@swipewire/simulator/demo/system";
import { UsbipServer } from "@swipewire/simulator/usbip/server";
import { pino } from "pino";
import { freePort } from "../free-port.ts";
import { buildImage } from "../hardware/image.ts";
import { Kiosk } from "../hardware/kiosk.ts";
import { Machine } from "../hardware/machine.ts";
import { kindOf, ReaderShelf } from "../hardware/readers.ts";
import { usageHeading, usageOf, usageRow } from "./process-usage.ts";
import { singleFile } from "./single-file.ts";

/**
 * `npm run footprint:hid -- [--seconds S]`: what the single file takes with a HID reader, on Debian's own kernel in QEMU.
 * The processor is an emulated one, many times slower than a real one: the lines with and without the reader tell what
 * the reader adds.
 */
const { values } = parseArgs({ options: { seconds: { type: "string", default: "60" } } });
const seconds = Number(values.seconds);

/** Until V8 has given back what the start took. */
const SETTLE = 30_000;
const THERE = "/opt/swipewire-daemon";
const say = (line: string) => process.stdout.write(`${line}\n`);

const leftovers: (() => unknown)[] = [];
const teardown = (action: () => unknown) => void leftovers.push(action);
const folder = mkdtempSync(join(tmpdir(), "sw-fp-"));
teardown(() => rmSync(folder, { recursive: true }));

async function main(): Promise<void> {
  const { file, env } = singleFile(folder);
  const logger = pino({ level: "warn" }, process.stderr);
  const image = buildImage(folder, [[file, THERE]]);
  const centre = await startCentre({ folder, clock: systemClock, random: systemRandom, logger, replySeconds: 60 });
  teardown(() => centre.close());
  const server = await UsbipServer.start({ host: "127.0.0.1", port: 0, logger });
  teardown(() => server.close());
  const machine = await Machine.start(image, { folder, port: await freePort() });
  teardown(() => machine.stop());
  const { gateway } = centre;
  for (const url of [gateway.httpUrl, gateway.brokerUrl]) await machine.reachHost(Number(new URL(url).port));
  const settings = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  const kiosk = new Kiosk(machine, await freePort(), ["env", ...settings, THERE]);
  const { token } = await gateway.terminals.issueEnrolmentToken();
  await kiosk.install({ gatewayUrl: gateway.httpUrl, token, readers: [], profiles: [] });
  await kiosk.start();

  const usage = () => usageOf(kiosk.pid, (path) => machine.run("cat", path));
  const measure = async (what: string) => {
    await setTimeout(SETTLE);
    const before = await usage();
    await setTimeout(seconds * 1000);
    say(usageRow(`single file, ${what}`, [before], [await usage()], seconds));
  };
  say(usageHeading);
  await measure("no reader");
  const reader = new ReaderShelf(machine, server).take(kindOf("hid-msr"), "SW-idle");
  await reader.plug();
  await kiosk.untilLog("the reader", ({ msg }) => msg === "reader connected");
  await measure("HID reader");
  await reader.swipe("visa-no-pin");
  await kiosk.untilLog("the swipe", ({ code }) => code === "session_swipe_not_expected");
  await measure("HID reader, after a swipe");
}

try {
  await main();
} finally {
  for (const action of leftovers.toReversed()) await action();
}
