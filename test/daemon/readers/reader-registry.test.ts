import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DeviceSource, PluggedDevice } from "@swipewire/daemon/readers/device-source";
import { FrameIntake } from "@swipewire/daemon/readers/frame-intake";
import { linuxDevices } from "@swipewire/daemon/readers/linux-devices";
import { withBuiltIn } from "@swipewire/daemon/readers/profile-match";
import { ReaderRegistry } from "@swipewire/daemon/readers/reader-registry";
import { udevRules } from "@swipewire/daemon/readers/udev-rules";
import { InProcessTransport } from "@swipewire/daemon/transports/in-process";
import type { ReportListener } from "@swipewire/daemon/transports/report-transport";
import type { Swipe } from "@swipewire/protocol/card/swipe";
import { typeAsKeyboard } from "@swipewire/protocol/readers/keyboard-reports";
import type { ReaderProfile } from "@swipewire/protocol/readers/profiles";
import { isoTime, Millis, Seconds } from "@swipewire/protocol/time";
import { testCard } from "@swipewire/simulator/cards/test-cards";
import { hidMsrDescriptors } from "@swipewire/simulator/readers/hid-msr-descriptors";
import { PUBLISHED_BDK } from "@swipewire/simulator/readers/published-frames";
import { virtualReader } from "@swipewire/simulator/readers/virtual-reader";
import { readerKinds } from "@swipewire/simulator/usbip/reader-kinds";
import t, { type Test } from "tap";
import { seededRandom } from "../../seeded-random.ts";
import { SimulatedClock, settle } from "../../simulated-clock.ts";
import { capturedLog } from "../captured-log.ts";

const kindOf = (name: string) => {
  const kind = readerKinds.find((kind) => kind.name === name);
  if (!kind) throw new Error(name);
  return kind;
};

/** The device that a kernel shows of a virtual reader. */
function shown(name: string, port: string, address: string, serialNumber?: string): PluggedDevice {
  const { vendorId, productId, shape } = kindOf(name);
  const usagePage = name === "hid-msr" ? 0x8e : 0xff00;
  return {
    address,
    port,
    vendorId,
    productId,
    ...(serialNumber !== undefined && { serialNumber }),
    ...(shape.kind !== "hid"
      ? { shownAs: shape.kind }
      : shape.bootProtocol === 1
        ? { shownAs: "keyboard" }
        : { shownAs: "hid", usagePage, reportDescriptor: shape.reportDescriptor }),
  };
}

class TestDevices implements DeviceSource {
  plugged: PluggedDevice[] = [];
  broken = false;
  refuses = false;
  readonly open_ = new Map<string, ReportListener>();
  /** Other names of addresses, as udev gives them. */
  readonly links = new Map<string, string>();
  changed: () => void = () => {};

  async list() {
    if (this.broken) throw new Error("no /sys");
    return [...this.plugged];
  }

  async addressOf(path: string) {
    return this.links.get(path) ?? path;
  }

  async open(device: PluggedDevice, listener: ReportListener) {
    if (this.refuses) throw new Error("not permitted");
    this.open_.set(device.address, listener);
    return { close: async () => void this.open_.delete(device.address) };
  }

  async watch(changed: () => void) {
    this.changed = changed;
    return () => {
      this.changed = () => {};
    };
  }

  /** As a kernel does: reading fails, then the device is gone from the lists. */
  unplug(address: string) {
    this.plugged = this.plugged.filter((device) => device.address !== address);
    this.open_.get(address)?.failed();
  }

  swipe(kind: string, address: string, card = "visa-no-pin") {
    const reader = virtualReader(kindOf(kind).family, { bdk: PUBLISHED_BDK, ksn: new Uint8Array(10).fill(1, 0, 7) });
    for (const report of kindOf(kind).split(reader.nextFrame(testCard(card)))) this.open_.get(address)?.report(report);
  }
}

/** A port that the config calls by udev's name. */
const BY_ID = "/dev/serial/by-id/usb-reader-if00";

const begin = (t: Test, ...plugged: PluggedDevice[]) => beginWith(t, [], ...plugged);

