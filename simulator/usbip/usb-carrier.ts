import type { Carrier } from "../script/play-script.ts";
import type { UsbReader } from "./usb-reader.ts";

/** Reports go to the kernel by themselves. */
export const LACKED_BY_UHID = ["stall"] as const;

interface Cable {
  /** Unless it is told, it has endpoints that can be refused. */
  readonly stalls?: boolean;
  plug(): void | Promise<void>;
  unplug(): void;
}

/** A USB reader as what a script's frames travel over. @param cable what its plug is put into and pulled out of */
export function usbCarrier(usb: UsbReader, cable: Cable): Carrier {
  const { stalls = true } = cable;
  return {
    split: (frame) => usb.kind.split(frame),
    send: (pieces) => usb.sendReports(pieces),
    lacks: stalls ? [] : LACKED_BY_UHID,
    stall: () => usb.stall(),
    unplug: async () => cable.unplug(),
    plug: async () => cable.plug(),
  };
}
