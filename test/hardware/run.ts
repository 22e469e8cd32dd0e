import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { promisify } from "node:util";
import { systemRandom } from "@swipewire/protocol/random";
import { Millis, systemClock } from "@swipewire/protocol/time";
import { testCard } from "@swipewire/simulator/cards/test-cards";
import { startCentre } from "@swipewire/simulator/demo/system";
import { typingPayer } from "@swipewire/simulator/phone/payer";
import type { ReaderDevice } from "@swipewire/simulator/readers/virtual-reader";
import { UsbipServer } from "@swipewire/simulator/usbip/server";
import { pino } from "pino";
import t, { type Test } from "tap";
import { freePort } from "../free-port.ts";
import { buildImage } from "./image.ts";
import { Kiosk } from "./kiosk.ts";
import { Machine } from "./machine.ts";
import { playOnUhid, playOnUsb } from "./reader-scripts.ts";
import { type CabledReader, kindOf, ReaderShelf } from "./readers.ts";

const HOST = "127.0.0.1";
const SIMULATOR = join(import.meta.dirname, "../../simulator/bin/swipewire-sim.js");
const PHONE = "+8613800000000";
const clock = systemClock;
const random = systemRandom;
const say = (line: string) => process.stderr.write(`${line}\n`);
/** The simulator's line reader: not known to the daemon, but for its config. */
const LINE_READER = { name: "Line reader", vendorId: "1209", productId: "0002", shownAs: "serial", family: "ascii" };
/** The simulator's reader with the native frame, likewise. */
const NATIVE_READER = { ...LINE_READER, name: "Native reader", productId: "0003", family: "idtech", framing: "native" };
/** Those that no driver of the system takes. */
const VENDOR_READER = { ...LINE_READER, shownAs: "vendor", family: "idtech" };
const VENDOR_READERS = [
  { ...VENDOR_READER, name: "Bulk reader", productId: "0004" },
  { ...VENDOR_READER, name: "Interrupt reader", productId: "0005" },
] as const;
/** A serial reader under the name that udev's own rules give it, whatever number its tty has. */
const NAMED_READER = {
  transport: "serial",
  name: "counter reader",
  path: "/dev/serial/by-id/usb-ID_TECH_Serial_stripe_reader_SW-named-if00",
  family: "idtech",
};
const begun = Date.now();
const lap = (what: string) => say(`${((Date.now() - begun) / 1000).toFixed(1)} s  ${what}`);

t.setTimeout(600_000);
const folder = mkdtempSync(join(tmpdir(), "sw-hw-"));
process.on("exit", () => {
  rmSync(folder, { recursive: true, force: true });
  const { pass, fail, skip } = t.assertTotals;
  if (pass + fail > 0) process.stdout.write(`${pass} passed, ${fail} failed, ${skip} skipped\n`);
});

const logger = pino({ level: "warn" }, process.stderr);
const image = buildImage(folder);
lap("image built");
const centre = await startCentre({ folder, clock, random, logger, replySeconds: 60 });
t.teardown(() => centre.close());
const server = await UsbipServer.start({ host: HOST, port: 0, logger });
t.teardown(() => server.close());
const machine = await Machine.start(image, { folder, port: await freePort() });
t.teardown(() => machine.stop());
lap("machine up");
const kiosk = new Kiosk(machine, await freePort());
t.teardown(async () => {
  if (t.passing()) return;
  say(`--- the machine's console\n${machine.console}\n--- the daemon's log\n${kiosk.log}`);
  say(`--- the kernel's log\n${await machine.run("dmesg").catch(String)}`);
});

const shelf = new ReaderShelf(machine, server);
const take = (kind: string, ...how: [serialNumber?: string, device?: Partial<ReaderDevice>]) =>
  shelf.take(kindOf(kind), ...how);
let orders = 0;