function beginWith(t: Test, own: readonly ReaderProfile[], ...plugged: PluggedDevice[]) {
  const devices = new TestDevices();
  devices.plugged = plugged;
  const clock = new SimulatedClock();
  const log = capturedLog();
  const serials: string[] = [];
  const registry = new ReaderRegistry({
    source: devices,
    profiles: withBuiltIn(own),
    taken: ["/dev/ttyACM9", BY_ID],
    serial: ({ path, family, name, baudRate }) => {
      serials.push(`${path} ${family} ${baudRate}`);
      const transport = new InProcessTransport({ family, name });
      transport.connect();
      return transport;
    },
    clock,
    random: seededRandom(1),
    logger: log.logger,
  });
  const swipes: Swipe[] = [];
  const failures: string[] = [];
  const intake = new FrameIntake({ transports: [], finder: registry, clock, logger: log.logger });
  intake.open({
    readerChanged: () => {},
    swiped: (swipe) => swipes.push(swipe),
    misread: ({ code }) => failures.push(code),
  });
  t.teardown(() => intake.close());
  const names = () => intake.readers.filter(({ connected }) => connected).map(({ name }) => name);
  const codes = () => log.lines().flatMap(({ code }) => (typeof code === "string" ? [code] : []));
  return { devices, clock, intake, swipes, failures, names, codes, serials };
}

t.test("finds each kind of reader by its profile, and reads a card from it", async (t) => {
  const { devices, names, swipes, serials, failures } = begin(
    t,
    shown("hid-msr", "1-1", "/dev/hidraw0", "H1"),
    shown("magtek", "1-2", "/dev/hidraw1", "M1"),
    shown("idtech", "1-3", "/dev/hidraw2"),
    shown("keyboard", "1-4", "1:5:0", "K1"),
    shown("idtech-serial", "1-5", "/dev/ttyACM0", "S1"),
    shown("lines", "1-6", "/dev/ttyACM1"),
    shown("idtech-serial", "1-7", "/dev/ttyACM9"),
    { address: "/dev/hidraw7", port: "1-8", vendorId: 0x046d, productId: 1, shownAs: "hid", usagePage: 0xff00 },
  );
  await settle();
  t.strictSame(names(), [
    "HID POS magnetic stripe reader, serial number H1",
    "MagTek MagneSafe HID, serial number M1",
    "ID TECH, port 1-3",
    "MagTek keyboard emulation, serial number K1",
    "ID TECH serial over USB, serial number S1",
  ]);
  t.strictSame(serials, ["/dev/ttyACM0 idtech 9600"], "neither what is no reader, nor what the config names");
  devices.swipe("hid-msr", "/dev/hidraw0");
  devices.swipe("magtek", "/dev/hidraw1");
  devices.swipe("idtech", "/dev/hidraw2");
  devices.swipe("keyboard", "1:5:0");
  t.strictSame(failures, []);
  t.strictSame(
    swipes.map(({ family }) => family),
    ["hid-msr", "magtek-magnesafe", "idtech", "magtek-keyboard"],
  );
});

t.test("reads a reader that only the operator knows, and takes the operator's word over its own", async (t) => {
  const lines: ReaderProfile = {
    name: "line reader",
    vendorId: "1209",
    productId: "0002",
    shownAs: "serial",
    family: "ascii",
    baudRate: 19_200,
    quirks: [],
  };
  const typing: ReaderProfile = { name: "till keyboard", vendorId: "0801", family: "ascii", quirks: [] };
  const { devices, clock, names, serials, swipes } = beginWith(
    t,
    [lines, typing],
    shown("lines", "1-1", "/dev/ttyACM0"),
    shown("keyboard", "1-2", "1:5:0", "K1"),
    shown("magtek", "1-3", "/dev/hidraw1", "M1"),
    { ...shown("lines", "1-4", "/dev/ttyACM1"), productId: 9 },
  );
  await settle();
  t.strictSame(names(), [
    "line reader, port 1-1",
    "till keyboard, serial number K1",
    "MagTek MagneSafe HID, serial number M1",
  ]);
  t.strictSame(serials, ["/dev/ttyACM0 ascii 19200"]);
  const lineReader = virtualReader("ascii", { bdk: PUBLISHED_BDK, ksn: new Uint8Array(10) });
  for (const report of typeAsKeyboard(lineReader.nextFrame(testCard("visa-no-pin")))) {
    devices.open_.get("1:5:0")?.report(report);
  }
  await clock.advance(Seconds(1));
  t.match(swipes, [{ family: "ascii" }]);
});

