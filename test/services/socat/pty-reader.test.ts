import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemRandom } from "@swipewire/protocol/random";
import { readerFamilyNames } from "@swipewire/protocol/readers/families";
import { version } from "@swipewire/protocol/readers/idtech-commands/version";
import { systemClock } from "@swipewire/protocol/time";
import { testCard } from "@swipewire/simulator/cards/test-cards";
import { PtyReader } from "@swipewire/simulator/readers/pty-reader";
import { PUBLISHED_BDK as bdk } from "@swipewire/simulator/readers/published-frames";
import { virtualReader } from "@swipewire/simulator/readers/virtual-reader";
import { SerialPort } from "serialport";
import t from "tap";

const folder = mkdtempSync(join(tmpdir(), "swipewire-pty-"));
t.teardown(() => rmSync(folder, { recursive: true }));
const baud = 115_200;
const ksn = Uint8Array.of(0x62, 0x99, 0x49, 1, 0x19, 0, 0, 0, 0, 1);

async function openPort(path: string): Promise<SerialPort> {
  const port = new SerialPort({ path, baudRate: baud, autoOpen: false });
  await new Promise<void>((resolve, reject) => port.open((error) => (error ? reject(error) : resolve())));
  return port;
}

/** Resolves with the first `length` bytes that arrive. */
async function receive(port: SerialPort, length: number): Promise<Uint8Array> {
  const received: number[] = [];
  while (received.length < length) {
    const [piece] = (await once(port, "data")) as [Uint8Array];
    received.push(...piece);
  }
  return Uint8Array.from(received);
}

const closed = (port: SerialPort) => new Promise<void>((resolve) => port.close(() => resolve()));

t.test(
  "frames written to the pseudo-terminal arrive whole at a serial port, also after it was opened anew",
  async (t) => {
    const pty = await PtyReader.open({ link: join(folder, "reader"), clock: systemClock, baud });
    t.teardown(() => pty.close());
    for (const family of readerFamilyNames) {
      const reader = virtualReader(family, { bdk, ksn });
      const port = await openPort(pty.link);
      const frame = reader.nextFrame(testCard("magtek-sample"));
      const arrived = receive(port, frame.length);
      await pty.send(frame);
      t.strictSame(await arrived, frame, family);
      await closed(port);
    }
  },
);

t.test("a reader with commands answers on the line", async (t) => {
  const { commands } = virtualReader("idtech", { bdk, ksn, device: { clock: systemClock, random: systemRandom } });
  const options = { link: join(folder, "answers"), clock: systemClock, baud };
  const pty = await PtyReader.open({ ...options, ...(commands && { commands }) });
  t.teardown(() => pty.close());
  const port = await openPort(pty.link);
  const expected = version.encodeResponse({ version: "ID TECH TM3 V1.00" });
  const answer = receive(port, expected.length);
  port.write(version.encodeRequest());
  t.strictSame(await answer, expected);
  await closed(port);
});

t.test("closing the reader takes its link away, and what is sent after fails", async (t) => {
  const pty = await PtyReader.open({ link: join(folder, "gone"), clock: systemClock, baud });
  t.ok(existsSync(pty.link));
  await pty.close();
  await pty.close();
  t.notOk(existsSync(pty.link));
  await t.rejects(pty.send(Uint8Array.of(1)), { code: "socat_failed" });
});

t.test("a link that cannot be made is told", async (t) => {
  const link = join(folder, "no", "such", "folder");
  await t.rejects(PtyReader.open({ link, clock: systemClock, baud }), { code: "socat_failed" });
});

for (const family of readerFamilyNames) {
  t.test(`the command swipes a card for each line, and an unknown name unplugs nothing: ${family}`, async (t) => {
    const link = join(folder, family);
    const bin = join(import.meta.dirname, "../../../simulator/bin/swipewire-sim.js");
    const args = [
      "reader",
      "--family",
      family,
      "--link",
      link,
      "--baud",
      "115200",
      "--ksn",
      Buffer.from(ksn).toString("hex"),
    ];
    const command = spawn(process.execPath, [bin, ...args], { stdio: ["pipe", "pipe", "ignore"] });
    const exited = once(command, "exit");
    await once(command.stdout, "data");
    const port = await openPort(link);
    const reader = virtualReader(family, { bdk, ksn, device: { clock: systemClock, random: systemRandom } });
    const frame = reader.nextFrame(testCard("visa-no-pin"));
    const arrived = receive(port, frame.length);
    command.stdin.write("no-such-card\nvisa-no-pin\n");
    t.strictSame(await arrived, frame);
    await closed(port);
    command.stdin.end();
    t.equal((await exited)[0], 1);
    t.notOk(existsSync(link));
  });
}
