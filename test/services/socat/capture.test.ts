import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "@swipewire/protocol/time";
import { testCard } from "@swipewire/simulator/cards/test-cards";
import { PtyReader } from "@swipewire/simulator/readers/pty-reader";
import { PUBLISHED_BDK as bdk } from "@swipewire/simulator/readers/published-frames";
import { virtualReader } from "@swipewire/simulator/readers/virtual-reader";
import t from "tap";

const DAEMON = join(import.meta.dirname, "../../../daemon/bin/swipewire-daemon.js");
const folder = mkdtempSync(join(tmpdir(), "swipewire-capture-"));
t.teardown(() => rmSync(folder, { recursive: true }));
const baud = 115_200;
const link = join(folder, "reader");
const config = join(folder, "daemon.json");
const reader = { transport: "serial", name: "counter", path: link, baudRate: baud, family: "idtech" };
writeFileSync(
  config,
  JSON.stringify({ stateDir: folder, localApi: { port: 0 }, findReaders: false, readers: [reader] }),
);

function start(...args: string[]) {
  const program = spawn(process.execPath, [DAEMON, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  t.teardown(() => program.kill("SIGKILL"));
  let said = "";
  let heard = () => {};
  for (const stream of [program.stdout, program.stderr]) {
    stream.on("data", (piece: Buffer) => {
      said += piece;
      heard();
    });
  }
  const ended = once(program, "close").then(([status]) => ({ status, said }));
  const says = async (text: string) => {
    while (!said.includes(text)) await new Promise<void>((resolve) => (heard = resolve));
  };
  return { ended, says };
}

t.test(
  "a technician captures a test card at a reader on a real line, and replays it; another card leaves no file",
  async (t) => {
    const pty = await PtyReader.open({ link, clock: systemClock, baud });
    t.teardown(() => pty.close());
    const virtual = virtualReader("idtech", { bdk, ksn: Uint8Array.of(0x62, 0x99, 0x49, 1, 0x19, 0, 0, 0, 0, 1) });
    const file = join(folder, "counter.json");
    for (const [card, status, said] of [
      ["unionpay-credit", 1, "The card that was drawn is no published test card."],
      ["idtech-sample", 0, `file          ${file}: `],
    ] as const) {
      const capture = start("capture", "--config", config, "--out", file, "--about", "a pseudo-terminal");
      await capture.says("counter is here");
      await pty.send(virtual.nextFrame(testCard(card)));
      const end = await capture.ended;
      t.equal(end.status, status, end.said);
      t.match(end.said, said);
      t.equal(existsSync(file), status === 0);
    }
    const { about, reader } = JSON.parse(readFileSync(file, "utf8"));
    t.strictSame([about, reader], ["a pseudo-terminal", { transport: "serial", family: "idtech", baudRate: baud }]);
    const { status, said } = await start("replay", file).ended;
    t.equal(status, 0);
    t.match(said, /^reader {8}idtech, which encrypts\ntracks {8}1, 2, 3\ncard {10}4266\*{8}9999/);
  },
);
