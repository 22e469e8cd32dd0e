import type { Face } from "@swipewire/protocol/readers/profiles";
import type { ReportDevice, ReportListener } from "../transports/report-transport.ts";

/** What the system shows of a device that may be a reader. One that has several faces is there several times. */
export interface PluggedDevice {
  /** What opens it: the path of a device file, or bus, device and interface of what is opened by itself, as a keyboard is. */
  readonly address: string;
  readonly shownAs: Face;
  readonly vendorId: number;
  readonly productId: number;
  /** Where it is plugged in: bus and ports, as `1-2.4`. */
  readonly port: string;
  readonly serialNumber?: string;
  /** Of the application collections of a HID device: the magnetic stripe reader's if there is one, or the first. */
  readonly usagePage?: number;
  /** Of a HID device. */
  readonly reportDescriptor?: Uint8Array;
}

/** What is plugged in, and how it is opened. */
export interface DeviceSource {
  list(): Promise<readonly PluggedDevice[]>;
  /** The address that a path leads to: udev has other names for serial ports (`/dev/serial/by-id/…`). */
  addressOf(path: string): Promise<string>;
  /** Opens a device that is read by reports. Serial ones are opened by their own transport. */
  open(device: PluggedDevice, listener: ReportListener): Promise<ReportDevice>;
  /**
   * Tells when something may have been plugged in or pulled out. It may miss some, and tell before the device can be seen.
   * @returns what ends it
   */
  watch(changed: () => void): Promise<() => void>;
}
