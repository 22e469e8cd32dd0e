import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout } from "node:timers/promises";
import { parseArgs } from "node:util";
import { systemClock } from "@swipewire/protocol/time";
import { PtyReader } from "@swipewire/simulator/readers/pty-reader";
import { startBroker } from "../daemon/test-broker.ts";
import { TestGateway } from "../daemon/test-gateway.ts";
import { enrolInto, order, PASSWORD, TERMINAL } from "../daemon/test-identity.ts";
import { startSoundServer } from "../services/pulseaudio/sound-server.ts";
import { playNoise } from "./noise.ts";
import { childrenOf, usageHeading, usageOf, usageRow } from "./process-usage.ts";
import { singleFile } from "./single-file.ts";

/**
 * `npm run footprint -- [--seconds S]`: what a daemon that waits for cards takes of memory and processor, as the single
 * file in the unit's environment and from source; all of them side by side, each with a broker and a gateway of its own.
 * It wants socat and what the tests in `test/services/pulseaudio` want. Exit status 1 when a single file takes too much.
 */
const { values } = parseArgs({ options: { seconds: { type: "string", default: "60" } } });
const seconds = Number(values.seconds);

/** Until V8 has given back what the start took. */
const SETTLE = 20_000;
/** Decibels to full scale, of an input with nothing in its plug and its gain up. */
const NOISE = -50;
/** KB of its own that a single file may hold. Not of RSS: how much of a program's file is in memory is the kernel's to say. */
const MOST_OWN = 45 * 1024;
const SINGLE_FILE = "single file";
const ROOT = join(import.meta.dirname, "../..");
const say = (line: string) => process.stdout.write(`${line}\n`);

const leftovers: (() => unknown)[] = [];
const teardown = (action: () => unknown) => void leftovers.push(action);
const folder = mkdtempSync(join(tmpdir(), "swipewire-footprint-"));
teardown(() => rmSync(folder, { recursive: true }));

interface Program {
  readonly name: string;
  readonly command: readonly [string, ...string[]];
  readonly env: NodeJS.ProcessEnv;
}

/** @returns the process id of what is ended with this program */
function endedLater(child: ChildProcess): number {
  teardown(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, "exit");
    child.kill("SIGTERM");
    await gone;
  });
  if (child.pid === undefined) throw new Error("a program that did not start");
  return child.pid;
}

/** @returns its process id, once it has said this much */
async function startDaemon(program: Program, readers: readonly object[], untilSaid: string): Promise<number> {
  const home = mkdtempSync(join(folder, "daemon-"));
  const config = join(home, "daemon.json");
  writeFileSync(config, JSON.stringify({ stateDir: home, localApi: { port: 0 }, readers }));
  const broker = await startBroker(PASSWORD);
  teardown(() => broker.kill());
  const gateway = new TestGateway({ url: broker.url, password: PASSWORD, terminal: TERMINAL, order });
  teardown(() => gateway.close());
  await enrolInto(home, broker.url);
  const [command, ...args] = program.command;
  const online = gateway.nextPresence("online");
  const child = spawn(command, [...args, "run", "--config", config], {
    env: { ...process.env, ...program.env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const said = new Promise<void>((resolve, reject) => {
    child.once("exit", () => reject(new Error(`${program.name} ended`)));
    createInterface(child.stdout).on("line", (line) => {
      if (JSON.parse(line).msg === untilSaid) resolve();
    });
  });
  const pid = endedLater(child);
  await Promise.all([said, online]);
  return pid;
}

/** As the unit runs it, from a file that is not in memory, as after the machine has booted. */
function packaged(): Program {
  const { file, env } = singleFile(folder);
  execFileSync("sync", [file]);
  execFileSync("dd", [`if=${file}`, "iflag=nocache", "count=0"], { stdio: "ignore" });
  return { name: SINGLE_FILE, command: [file], env };
}

const fromSource: Program = {
  name: "from source",
  command: [process.execPath, join(ROOT, "daemon/bin/swipewire-daemon.js")],
  env: {},
};

async function main(): Promise<void> {
  const sound = await startSoundServer({ teardown });
  await sound.plug("silent");
  await sound.plug("noisy");
  teardown(playNoise("noisy", NOISE));
  const link = join(folder, "line");
  const subjects: { name: string; pid: number }[] = [];
  const watch = (name: string, pid: number) => subjects.push({ name, pid });

  const idle = spawn(process.execPath, ["-e", "setInterval(() => {}, 2 ** 30)"], { stdio: "ignore" });
  watch("Node alone", endedLater(idle));
  for (const program of [packaged(), fromSource]) {
    const start = async (what: string, readers: readonly object[]) => {
      const untilSaid = readers.length === 0 ? "daemon started" : "reader connected";
      watch(`${program.name}, ${what}`, await startDaemon(program, readers, untilSaid));
    };
    await start("no reader", []);
    const path = `${link}-${program === fromSource ? 1 : 0}`;
    const pty = await PtyReader.open({ link: path, clock: systemClock, baud: 9600 });
    teardown(() => pty.close());
    await start("serial reader", [{ transport: "serial", name: "counter", path }]);
    for (const sink of ["silent", "noisy"]) {
      await start(`${sink} sound input`, [{ transport: "audio", name: "jack", source: `pulse:${sink}.monitor` }]);
    }
  }

  await setTimeout(SETTLE);
  const usages = () =>
    Promise.all(
      subjects.map(async ({ pid }) => Promise.all([pid, ...(await childrenOf(pid))].map((each) => usageOf(each)))),
    );
  const before = await usages();
  await setTimeout(seconds * 1000);
  const after = await usages();
  say(usageHeading);
  for (const [at, { name }] of subjects.entries()) {
    say(usageRow(name, before[at] ?? [], after[at] ?? [], seconds));
    const own = after[at]?.[0]?.anonymous ?? Number.NaN;
    if (name.startsWith(SINGLE_FILE) && !(own <= MOST_OWN)) {
      process.stderr.write(`${name}: more than ${MOST_OWN / 1024} MB of its own\n`);
      process.exitCode = 1;
    }
  }
}

try {
  await main();
} finally {
  for (const action of leftovers.toReversed()) await action();
}