/** A payment by a card without a PIN, unless another is named. */
async function pay(
  reader: Pick<CabledReader, "swipe">,
  { card = "visa-no-pin", swipe = () => reader.swipe(card) } = {},
) {
  const { shop, bank, phones } = centre;
  const charged = bank.books.charged(card);
  const amount = 1000 + ++orders * 100;
  const order = await shop.placeOrder({ orderNumber: `K-${orders}`, product: "Tea", amount, currency: "CNY" });
  const { code } = await shop.transactionCode(order);
  await kiosk.command({ do: "enter-code", code });
  await kiosk.untilView("the order", ({ step }) => step === "confirm");
  await kiosk.command({ do: "confirm" });
  await kiosk.untilView("the word to swipe", ({ step }) => step === "swipe");
  const taken = await swipe();
  await kiosk.untilView("the swipe", ({ step }) => step === "card");
  const { pin } = testCard(card);
  if (pin) phones.phone(PHONE).script = typingPayer(Uint8Array.of(...pin, 0x23), Millis(1), Millis(1));
  await kiosk.command({ do: "card", pin: pin !== undefined, ...(pin && { phone: PHONE }) });
  const { result } = await kiosk.untilView("the result", ({ step }) => step === "result");
  await kiosk.command({ do: "finish" });
  lap(`paid, order ${orders}`);
  return { taken, outcome: result?.outcome, overcharged: bank.books.charged(card) - charged - amount };
}
const PAID = { taken: true, outcome: "approved", overcharged: 0 } as const;

const connected = (reader: string) =>
  kiosk.untilLog(`${reader} to connect`, (line) => line.msg === "reader connected" && line.reader === reader);
const disconnected = async (reader: string) => {
  const { reason } = await kiosk.untilLog(
    `${reader} to disconnect`,
    (line) => line.msg === "reader disconnected" && line.reader === reader,
  );
  return reason;
};

/** What the kernel calls the port of the reader with this serial number. */
async function portOf(serialNumber: string): Promise<string> {
  const file = await machine.run("sh", "-c", `grep -lx ${serialNumber} /sys/bus/usb/devices/*/serial`);
  return basename(dirname(file.trim()));
}

/** Who may open the device file of the reader with this serial number. */
async function accessTo(serialNumber: string, file: "hidraw" | "ttyACM" | "bus"): Promise<string> {
  const port = await portOf(serialNumber);
  const find = `for f in /sys/bus/usb/devices/${port}/uevent $(find -L /sys/bus/usb/devices/${port}:* -maxdepth 4 -path '*/${file}*/uevent' 2>/dev/null)`;
  const path = `n=$(sed -n s/^DEVNAME=//p $f); case $n in *${file}*) stat -c '%U:%G %a' /dev/$n; break;; esac`;
  return (await machine.run("sh", "-c", `${find}; do ${path}; done`)).trim();
}

const inputDevices = () => machine.run("cat", "/proc/bus/input/devices");

/** They share a machine and a terminal: after one that failed, the next would only fail differently. */
const scenario = (name: string, test: (t: Test) => Promise<void>) =>
  t.test(name, t.passing() ? {} : { skip: "one before it failed" }, test);

const named = take("idtech-serial", "SW-named");

await scenario(
  "an ordinary user enrols the daemon, runs it, and pays at the reader that the config names",
  async (t) => {
    const { gateway } = centre;
    const { token } = await gateway.terminals.issueEnrolmentToken();
    for (const url of [gateway.httpUrl, gateway.brokerUrl]) await machine.reachHost(Number(new URL(url).port));
    await kiosk.install({
      gatewayUrl: gateway.httpUrl,
      token,
      readers: [NAMED_READER],
      profiles: [LINE_READER, NATIVE_READER, ...VENDOR_READERS],
    });
    lap("daemon enrolled");
    await named.plug();
    await kiosk.start();
    lap("daemon started");
    t.equal(await kiosk.identity(), "kiosk:swipewire");
    await connected(NAMED_READER.name);
    t.match(await pay(named), PAID);
    named.unplug();
    t.equal(await disconnected(NAMED_READER.name), "unplugged");
  },
);