t.test(
  "a reader of its vendor's own class is read where the operator says what it is, and left alone otherwise",
  async (t) => {
    const plugged = [shown("vendor-bulk", "1-1", "1:5:0", "V1"), shown("vendor-interrupt", "1-2", "1:6:0")];
    const anyOfItsVendor: ReaderProfile = { name: "any", vendorId: "1209", family: "idtech", quirks: [] };
    const { names, devices: untouched } = beginWith(t, [anyOfItsVendor], ...plugged);
    await settle();
    t.strictSame(names(), []);
    t.equal(untouched.open_.size, 0);
    const told = beginWith(t, [{ ...anyOfItsVendor, shownAs: "vendor" }], ...plugged);
    await settle();
    t.strictSame(told.names(), ["any, serial number V1", "any, port 1-2"]);
    told.devices.swipe("vendor-bulk", "1:5:0");
    told.devices.swipe("vendor-interrupt", "1:6:0");
    t.match(told.swipes, [{ family: "idtech" }, { family: "idtech" }]);
    told.devices.unplug("1:5:0");
    await settle();
    t.match(told.intake.readers[0], { connected: false, lastDisconnect: { reason: "unplugged" } });
  },
);

t.test(
  "a reader keeps its name on another port by its serial number, and alike ones have names of their own",
  async (t) => {
    const { devices, clock, names, intake } = begin(t, shown("magtek", "1-1", "/dev/hidraw0", "B1"));
    await settle();
    t.strictSame(names(), ["MagTek MagneSafe HID, serial number B1"]);
    devices.plugged.push(shown("magtek", "1-2", "/dev/hidraw1", "B2"), shown("magtek", "1-3", "/dev/hidraw2", "B1"));
    devices.plugged.push(shown("magtek", "1-4", "/dev/hidraw3"), shown("magtek", "1-5", "/dev/hidraw4"));
    devices.changed();
    await settle();
    t.strictSame(names().slice(1), [
      "MagTek MagneSafe HID, serial number B2",
      "MagTek MagneSafe HID, port 1-3",
      "MagTek MagneSafe HID, port 1-4",
      "MagTek MagneSafe HID, port 1-5",
    ]);
    devices.unplug("/dev/hidraw1");
    await settle();
    const known = () => intake.readers.find(({ name }) => name.endsWith("B2"));
    t.match(known(), { connected: false, lastDisconnect: { reason: "unplugged", at: isoTime(clock.now()) } });
    devices.plugged.push(shown("magtek", "2-1.4", "/dev/hidraw7", "B2"));
    devices.changed();
    await settle();
    t.match(known(), { connected: true, port: "2-1.4", lastDisconnect: { reason: "unplugged" } });
  },
);

t.test("lets go of a serial port when udev's name shows that it is the config's", async (t) => {
  const { devices, intake, names } = begin(t, shown("idtech-serial", "1-1", "/dev/ttyACM0", "S1"));
  await settle();
  t.strictSame(names(), ["ID TECH serial over USB, serial number S1"]);
  devices.links.set(BY_ID, "/dev/ttyACM0");
  devices.changed();
  await settle();
  t.strictSame(names(), []);
  t.match(intake.readers, [{ lastDisconnect: { reason: "closed" } }]);
});

t.test("sees what comes late after an event, and what no event tells of", async (t) => {
  const { devices, clock, names } = begin(t);
  await settle();
  devices.changed();
  await clock.advance(Millis(200));
  devices.plugged.push(shown("hid-msr", "1-1", "/dev/hidraw0", "A"));
  await clock.advance(Millis(300));
  t.equal(names().length, 1, "its driver was late");
  devices.plugged.push(shown("hid-msr", "1-2", "/dev/hidraw1", "B"));
  await clock.advance(Seconds(2));
  t.equal(names().length, 2, "no event came");
  devices.plugged = [];
  await clock.advance(Seconds(2));
  t.equal(names().length, 0, "nor when it went");
});

t.test(
  "a reader that fails while it is plugged in is opened again; one that may not be opened is told by code",
  async (t) => {
    const { devices, clock, names, intake, codes } = begin(t, shown("hid-msr", "1-1", "/dev/hidraw0", "A"));
    await settle();
    devices.open_.get("/dev/hidraw0")?.failed();
    await clock.advance(Millis(400));
    t.match(intake.readers, [{ connected: false, lastDisconnect: { reason: "failed" } }]);
    await clock.advance(Seconds(1));
    t.equal(names().length, 1);
    devices.refuses = true;
    devices.open_.get("/dev/hidraw0")?.failed();
    await clock.advance(Seconds(60));
    t.match(intake.readers, [{ connected: false, problem: "reader_not_opened" }]);
    t.strictSame(codes(), ["reader_not_opened"], "once");
    devices.refuses = false;
    await clock.advance(Seconds(40));
    t.equal(names().length, 1);
  },
);

