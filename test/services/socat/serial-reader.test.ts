import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Asked } from "@swipewire/daemon/transports/ask-reader";
import { SerialTransport } from "@swipewire/daemon/transports/serial";
import { serialPort } from "@swipewire/daemon/transports/serial-port";
import { systemClock } from "@swipewire/protocol/time";
import { testCard } from "@swipewire/simulator/cards/test-cards";
import { NativeReader } from "@swipewire/simulator/readers/native-reader";
import { PtyReader } from "@swipewire/simulator/readers/pty-reader";
import { PUBLISHED_BDK } from "@swipewire/simulator/readers/published-frames";
import { virtualReader } from "@swipewire/simulator/readers/virtual-reader";
import t from "tap";
import { startTerminal } from "../../daemon/running-terminal.ts";
import { seededRandom } from "../../seeded-random.ts";

const baud = 115_200;
const clock = systemClock;
const CARD = "622424******0069";

t.test("a swipe on a serial line reaches the session, again after the reader was unplugged and plugged", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "swipewire-serial-"));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const link = join(folder, "reader");
  const plug = () => PtyReader.open({ link, clock, baud });
  let pty = await plug();
  t.teardown(() => pty.close());
  const transport = new SerialTransport({
    path: link,
    baudRate: baud,
    family: "ascii",
    name: "counter",
    clock,
    random: seededRandom(1),
  });
  const { session, until, step } = await startTerminal(t, [transport]);
  const reader = virtualReader("ascii", { bdk: PUBLISHED_BDK, ksn: new Uint8Array(10) });
  const connected = { connected: true, family: "ascii", name: "counter" };

  async function swipe() {
    session.command({ do: "enter-code", code: "12345678" });
    await step("confirm");
    session.command({ do: "confirm" });
    await pty.send(reader.nextFrame(testCard("unionpay-debit")));
    return step("card");
  }

  await until(({ gateway }) => gateway);
  t.strictSame((await until((view) => view.reader.connected)).reader, connected);
  t.match(await swipe(), { card: { maskedPan: CARD, pinByServiceCode: true } });

  await pty.close();
  t.match(await until((view) => !view.reader.connected), { step: "card", reader: { connected: false } });
  pty = await plug();
  t.strictSame((await until((view) => view.reader.connected)).reader, connected);
  session.command({ do: "cancel" });
  t.match(await swipe(), { card: { maskedPan: CARD } });
});

t.test("a reader with the native frame on a serial line is asked who it is, armed, and read", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "swipewire-serial-"));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const link = join(folder, "reader");
  const inner = virtualReader("ascii", { bdk: PUBLISHED_BDK, ksn: new Uint8Array(10) });
  const reader = new NativeReader(inner, { model: "Counter", serial: "7", firmware: "1.2" }, clock);
  const pty = await PtyReader.open({ link, clock, baud, commands: reader });
  t.teardown(() => pty.close());
  const told: Asked[] = [];
  const transport = new SerialTransport({
    ...{ path: link, baudRate: baud, family: "ascii", framing: "native", name: "counter" },
    told: (asked) => told.push(asked),
    clock,
    random: seededRandom(1),
  });
  const { session, until, step } = await startTerminal(t, [transport]);
  await until(({ gateway, reader }) => gateway && reader.connected);
  t.strictSame(told, [{ outcome: "answered", family: "ascii", says: "Counter, serial number 7, firmware 1.2" }]);
  for (let swipe = 0; swipe < 2; swipe++) {
    session.command({ do: "enter-code", code: "12345678" });
    await step("confirm");
    session.command({ do: "confirm" });
    await reader.ready();
    await pty.send(reader.nextFrame(testCard("unionpay-debit")));
    t.match(await step("card"), { card: { maskedPan: CARD } });
    session.command({ do: "cancel" });
    await step("idle");
  }
});

t.test("a reader that is pulled out while its last bytes are being read is told of as gone", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "swipewire-serial-"));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const link = join(folder, "reader");
  const socat = spawn("socat", ["-d", "-d", "STDIO", `PTY,raw,echo=0,link=${link}`]);
  t.teardown(() => socat.kill());
  for await (const line of createInterface(socat.stderr)) if (line.includes("starting data transfer loop")) break;
  const port = serialPort({ path: link, baudRate: 9600, autoOpen: false });
  const closed = new Promise((resolve) => port.once("close", resolve));
  port.on("error", () => {});
  // Nothing else is done between this read and the next, which then meets a line that was hung up.
  port.once("data", () =>
    execFileSync("sh", ["-c", `kill -KILL ${socat.pid}; while [ -e /proc/${socat.pid}/fd/0 ]; do :; done`]),
  );
  await new Promise((resolve) => port.open(resolve));
  socat.stdin.write(";4111");
  await closed;
  t.equal(port.isOpen, false);
});
