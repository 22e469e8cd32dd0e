import { idText, isBuiltIn, profileOf, type ReaderProfile } from "@swipewire/protocol/readers/profiles";
import { questionOf } from "@swipewire/protocol/readers/reader-questions";
import type { DaemonConfig } from "../config/config-schema.ts";
import type { PluggedDevice } from "../readers/device-source.ts";
import { matchedBy, recognise } from "../readers/profile-match.ts";
import type { Finding } from "./finding.ts";

export type Access = "allowed" | "forbidden" | "missing";

export interface ReaderCheck {
  readonly devices: () => Promise<readonly PluggedDevice[]>;
  readonly profiles: readonly ReaderProfile[];
  readonly configured: DaemonConfig["readers"];
  /** Of a device file: may this user read and write it? */
  readonly access: (path: string) => Promise<Access>;
  /** Loads what opens HID devices and keyboards. */
  readonly loadLibraries: () => Promise<void>;
}

const RULES =
  "swipewire-daemon udev-rules (same --config) > /etc/udev/rules.d/70-swipewire.rules, then plug it in again";

/** What is plugged in, which profile fits and why, and whether it can be opened. */
export async function checkReaders(check: ReaderCheck): Promise<Finding[]> {
  const { devices, profiles, configured, access } = check;
  const plugged = await devices();
  const recognised = recognise(plugged, profiles);
  const findings = await Promise.all([
    librariesFinding(check),
    ...plugged.map(async (device): Promise<Finding> => {
      const subject = `${ON_USB.test(device.port) ? "usb" : "hid"} ${idsOf(device)}`;
      const page = device.usagePage === undefined ? "" : `, usage page ${idText(device.usagePage)}`;
      const shown = `${device.shownAs}${page} at port ${device.port}`;
      const profile = profileOf(device, profiles);
      if (!profile) return { subject, verdict: "good", says: `${shown}: no reader that is known` };
      if (!recognised.some((reader) => reader.device === device)) {
        return { subject, verdict: "good", says: `${shown}: another face of a reader of this list` };
      }
      const says = `${shown}: ${profile.name}${isBuiltIn(profile) ? "" : ", of the config"}, by its ${matchedBy(profile)}${isAsked(profile, device) ? ", and asked which format it sends" : ""}`;
      const file = fileOf(device);
      if ((await access(file)) === "allowed") {
        return { subject, verdict: "good", says: `${says}; ${file} can be opened` };
      }
      return { subject, verdict: "bad", says: `${says}; ${file} may not be opened by this user`, todo: RULES };
    }),
    ...configured.flatMap((reader) => (reader.transport === "serial" ? [serialFinding(reader, access)] : [])),
  ]);
  if (recognised.length + configured.length > 0) return findings;
  const todo =
    "Plug one in. If it is, its model is not known: write a profile for it (hardware-docs/unknown-reader.md)";
  return [...findings, { subject: "reader", verdict: "bad", says: "none is plugged in, and none configured", todo }];
}

async function serialFinding(
  { name, path }: Extract<DaemonConfig["readers"][number], { transport: "serial" }>,
  access: ReaderCheck["access"],
): Promise<Finding> {
  const subject = "serial reader";
  switch (await access(path)) {
    case "allowed":
      return { subject, verdict: "good", says: `${name}: ${path} can be opened` };
    case "forbidden": {
      const todo = `Put the daemon's user into the group of that file (ls -l ${path}; dialout as a rule), and start the daemon again`;
      return { subject, verdict: "bad", says: `${name}: ${path} may not be opened by this user`, todo };
    }
    case "missing": {
      const todo = "Plug it in, or correct its path in the config (ls -l /dev/serial/by-id names those that are there)";
      return { subject, verdict: "bad", says: `${name}: there is no ${path}`, todo };
    }
  }
}

async function librariesFinding({ loadLibraries }: ReaderCheck): Promise<Finding> {
  const subject = "usb libraries";
  try {
    await loadLibraries();
    return { subject, verdict: "good", says: "libusb and libudev are here" };
  } catch {
    const says = "HID and keyboard readers cannot be opened, and what is plugged in is seen late";
    return { subject, verdict: "doubtful", says, todo: "apt-get install libusb-1.0-0 libudev1" };
  }
}

const ON_USB = /^\d+-/;

const isAsked = (profile: ReaderProfile, { shownAs }: PluggedDevice) => questionOf(profile, shownAs) !== undefined;

const idsOf = ({ vendorId, productId }: PluggedDevice) => [vendorId, productId].map(idText).join(":");

/** A keyboard, or an interface without a driver, is taken by the device itself, as the kernel names it under /dev/bus/usb. */
function fileOf({ shownAs, address }: PluggedDevice): string {
  if (shownAs !== "keyboard" && shownAs !== "vendor") return address;
  const [bus = "", device = ""] = address.split(":").map((number) => number.padStart(3, "0"));
  return `/dev/bus/usb/${bus}/${device}`;
}
