import { statusText } from "@swipewire/daemon/doctor/status-text";
import { FrameIntake } from "@swipewire/daemon/readers/frame-intake";
import { withBuiltIn } from "@swipewire/daemon/readers/profile-match";
import { ReaderRegistry } from "@swipewire/daemon/readers/reader-registry";
import { type Swipe, wipeSwipe } from "@swipewire/protocol/card/swipe";
import { encodeNativeFrame, NativeStream } from "@swipewire/protocol/readers/native-frame";
import type { ReaderProfile } from "@swipewire/protocol/readers/profiles";
import { Millis, Minutes, Seconds } from "@swipewire/protocol/time";
import { testCard } from "@swipewire/simulator/cards/test-cards";
import type { CommandSide } from "@swipewire/simulator/readers/command-side";
import { PUBLISHED_BDK } from "@swipewire/simulator/readers/published-frames";
import { type ReaderDevice, virtualReader } from "@swipewire/simulator/readers/virtual-reader";
import { readerKinds, readerOfKind } from "@swipewire/simulator/usbip/reader-kinds";
import { UsbReader } from "@swipewire/simulator/usbip/usb-reader";
import { SerialPortMock } from "serialport";
import t, { type Test } from "tap";
import { seededRandom } from "../../seeded-random.ts";
import { SimulatedClock, settle } from "../../simulated-clock.ts";
import { SimulatedHost } from "../../simulator/script/simulated-host.ts";
import { capturedLog } from "../captured-log.ts";

const NATIVE: ReaderProfile = {
  name: "native reader",
  vendorId: "1209",
  productId: "0003",
  shownAs: "serial",
  family: "idtech",
  framing: "native",
  quirks: [],
};
const CARD = testCard("visa-no-pin");

const KEYS = { bdk: PUBLISHED_BDK, ksn: new Uint8Array(10).fill(1, 0, 7) };

interface Given {
  readonly device?: Partial<ReaderDevice>;
  /** In place of the reader's own. */
  readonly commands?: CommandSide | "none";
}

/** A reader of this kind at a terminal, plugged in. */
async function begin(t: Test, name: string, { device = {}, commands }: Given = {}) {
  SerialPortMock.binding.reset();
  const kind = readerKinds.find((kind) => kind.name === name);
  if (!kind) throw new Error(name);
  const clock = new SimulatedClock();
  const host = new SimulatedHost();
  const log = capturedLog();
  const registry = new ReaderRegistry({
    source: host,
    profiles: withBuiltIn([NATIVE]),
    serial: host.serial.bind(host),
    clock,
    random: seededRandom(1),
    logger: log.logger,
  });
  const swipes: Swipe[] = [];
  const intake = new FrameIntake({ transports: [], finder: registry, clock, logger: log.logger });
  intake.open({ readerChanged: () => {}, swiped: (swipe) => swipes.push(swipe), misread: () => {} });
  t.teardown(() => intake.close());
  const all = { clock, random: seededRandom(2), ...device };
  const reader = readerOfKind(kind, { ...KEYS, device: all }, "A1");
  const ear = commands === "none" ? undefined : (commands ?? reader.commands);
  const usb = new UsbReader({ kind, clock, serialNumber: "A1", ...(ear && { commands: ear }) });
  host.plug(usb);
  await clock.advance(Millis(500));
  const swipe = async () => {
    const sending = usb.send(reader.nextFrame(CARD));
    await clock.advance(Seconds(5));
    await sending;
    const taken = swipes.map((swipe) => `${swipe.family} ${swipe.kind}`);
    for (const swipe of swipes) wipeSwipe(swipe);
    return taken;
  };
  const codes = () => log.lines().flatMap(({ code }) => (typeof code === "string" ? [code] : []));
  const status = () => intake.readers[0];
  return { clock, host, usb, reader, intake, swipe, codes, status, log };
}

