import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { Millis, Seconds } from "@swipewire/protocol/time";
import { testCard } from "@swipewire/simulator/cards/test-cards";
import { PUBLISHED_BDK } from "@swipewire/simulator/readers/published-frames";
import { virtualReader } from "@swipewire/simulator/readers/virtual-reader";
import { UhidBus } from "@swipewire/simulator/uhid/uhid-bus";
import { readerKinds } from "@swipewire/simulator/usbip/reader-kinds";
import { UsbReader } from "@swipewire/simulator/usbip/usb-reader";
import t, { type Test } from "tap";
import { seededRandom } from "../../seeded-random.ts";
import { SimulatedClock } from "../../simulated-clock.ts";
import { TestKernel } from "./test-kernel.ts";

const SIMULATOR = join(import.meta.dirname, "../../../simulator/bin/swipewire-sim.js");
const [OPEN, CLOSE, OUTPUT, GET_REPORT, SET_REPORT] = [4, 5, 6, 9, 13] as const;
const [DESTROY, GET_REPORT_REPLY, CREATE2, INPUT2, SET_REPORT_REPLY] = [1, 10, 11, 12, 14] as const;

/** A reader of this kind, plugged into a kernel that is played by the test. */
function plugged(t: Test, name: string) {
  const kind = readerKinds.find((kind) => kind.name === name);
  if (!kind) throw new RangeError(`no kind is called ${name}`);
  const clock = new SimulatedClock();
  const kernels: TestKernel[] = [];
  const bus = new UhidBus({
    clock,
    open: () => {
      const kernel = new TestKernel();
      kernels.push(kernel);
      return kernel;
    },
  });
  const card = virtualReader(kind.family, {
    bdk: PUBLISHED_BDK,
    ksn: new Uint8Array(10).fill(1, 0, 7),
    device: { clock, random: seededRandom(1) },
  });
  const { commands } = card;
  const usb = new UsbReader({ kind, clock, serialNumber: "B1", ...(commands && { commands }) });
  bus.plug("1-1", usb.device);
  t.teardown(() => bus.close());
  const [kernel] = kernels;
  if (!kernel) throw new TypeError("nothing was opened");
  /** What it wrote since it was asked last. */
  const news = () => kernel.written.splice(0);
  return { bus, clock, kernel, kernels, card, usb, kind, news };
}

t.test("what is sent comes as input reports while somebody reads them, and to nobody otherwise", async (t) => {
  const { clock, kernel, card, usb, news } = plugged(t, "magtek");
  t.strictSame(kernel.types, [CREATE2]);
  news();
  const frame = () => card.nextFrame(testCard("visa-no-pin"));
  const unread = usb.send(frame());
  await clock.advance(Seconds(3));
  t.equal(await unread, false);
  t.strictSame(kernel.types, []);
  kernel.say(OPEN);
  await clock.advance(Millis(50));
  const sent = frame();
  const read = usb.send(sent);
  await clock.advance(Millis(20));
  t.equal(await read, true);
  const [input] = news();
  t.equal(input?.readUInt32LE(0), INPUT2);
  t.equal(input?.readUInt16LE(4), 887);
  t.strictSame(Uint8Array.from(input?.subarray(6, 6 + sent.length) ?? []), sent);
  kernel.say(CLOSE);
  await clock.advance(Millis(50));
  const late = usb.send(frame());
  await clock.advance(Seconds(3));
  t.equal(await late, false);
  t.strictSame(kernel.types, []);
});

t.test("commands in feature reports are answered by the same reader as on USB", async (t) => {
  const { clock, kernel, news } = plugged(t, "magtek");
  news();
  // D99875475-10: get property 0, the software id; 60 bytes behind the report's id.
  kernel.say(SET_REPORT, { at: 4, bytes: [1, 0, 0, 0, 0, 0, 61, 0, 0, 0, 1, 0] });
  kernel.say(GET_REPORT, { at: 4, bytes: [2, 0, 0, 0, 0, 0] });
  await clock.advance(Millis(50));
  const [taken, answer] = news();
  t.equal(taken?.toString("hex"), "0e000000" + "01000000" + "0000");
  t.equal(answer?.readUInt32LE(0), GET_REPORT_REPLY);
  t.strictSame([answer?.readUInt32LE(4), answer?.readUInt16LE(8), answer?.readUInt16LE(10)], [2, 0, 61]);
  t.strictSame([answer?.[12], answer?.[13]], [0, 0], "no id, and the command's result");
  t.ok((answer?.[14] ?? 0) > 0, "the length of the property");
});

t.test("what the reader has not is refused: another length, an input report, output that nobody heeds", async (t) => {
  const { clock, kernel, news } = plugged(t, "magtek");
  news();
  kernel.say(SET_REPORT, { at: 4, bytes: [1, 0, 0, 0, 0, 0, 3, 0, 0, 0, 1] });
  kernel.say(GET_REPORT, { at: 4, bytes: [2, 0, 0, 0, 0, 2] });
  kernel.say(OUTPUT, { at: 4, bytes: [0, 1] }, { at: 4100, bytes: [2, 0, 1] });
  kernel.say(77);
  await clock.advance(Millis(50));
  const answers = news();
  t.strictSame(
    answers.map((event) => [event.readUInt32LE(0), event.readUInt16LE(8)]),
    [
      [SET_REPORT_REPLY, 5],
      [GET_REPORT_REPLY, 5],
    ],
  );
});

t.test("unplugged, it is gone for the kernel and for who sends; plugged again, it is a new device", async (t) => {
  const { bus, clock, kernel, kernels, usb, card, news } = plugged(t, "hid-msr");
  kernel.say(OPEN);
  await clock.advance(Millis(50));
  news();
  bus.unplug("1-1");
  t.strictSame(kernel.types, [DESTROY]);
  t.ok(kernel.closed);
  t.equal(bus.devices.size, 0);
  t.equal(clock.pending, 0, "nothing looks any more");
  bus.plug("1-1", usb.device);
  const again = kernels[1];
  t.strictSame(again?.types, [CREATE2]);
  again?.say(OPEN);
  await clock.advance(Millis(50));
  const read = usb.send(card.nextFrame(testCard("visa-no-pin")));
  await clock.advance(Millis(20));
  t.equal(await read, true);
  t.equal(again?.types.at(-1), INPUT2);
});

t.test("the command line says what cannot be had", async (t) => {
  const run = (...args: string[]) =>
    spawnSync(process.execPath, [SIMULATOR, "reader", "--uhid", ...args], { input: "" });
  for (const kind of ["lines", "keyboard"]) {
    const { status, stderr } = run("--device", kind);
    t.equal(status, 2);
    t.match(
      String(stderr),
      /A reader of that kind cannot be had in that way\. \((lines|keyboard); hid-msr, magtek, idtech/,
    );
  }
  t.equal(run("--usbip").status, 2);
  if (existsSync("/dev/uhid")) return;
  const { status, stderr } = run();
  t.equal(status, 1);
  t.match(String(stderr), /modprobe uhid/);
});