t.test("a reader that floods or sends nonsense is isolated, and the others go on", async (t) => {
  const { devices, clock, names, swipes, codes, intake } = begin(
    t,
    shown("hid-msr", "1-1", "/dev/hidraw0", "A"),
    shown("magtek", "1-2", "/dev/hidraw1", "B"),
  );
  await settle();
  for (let n = 0; n < 100; n++) devices.swipe("hid-msr", "/dev/hidraw0");
  t.ok(swipes.length <= 21, "no more than were taken before it was let go");
  t.ok(codes().includes("reader_flooding"));
  t.strictSame(names(), ["MagTek MagneSafe HID, serial number B"]);
  t.match(intake.readers[0], { problem: "reader_flooding", lastDisconnect: { reason: "isolated" } });
  const before = swipes.length;
  devices.swipe("magtek", "/dev/hidraw1");
  t.equal(swipes.length, before + 1);
  await clock.advance(Seconds(10));
  t.equal(names().length, 2, "it is given another chance");
  for (let n = 0; n < 14; n++) {
    devices.open_.get("/dev/hidraw1")?.report(new Uint8Array(12));
    await clock.advance(Millis(500));
  }
  t.ok(codes().includes("reader_unreadable"));
});

t.test("a system that tells nothing is told about once, and asked again", async (t) => {
  const { devices, clock, names, codes } = begin(t, shown("hid-msr", "1-1", "/dev/hidraw0", "A"));
  await settle();
  devices.broken = true;
  await clock.advance(Seconds(20));
  t.strictSame(codes(), ["reader_search_failed"]);
  t.equal(names().length, 1, "a reader that cannot be seen is not gone");
  devices.broken = false;
  devices.plugged = [];
  await clock.advance(Seconds(2));
  t.equal(names().length, 0);
});

t.test("a descriptor that cannot be read is told by code, once, and takes nothing down", async (t) => {
  const wrong = { ...shown("hid-msr", "1-1", "/dev/hidraw0"), reportDescriptor: Uint8Array.of(0x05, 0x8e) };
  const { clock, codes, intake } = begin(t, wrong, shown("magtek", "1-2", "/dev/hidraw1", "B"));
  await clock.advance(Seconds(20));
  t.strictSame(codes(), ["reader_profile_unfit"]);
  t.match(intake.readers, [{ problem: "reader_profile_unfit" }, { connected: true }]);
});

t.test("leaves no timer behind when it is closed", async (t) => {
  const { devices, clock, intake } = begin(t, shown("hid-msr", "1-1", "/dev/hidraw0", "A"));
  await settle();
  devices.changed();
  await intake.close();
  await settle();
  t.equal(clock.pending, 0);
  t.equal(devices.open_.size, 0);
});