for (const [name, device, family, says, swiped] of [
  ["keyboard", {}, "magtek-keyboard", "security level 3", "magtek-keyboard encrypted"],
  ["keyboard", { magtekLevel: 2 }, "ascii", "security level 2, SureSwipe text", "ascii clear"],
  [
    "keyboard",
    { magtekLevel: 2, magtekProperties: { "keyboard sureswipe flag": Uint8Array.of(0) } },
    "magtek-keyboard",
    "security level 2, MagneSafe text",
    "magtek-keyboard clear",
  ],
  ["idtech-serial", {}, "idtech", "security level: encrypted", "idtech encrypted"],
  ["idtech-serial", { idtechLevel: "clear" }, "ascii", "security level: clear", "ascii clear"],
] as const) {
  t.test(`${name}, ${says}: it is asked, and read as what it says`, async (t) => {
    const { status, swipe, codes, intake } = await begin(t, name, { device });
    t.match(status(), { connected: true, family, recognised: { by: "product id", asked: "answered", says } });
    t.match(intake.presence, { connected: true, family });
    t.strictSame(await swipe(), [swiped]);
    t.strictSame(codes(), []);
  });
}

for (const [name, family, swiped] of [
  ["keyboard", "magtek-keyboard", "magtek-keyboard encrypted"],
  ["idtech-serial", "idtech", "idtech encrypted"],
] as const) {
  t.test(`${name} that does not answer is taken for its profile's, and that is told`, async (t) => {
    const { clock, status, swipe, codes } = await begin(t, name, { commands: "none" });
    await clock.advance(Seconds(1));
    t.match(status(), { connected: true, family, recognised: { asked: "silent" } });
    t.strictSame(codes(), ["reader_unanswering"]);
    t.strictSame(await swipe(), [swiped]);
  });

  t.test(`${name} whose answer is none is taken for its profile's, and that is told`, async (t) => {
    const commands = { hear: () => ({ reply: Uint8Array.of(6, 9, 9, 9, 9, 9, 9, 9) }) };
    const { status, swipe, codes } = await begin(t, name, { commands });
    t.match(status(), { connected: true, family, recognised: { asked: "unclear", says: /^reader_command/ } });
    t.equal(codes()[0], "reader_unanswering");
    t.ok((await swipe()).includes(swiped));
  });
}

t.test("a reader that is asked and pulled out is not one that was connected", async (t) => {
  for (const name of ["keyboard", "idtech-serial"]) {
    const { clock, host, usb, status, log, codes } = await begin(t, name, { commands: { hear: () => undefined } });
    host.unplug();
    await clock.advance(Seconds(3));
    const told = log.lines().map(({ msg }) => msg);
    t.notOk(told.includes("reader disconnected") && !told.includes("reader connected"), name);
    host.plug(usb);
    await clock.advance(Seconds(5));
    t.match(status(), { connected: true, recognised: { asked: name === "keyboard" ? "unclear" : "silent" } });
    t.ok(codes().includes("reader_unanswering"));
  }
});

t.test("closing waits for no reader that is being asked, and leaves nothing behind", async (t) => {
  for (const name of ["keyboard", "idtech-serial", "native"]) {
    const { clock, intake, codes } = await begin(t, name, { commands: { hear: () => undefined } });
    await intake.close();
    await settle();
    t.equal(clock.pending, 0, name);
    t.strictSame(codes(), name === "keyboard" ? ["reader_unanswering"] : [], "what was not waited for is not told");
  }
});

t.test("a card that is drawn while a serial reader is asked, and does not answer, is not lost", async (t) => {
  const { clock, status, swipe } = await begin(t, "idtech-serial", { commands: "none" });
  t.match(status(), { connected: false }, "it has a second to answer");
  t.strictSame(await swipe(), ["idtech encrypted"]);
  await clock.advance(Seconds(1));
  t.match(status(), { recognised: { asked: "unclear" } });
});

t.test("an unlike answer after it was plugged in anew is believed", async (t) => {
  const { clock, host, usb, reader, status, swipe } = await begin(t, "keyboard", { device: { magtekLevel: 2 } });
  t.match(status(), { family: "ascii" });
  const set = Uint8Array.of(1, 2, 0x1a, 0, ...new Uint8Array(20));
  t.equal(reader.commands?.hear(set)?.reply[0], 0);
  t.equal(reader.commands?.hear(Uint8Array.of(2, 0))?.reply[0], 0);
  host.unplug();
  await clock.advance(Seconds(3));
  host.plug(usb);
  await clock.advance(Seconds(3));
  t.match(status(), { family: "magtek-keyboard", recognised: { says: "security level 2, MagneSafe text" } });
  t.strictSame(await swipe(), ["magtek-keyboard clear"]);
});