for (const [kind, profile, family, file, card] of [
  ["hid-msr", "HID POS magnetic stripe reader", "hid-msr", "hidraw", "unionpay-debit"],
  ["magtek", "MagTek MagneSafe HID", "magtek-magnesafe", "hidraw", "unionpay-debit-19"],
  ["idtech", "ID TECH", "idtech", "hidraw", "visa-no-pin"],
  ["idtech-serial", "ID TECH serial over USB", "idtech", "ttyACM", "visa-no-pin"],
  ["lines", LINE_READER.name, "ascii", "ttyACM", "visa-no-pin"],
  ["native", NATIVE_READER.name, "idtech", "ttyACM", "visa-no-pin"],
  ["vendor-bulk", VENDOR_READERS[0].name, "idtech", "bus", "visa-no-pin"],
  ["vendor-interrupt", VENDOR_READERS[1].name, "idtech", "bus", "visa-no-pin"],
  ["keyboard", "MagTek keyboard emulation", "magtek-keyboard", "bus", "visa-no-pin"],
] as const) {
  await scenario(
    `${kind}: found, opened, paid with, pulled out in the middle of a swipe, plugged in again`,
    async (t) => {
      const serialNumber = `SW-${kind}`;
      const name = `${profile}, serial number ${serialNumber}`;
      const reader = take(kind, serialNumber);
      await reader.plug();
      t.match(await connected(name), { family });
      t.equal(await accessTo(serialNumber, file), "root:swipewire 660");
      t.match(await pay(reader, { card }), PAID);
      const interrupted = async () => {
        const reports = reader.reports(card);
        const half = reports.slice(0, Math.ceil(reports.length / 2));
        // One report is a whole swipe.
        if (reports.length > 1) t.ok(await reader.usb.sendReports(half), "half of a swipe");
        reader.unplug();
        t.equal(await disconnected(name), "unplugged");
        await reader.plug();
        t.match(await connected(name), { family });
        return reader.swipe(card);
      };
      t.match(await pay(reader, { card, swipe: interrupted }), PAID);
      reader.usb.stall();
      if (file === "bus") {
        t.equal(await disconnected(name), "failed");
        await connected(name);
      }
      t.match(await pay(reader, { card }), PAID, "after a stall");
      if (kind === "keyboard") t.notMatch(await inputDevices(), /Keyboard Swipe Reader/, "nothing is typed");
      reader.unplug();
      t.equal(await disconnected(name), "unplugged");
    },
  );
}

await scenario("readers whose ids leave open what they send are asked, and paid with", async (t) => {
  for (const [kind, profile, family, device] of [
    ["keyboard", "MagTek keyboard emulation", "magtek-keyboard", {}],
    ["keyboard", "MagTek keyboard emulation", "ascii", { magtekLevel: 2 }],
    ["idtech-serial", "ID TECH serial over USB", "ascii", { idtechLevel: "clear" }],
  ] as const) {
    const reader = take(kind, "ASKED", device);
    const name = `${profile}, serial number ASKED`;
    await reader.plug();
    t.match(await connected(name), { family, asked: "answered" });
    t.match(await pay(reader), PAID);
    reader.unplug();
    t.equal(await disconnected(name), "unplugged");
  }
});

await scenario("two alike readers are told apart, and keep their names on other ports", async (t) => {
  const [left, right] = [take("magtek", "LEFT"), take("magtek", "RIGHT")];
  const names = ["LEFT", "RIGHT"].map((serialNumber) => `MagTek MagneSafe HID, serial number ${serialNumber}`);
  const [leftName = "", rightName = ""] = names;
  await left.plug();
  await connected(leftName);
  const port = await portOf("LEFT");
  left.unplug();
  t.equal(await disconnected(leftName), "unplugged");
  await right.plug();
  await connected(rightName);
  t.equal(await portOf("RIGHT"), port, "on the port of the other");
  await left.plug();
  await connected(leftName);
  t.not(await portOf("LEFT"), port);
  t.match(await pay(left), PAID);
  t.match(await pay(right), PAID);
  right.unplug();
  t.equal(await disconnected(rightName), "unplugged");
  t.match(await pay(left), PAID);
  left.unplug();
  t.equal(await disconnected(leftName), "unplugged");
});