t.test("reads Linux's account of its devices", async (t) => {
  const root = mkdtempSync(join(tmpdir(), "swipewire-sys-"));
  t.teardown(() => rmSync(root, { recursive: true }));
  const file = (path: string, content: string | Uint8Array) => {
    mkdirSync(join(root, path, ".."), { recursive: true });
    writeFileSync(join(root, path), content);
  };
  const link = (path: string, to: string) => {
    mkdirSync(join(root, path, ".."), { recursive: true });
    symlinkSync(join(root, to), join(root, path));
  };
  const device = (port: string, ids: string, more: Record<string, string> = {}) => {
    const [idVendor = "", idProduct = ""] = ids.split(":");
    const at = `devices/pci/usb1/${port}`;
    for (const [name, text] of Object.entries({ idVendor, idProduct, busnum: "1", devnum: "7", ...more })) {
      file(`${at}/${name}`, `${text}\n`);
    }
    return at;
  };
  const msr = device("1-2.4", "1209:0001", { serial: "H1" });
  const { shape } = kindOf("hid-msr");
  file(`${msr}/1-2.4:1.0/0003.0001/report_descriptor`, shape.kind === "hid" ? shape.reportDescriptor : "");
  link("class/hidraw/hidraw3/device", `${msr}/1-2.4:1.0/0003.0001`);
  const onRadio = "devices/virtual/misc/uhid/0005:0801:0011.0002";
  file(`${onRadio}/report_descriptor`, Uint8Array.of(1));
  const told = ["DRIVER=hid-generic", "HID_ID=0005:00000801:00000011", "HID_NAME=X", "HID_PHYS=a0", "HID_UNIQ=b1", ""];
  file(`${onRadio}/uevent`, told.join("\n"));
  link("class/hidraw/hidraw4/device", onRadio);
  const packed = device("1-6", "1209:0003");
  const beside = hidMsrDescriptors.find(({ name }) => name === "packed");
  file(`${packed}/1-6:1.0/0003.0003/report_descriptor`, beside?.bytes ?? "");
  link("class/hidraw/hidraw5/device", `${packed}/1-6:1.0/0003.0003`);
  const acm = device("1-3", "0acd:0520");
  mkdirSync(join(root, acm, "1-3:1.0"));
  link("class/tty/ttyACM0/device", `${acm}/1-3:1.0`);
  mkdirSync(join(root, "class/tty/tty0"));
  const keyboard = device("1-4", "0801:0001", { serial: "K1" });
  for (const [name, text] of [
    ["bInterfaceClass", "03"],
    ["bInterfaceSubClass", "01"],
    ["bInterfaceProtocol", "01"],
    ["bInterfaceNumber", "00"],
  ]) {
    file(`${keyboard}/1-4:1.0/${name}`, `${text}\n`);
  }
  link("bus/usb/devices/1-4:1.0", `${keyboard}/1-4:1.0`);
  link("bus/usb/devices/1-5:1.0", "devices/gone");
  /** An interface of a vendor's own class, with one endpoint. */
  const vendorInterface = (port: string, interfaceClass: string, direction: string, type: string) => {
    const at = `${device(port, "1209:0004", { devnum: "8" })}/${port}:1.0`;
    for (const [name, text] of [
      ["bInterfaceClass", interfaceClass],
      ["bInterfaceSubClass", "00"],
      ["bInterfaceProtocol", "00"],
      ["bInterfaceNumber", "00"],
      ["ep_81/direction", direction],
      ["ep_81/type", type],
    ]) {
      file(`${at}/${name}`, `${text}\n`);
    }
    link(`bus/usb/devices/${port}:1.0`, at);
  };
  vendorInterface("1-7", "ff", "in", "Bulk");
  vendorInterface("1-8", "ff", "out", "Bulk");
  vendorInterface("1-9", "ff", "in", "Isoc");
  vendorInterface("1-10", "0a", "in", "Bulk");
  t.match(await linuxDevices(root), [
    { address: "/dev/hidraw3", shownAs: "hid", vendorId: 0x1209, port: "1-2.4", serialNumber: "H1", usagePage: 0x8e },
    { address: "/dev/hidraw4", shownAs: "hid", vendorId: 0x0801, productId: 0x0011, port: "b1", serialNumber: "b1" },
    // Beside a collection of its vendor's.
    { address: "/dev/hidraw5", productId: 0x0003, port: "1-6", usagePage: 0x8e },
    { address: "/dev/ttyACM0", shownAs: "serial", vendorId: 0x0acd, productId: 0x0520, port: "1-3" },
    { address: "1:7:0", shownAs: "keyboard", vendorId: 0x0801, port: "1-4", serialNumber: "K1" },
    // Of the others one takes only, one is of sound or pictures, and one is no vendor's.
    { address: "1:8:0", shownAs: "vendor", vendorId: 0x1209, productId: 0x0004, port: "1-7" },
  ]);
  t.equal((await linuxDevices(root)).length, 6);
  t.strictSame(await linuxDevices(join(root, "nowhere")), []);
});

t.test("prints udev rules for the group, by the profiles' ids and by the standard's page", async (t) => {
  const rules = udevRules("kiosk").split("\n");
  const grant = 'GROUP="kiosk", MODE="0660"';
  t.ok(rules.includes(`SUBSYSTEM=="hidraw", KERNELS=="*:0801:0011.*", ${grant}`));
  t.ok(rules.includes(`SUBSYSTEM=="tty", ATTRS{idVendor}=="0acd", ATTRS{idProduct}=="0520", ${grant}`));
  t.match(rules.at(-1), /report_descriptor .*grep -q -e \.05\.8e -e \.06\.8e\.00 -e \.0b\.{7}8e\.00/);
  t.ok(rules.slice(1).every((rule) => rule.endsWith(grant)));
  const own: ReaderProfile = { name: "till", vendorId: "1d50", family: "ascii", quirks: [] };
  const { vendorId: _, ...anyVendor } = own;
  t.ok(udevRules("kiosk", withBuiltIn([own])).includes(`SUBSYSTEM=="tty", ATTRS{idVendor}=="1d50", ${grant}\n`));
  t.match(udevRules("kiosk", [{ ...anyVendor, usagePage: "018e" }]), /grep -q -e \.06\.8e\.01 -e \.0b\.{7}8e\.01'/);
});
