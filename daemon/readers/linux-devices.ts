import type { Dirent } from "node:fs";
import { readdir, readFile, realpath } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { SwipewireError } from "@swipewire/protocol/failure";
import { MSR_USAGE_PAGE } from "@swipewire/protocol/readers/hid-msr";
import { parseReportDescriptor } from "@swipewire/protocol/readers/hid-report-descriptor";
import type { PluggedDevice } from "./device-source.ts";

/*
 * Linux's own account of its devices. It costs a few small reads, wakes no device, and says where a device is plugged in
 * and how its reports are laid out, which the libraries do not.
 */

/** `1-2.4`; its interfaces are `1-2.4:1.0`. */
const USB_DEVICE = /^\d+-\d+(\.\d+)*$/;
const USB_SERIAL_PORT = /^tty(ACM|USB)\d+$/;
/** Class, subclass and protocol of a boot keyboard, HID 1.11, 4.2 and 4.3. */
const BOOT_KEYBOARD = "030101";
const KEYBOARD_USAGE_PAGE = 1;
/** USB 2.0, 9.6.5. */
const VENDOR_CLASS = "ff";
const ENDPOINT = /^ep_[0-9a-f]{2}$/;

/** @param root where sysfs is mounted */
export async function linuxDevices(root = "/sys"): Promise<readonly PluggedDevice[]> {
  const found = await Promise.all([
    each(join(root, "class/hidraw"), () => true, hidDevice),
    each(join(root, "class/tty"), (name) => USB_SERIAL_PORT.test(name), serialDevice),
    each(join(root, "bus/usb/devices"), (name) => name.includes(":"), ownInterface),
  ]);
  return found.flat();
}

/** A device may go while it is looked at: then it is not there. */
async function each(
  folder: string,
  fits: (name: string) => boolean,
  look: (path: string) => Promise<PluggedDevice | undefined>,
): Promise<PluggedDevice[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((): Dirent[] => []);
  const devices = await Promise.all(
    entries
      .filter(({ name }) => fits(name))
      .map(({ name }) => look(join(folder, name)).catch((): undefined => undefined)),
  );
  return devices.filter((device) => device !== undefined);
}

async function hidDevice(path: string): Promise<PluggedDevice | undefined> {
  const device = await realpath(join(path, "device"));
  const facts = (await usbDeviceOf(device))?.facts ?? (await hidFacts(device));
  const reportDescriptor = new Uint8Array(await readFile(join(device, "report_descriptor")));
  const usagePage = usagePageOf(reportDescriptor);
  // Keyboards are taken by their interface: to read beside the system would leave it typing.
  if (usagePage === KEYBOARD_USAGE_PAGE) return undefined;
  return {
    ...facts,
    address: `/dev/${basename(path)}`,
    shownAs: "hid",
    reportDescriptor,
    ...(usagePage !== undefined && { usagePage }),
  };
}

const LONGEST_PORT = 80;

/** What the kernel's HID layer tells of a device on another bus than USB: Bluetooth, or a program's own by /dev/uhid. */
async function hidFacts(device: string) {
  const uevent = await textOf(device, "uevent");
  const told = (name: string) => new RegExp(`^HID_${name}=(.+)$`, "m").exec(uevent)?.[1] ?? "";
  const [, vendor = "", product = ""] = told("ID").split(":");
  const serialNumber = told("UNIQ");
  return {
    vendorId: Number.parseInt(vendor, 16),
    productId: Number.parseInt(product, 16),
    // Of Bluetooth the place is the machine's own radio, and the number is the other side's.
    port: (serialNumber || told("PHYS") || basename(device)).slice(0, LONGEST_PORT),
    ...(serialNumber !== "" && { serialNumber }),
  };
}

/** A device may have collections of several pages: a magnetic stripe reader is one whatever else it is. */
function usagePageOf(descriptor: Uint8Array): number | undefined {
  try {
    const pages = parseReportDescriptor(descriptor).fields.flatMap(({ collections: [usage] }) =>
      usage === undefined ? [] : [usage >>> 16],
    );
    return pages.includes(MSR_USAGE_PAGE) ? MSR_USAGE_PAGE : pages[0];
  } catch (error) {
    if (error instanceof SwipewireError) return undefined;
    throw error;
  }
}

async function serialDevice(path: string): Promise<PluggedDevice | undefined> {
  const usb = await usbDeviceOf(await realpath(join(path, "device")));
  return usb && { ...usb.facts, address: `/dev/${basename(path)}`, shownAs: "serial" };
}

/** A keyboard, or an interface of its vendor's own class that can send: both are opened by themselves, past any driver. */
async function ownInterface(path: string): Promise<PluggedDevice | undefined> {
  const [usbInterface, ...codes] = await Promise.all([
    realpath(path),
    ...["bInterfaceClass", "bInterfaceSubClass", "bInterfaceProtocol"].map((name) => textOf(path, name)),
  ]);
  const isKeyboard = codes.join("") === BOOT_KEYBOARD;
  if (!isKeyboard && !(codes[0] === VENDOR_CLASS && (await sends(usbInterface)))) return undefined;
  const usb = await usbDeviceOf(usbInterface);
  if (!usb) return undefined;
  const [bus, device, number] = await Promise.all([
    textOf(usb.path, "busnum"),
    textOf(usb.path, "devnum"),
    textOf(path, "bInterfaceNumber"),
  ]);
  const address = `${bus}:${device}:${Number.parseInt(number, 16)}`;
  return { ...usb.facts, address, shownAs: isKeyboard ? "keyboard" : "vendor" };
}

/** Has an interface an endpoint of interrupts or bulk towards the host? */
async function sends(usbInterface: string): Promise<boolean> {
  const names = (await readdir(usbInterface)).filter((name) => ENDPOINT.test(name));
  const kinds = await Promise.all(
    names.map(async (name) => {
      const folder = join(usbInterface, name);
      return `${await textOf(folder, "direction")} ${await textOf(folder, "type")}`;
    }),
  );
  return kinds.some((kind) => kind === "in Bulk" || kind === "in Interrupt");
}

/** The USB device that a path below it belongs to; undefined for one on another bus. */
async function usbDeviceOf(path: string) {
  let device = path;
  while (!USB_DEVICE.test(basename(device))) {
    device = dirname(device);
    if (device === dirname(device)) return undefined;
  }
  const [vendor, product, serialNumber] = await Promise.all([
    textOf(device, "idVendor"),
    textOf(device, "idProduct"),
    textOf(device, "serial").catch(() => ""),
  ]);
  return {
    path: device,
    facts: {
      vendorId: Number.parseInt(vendor, 16),
      productId: Number.parseInt(product, 16),
      port: basename(device),
      ...(serialNumber !== "" && { serialNumber }),
    },
  };
}

const textOf = async (folder: string, name: string) => (await readFile(join(folder, name), "utf8")).trim();