await scenario("alike readers without serial numbers are named by their ports", async (t) => {
  const readers = [take("keyboard"), take("keyboard")];
  const names: string[] = [];
  for (const reader of readers) {
    await reader.plug();
    const { reader: name = "" } = await kiosk.untilLog("a keyboard reader", ({ msg }) => msg === "reader connected");
    names.push(name);
    t.match(name, /^MagTek keyboard emulation, port \d+-\d+$/);
  }
  t.equal(new Set(names).size, 2);
  for (const reader of readers) t.match(await pay(reader), PAID);
  readers[0]?.unplug();
  t.equal(await disconnected(names[0] ?? ""), "unplugged");
});

await scenario("a reader that may not be opened is told of, and opened once the rules are there", async (t) => {
  const name = "HID POS magnetic stripe reader, serial number LOCKED";
  const reader = take("hid-msr", "LOCKED");
  await kiosk.setRules(false);
  await reader.plug();
  await kiosk.untilLog("the refusal", ({ reader, code }) => reader === name && code === "reader_not_opened");
  await kiosk.setRules(true);
  await connected(name);
  t.match(await pay(reader), PAID);
  reader.unplug();
  t.equal(await disconnected(name), "unplugged");
});

await scenario("a reader that floods is isolated and comes back, while another is paid with", async (t) => {
  const name = (serialNumber: string) => `HID POS magnetic stripe reader, serial number ${serialNumber}`;
  const [flooding, quiet] = [take("hid-msr", "FLOODING"), take("hid-msr", "QUIET")];
  await flooding.plug();
  await connected(name("FLOODING"));
  await quiet.plug();
  await connected(name("QUIET"));
  await flooding.usb.sendReports(Array.from({ length: 40 }, () => flooding.reports("visa-no-pin")).flat());
  t.equal(await disconnected(name("FLOODING")), "isolated");
  t.match(await pay(quiet), PAID);
  await connected(name("FLOODING"));
  t.match(await pay(flooding), PAID);
  for (const { unplug } of [flooding, quiet]) unplug();
});

await scenario("a device that is no reader is left to the system", async (t) => {
  const stranger = shelf.take({ ...kindOf("magtek"), vendorId: 0x1209, productId: 0x0099 }, "STRANGER");
  await stranger.plug();
  const neighbour = take("hid-msr", "NEIGHBOUR");
  await neighbour.plug();
  await connected("HID POS magnetic stripe reader, serial number NEIGHBOUR");
  t.equal(await accessTo("STRANGER", "hidraw"), "root:root 600");
});

await scenario("readers that do what the simulator's scripts say come to the outcomes that these name", async (t) => {
  await playOnUsb(t, { kiosk, shelf });
  lap("scripts played on USB");
});

await scenario("the same readers, handed to the kernel by uhid, come to the same outcomes", async (t) => {
  await playOnUhid(t, { machine, kiosk });
  lap("scripts played by uhid");
});

await scenario("a bare head on a sound card is heard, and paid with", async (t) => {
  await machine.run("modprobe", "snd-aloop");
  await machine.run("udevadm", "settle");
  const wav = join(folder, "swipe.wav");
  await promisify(execFile)(process.execPath, [SIMULATOR, "swipe", "--audio", wav, "--card", "visa-no-pin"]);
  await machine.write("/tmp/swipe.wav", await readFile(wav));
  await kiosk.reload([{ transport: "audio", name: "jack", source: "hw:CARD=Loopback,DEV=1" }]);
  await connected("jack");
  const swipe = async () => {
    await machine.run("aplay", "-q", "-D", "hw:CARD=Loopback,DEV=0", "/tmp/swipe.wav");
    return true;
  };
  t.match(await pay({ swipe }), PAID);
});

await scenario("the daemon stops, and gives the keyboard back", async (t) => {
  t.notMatch(await inputDevices(), /Keyboard Swipe Reader/);
  t.equal(await kiosk.stop(), 0);
  t.match(await inputDevices(), /Keyboard Swipe Reader/);
});
