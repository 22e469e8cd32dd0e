import { systemRandom } from "@swipewire/protocol/random";
import { systemClock } from "@swipewire/protocol/time";
import { testCard } from "@swipewire/simulator/cards/test-cards";
import { PUBLISHED_BDK } from "@swipewire/simulator/readers/published-frames";
import { type ReaderDevice, type VirtualReader, virtualReader } from "@swipewire/simulator/readers/virtual-reader";
import { type ReaderKind, readerKinds } from "@swipewire/simulator/usbip/reader-kinds";
import type { UsbipServer } from "@swipewire/simulator/usbip/server";
import { UsbReader } from "@swipewire/simulator/usbip/usb-reader";
import type { Machine } from "./machine.ts";

/** A virtual reader on a cable that can be plugged into the test machine. */
export interface CabledReader {
  readonly usb: UsbReader;
  plug(): Promise<void>;
  unplug(): void;
  /** @returns whether the machine took all of it */
  swipe(card: string): Promise<boolean>;
  /** A swipe as the reports or packets that it travels in. */
  reports(card: string): Uint8Array[];
}

/** One of the simulator's kinds. */
export function kindOf(name: string): ReaderKind {
  const kind = readerKinds.find((kind) => kind.name === name);
  if (!kind) throw new RangeError(`no kind is called ${name}`);
  return kind;
}

export class ReaderShelf {
  readonly #machine: Machine;
  readonly #server: UsbipServer;
  #made = 0;
  #withKeys = 0;

  constructor(machine: Machine, server: UsbipServer) {
    this.#machine = machine;
    this.#server = server;
  }

  /** A new reader. No two that encrypt have the same KSN. */
  take(kind: ReaderKind, serialNumber?: string, device?: Partial<ReaderDevice>): CabledReader {
    const busId = `1-${++this.#made}`;
    const card: VirtualReader = virtualReader(kind.family, {
      bdk: PUBLISHED_BDK,
      ksn: ksnOf(encrypts(kind) ? this.#withKeys++ : 0),
      device: { clock: systemClock, random: systemRandom, ...device },
    });
    const { commands } = card;
    const usb = new UsbReader({
      kind,
      clock: systemClock,
      ...(serialNumber !== undefined && { serialNumber }),
      ...(commands && { commands }),
    });
    const frame = (name: string) => card.nextFrame(testCard(name));
    const machine = this.#machine;
    const server = this.#server;
    return {
      usb,
      plug: async () => {
        server.plug(busId, usb.device);
        await machine.run("usbip", "--tcp-port", `${server.port}`, "attach", "-r", "10.0.2.2", "-b", busId);
      },
      unplug: () => server.unplug(busId),
      swipe: (name) => usb.send(frame(name)),
      reports: (name) => kind.split(frame(name)),
    };
  }
}

/** HID POS readers and line readers send clear tracks. */
const encrypts = ({ family }: ReaderKind) => typeof family === "string" && family !== "ascii";

/** Of what the simulated gateway has keys for: the leading 7 bytes. */
const PREFIXES = ["FFFF9876543210", "62994901190000"];

/** Three bits of the device's number are above the 21 of its counter (X9.24-1:2009 A.1). @param device below 16 */
function ksnOf(device: number): Uint8Array {
  const prefix = PREFIXES[device >> 3];
  if (prefix === undefined) throw new RangeError("more readers than keys");
  return Uint8Array.of(...Buffer.from(prefix, "hex"), (device & 7) << 5, 0, 0);
}