t.test("a reader with the native frame says who it is, is kept armed, and sends whole swipes", async (t) => {
  const { clock, reader, usb, status, swipe, codes } = await begin(t, "native");
  const says = "Native frame stripe reader, serial number A1, firmware 1.0";
  t.match(status(), { connected: true, family: "idtech", recognised: { asked: "answered", says } });
  t.strictSame(await swipe(), ["idtech encrypted"]);
  t.strictSame(await swipe(), Array(2).fill("idtech encrypted"), "armed again after each");
  await clock.advance(Minutes(30));
  t.strictSame(await swipe(), Array(3).fill("idtech encrypted"), "and for as long as nobody swipes");
  t.strictSame(codes(), []);

  const frame = reader.nextFrame(CARD);
  t.ok(frame.length > 0);
  const sending = usb.send(frame.with(40, ((frame[40] ?? 0) % 255) + 1));
  await clock.advance(Seconds(3));
  await sending;
  t.match(codes(), [/^reader_frame_/], "a damaged one is told");
  t.strictSame(await swipe(), Array(4).fill("idtech encrypted"), "and the reader armed for another");
});

t.test("a native reader that is deaf is asked again and again, and what it sends is read", async (t) => {
  const { clock, usb, status, codes } = await begin(t, "native", { commands: { hear: () => undefined } });
  await clock.advance(Seconds(2));
  t.match(status(), { connected: true, recognised: { asked: "silent" } });
  t.strictSame(codes(), ["reader_unanswering"]);
  const heard: number[] = [];
  const stream = new NativeStream();
  usb.device.usbFunction.out = (_endpoint, data) => {
    for (const { frame } of stream.push(data)) if (frame) heard.push(frame.messageKind);
    return true;
  };
  await clock.advance(Minutes(2));
  t.ok(heard.length >= 9 && heard.every((kind) => kind === 0x81), `${heard.length} times`);
  const whole = encodeNativeFrame(1, virtualReader("idtech", KEYS).nextFrame(CARD));
  const sending = usb.send(whole);
  await clock.advance(Seconds(3));
  t.equal(await sending, true);
  t.strictSame(codes(), ["reader_unanswering"]);
});

t.test("what a native reader has no business to say is told", async (t) => {
  for (const [bytes, code] of [
    [encodeNativeFrame(0x07, new Uint8Array(3)), "modem_message_invalid"],
    [encodeNativeFrame(0x01, Uint8Array.of(1, 2, 3)), "reader_frame_start"],
    [encodeNativeFrame(0x01, new Uint8Array()), "modem_message_invalid"],
    [encodeNativeFrame(0x02, Uint8Array.of(0, 9)), "modem_message_invalid"],
    [Uint8Array.of(1, 2, 3), "reader_frame_end"],
  ] as const) {
    const { clock, usb, codes } = await begin(t, "native");
    const sending = usb.send(bytes);
    await clock.advance(Seconds(3));
    await sending;
    t.match(codes()[0], new RegExp(`^${code}$`), code);
  }
  const { clock, usb, codes } = await begin(t, "native");
  const sending = usb.send(encodeNativeFrame(0x81, Uint8Array.of(1, 5)));
  await clock.advance(Seconds(3));
  await sending;
  t.strictSame(codes(), [], "its host's own words, heard back, are dropped");
});

t.test("a status tells a person what a reader was taken for, and why", async (t) => {
  const text = async (name: string, given: Given) => {
    const { intake, clock } = await begin(t, name, given);
    await clock.advance(Seconds(1));
    return statusText({
      version: "1",
      terminal: "9f604e39-1c9e-4b7e-a9c5-0d6c6c9b2f11",
      startedAt: "2026-11-26T08:11:35.997Z",
      step: "idle",
      uplink: { broker: true, gateway: true },
      readers: [...intake.readers],
      dropped: { frames: {}, messages: {} },
    });
  };
  const magtek = "taken for MagTek keyboard emulation, by its product id";
  t.match(
    await text("keyboard", { device: { magtekLevel: 2 } }),
    `${magtek}, and its answer (security level 2, SureSwipe text)`,
  );
  t.match(await text("keyboard", { commands: "none" }), `${magtek}, and it did not answer which format it sends`);
  t.match(await text("hid-msr", {}), /taken for HID POS magnetic stripe reader, by its usage page$/m);
});
