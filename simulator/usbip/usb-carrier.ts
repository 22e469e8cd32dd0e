import type { Carrier } from "../script/play-script.ts";
import type { UsbReader } from "./usb-reader.ts";

/** A USB reader as what a script's frames travel over. @param cable what its plug is put into and pulled out of */
export function usbCarrier(usb: UsbReader, cable: { plug(): void | Promise<void>; unplug(): void }): Carrier {
  return {
    split: (frame) => usb.kind.split(frame),
    send: (pieces) => usb.sendReports(pieces),
    stall: () => usb.stall(),
    unplug: async () => cable.unplug(),
    plug: async () => cable.plug(),
  };
}
