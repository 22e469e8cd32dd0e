import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemRandom } from "@swipewire/protocol/random";
import { Millis, systemClock } from "@swipewire/protocol/time";
import { testCard } from "@swipewire/simulator/cards/test-cards";
import { startCentre } from "@swipewire/simulator/demo/system";
import { typingPayer } from "@swipewire/simulator/phone/payer";
import { UsbipServer } from "@swipewire/simulator/usbip/server";
import { pino } from "pino";
import t from "tap";
import { buildImage } from "./image.ts";
import { Kiosk } from "./kiosk.ts";
import { Machine } from "./machine.ts";
import { type CabledReader, ReaderShelf } from "./readers.ts";

const HOST = "127.0.0.1";
const PHONE = "+8613800000000";
const clock = systemClock;
const random = systemRandom;
const say = (line: string) => process.stderr.write(`${line}\n`);
const begun = Date.now();
const lap = (what: string) => say(`${((Date.now() - begun) / 1000).toFixed(1)} s  ${what}`);

t.setTimeout(600_000);
process.on("exit", () => {
  const { pass, fail, skip } = t.assertTotals;
  process.stdout.write(`${pass} passed, ${fail} failed, ${skip} skipped\n`);
});
const folder = mkdtempSync(join(tmpdir(), "sw-hw-"));
t.teardown(() => rmSync(folder, { recursive: true, force: true }));

/** QEMU and ssh want a number, not a socket. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, HOST);
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new TypeError("a port without a number");
  return address.port;
}

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
let orders = 0;

/** A payment by a swipe of this reader. */
async function pay(reader: CabledReader, card: string) {
  const { shop, bank, phones } = centre;
  const charged = bank.books.charged(card);
  const amount = 1000 + ++orders * 100;
  const order = await shop.placeOrder({ orderNumber: `K-${orders}`, product: "Tea", amount, currency: "CNY" });
  const { code } = await shop.transactionCode(order);
  await kiosk.command({ do: "enter-code", code });
  await kiosk.untilView("the order", ({ step }) => step === "confirm");
  await kiosk.command({ do: "confirm" });
  await kiosk.untilView("the word to swipe", ({ step }) => step === "swipe");
  const taken = await reader.swipe(card);
  const { card: seen } = await kiosk.untilView("the swipe", ({ step }) => step === "card");
  const { pin } = testCard(card);
  if (pin) phones.phone(PHONE).script = typingPayer(Uint8Array.of(...pin, 0x23), Millis(1), Millis(1));
  await kiosk.command({ do: "card", pin: pin !== undefined, ...(pin && { phone: PHONE }) });
  const { result } = await kiosk.untilView("the result", ({ step }) => step === "result");
  await kiosk.command({ do: "finish" });
  return {
    taken,
    maskedPan: seen?.maskedPan,
    outcome: result?.outcome,
    charged: bank.books.charged(card) - charged - amount,
  };
}

const connected = (reader: string) =>
  kiosk.untilLog(`${reader} to connect`, (line) => line.msg === "reader connected" && line.reader === reader);

await t.test("a HID POS reader is found, and a card is paid with", async (t) => {
  const { token } = await centre.gateway.terminals.issueEnrolmentToken();
  const { gateway } = centre;
  for (const url of [gateway.httpUrl, gateway.brokerUrl]) await machine.reachHost(Number(new URL(url).port));
  await kiosk.install({ gatewayUrl: gateway.httpUrl, token, readers: [] });
  lap("daemon enrolled");
  await kiosk.start();
  lap("daemon started");
  const reader = shelf.take("hid-msr", "SW-1");
  await reader.plug();
  t.match(await connected("HID POS magnetic stripe reader, serial number SW-1"), { family: "hid-msr" });
  lap("connected");
  t.match(await pay(reader, "unionpay-debit"), { taken: true, outcome: "approved", charged: 0 });
  lap("paid");
});
