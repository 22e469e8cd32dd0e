import { realpath } from "node:fs/promises";
import { openHid } from "../transports/hid.ts";
import { openInterface, watchUsb } from "../transports/usb.ts";
import type { DeviceSource } from "./device-source.ts";
import { linuxDevices } from "./linux-devices.ts";

/** The machine's own devices; elsewhere than on Linux there are none to see. */
export const systemDevices: DeviceSource = {
  list: () => linuxDevices(),
  // Not there now: it may come under the very name.
  addressOf: (path) => realpath(path).catch(() => path),
  open: ({ shownAs, address }, listener) =>
    shownAs === "keyboard" || shownAs === "vendor" ? openInterface(address, listener) : openHid(address, listener),
  watch: watchUsb,
};
