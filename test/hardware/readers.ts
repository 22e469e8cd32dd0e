import { systemRandom } from "@swipewire/protocol/random";
import { systemClock } from "@swipewire/protocol/time";
import { testCard } from "@swipewire/simulator/cards/test-cards";
import { PUBLISHED_BDK } from "@swipewire/simulator/readers/published-frames";
import type { ReaderDevice, VirtualReader } from "@swipewire/simulator/readers/virtual-reader";
import { type ReaderKind, readerKinds, readerOfKind } from "@swipewire/simulator/usbip/reader-kinds";
import type { UsbipServer } from "@swipewire/simulator/usbip/server";
import { UsbReader } from "@swipewire/simulator/usbip/usb-reader";
import PQueue from "p-queue";
import type { Machine } from "./machine.ts";

/** A virtual reader on a cable that can be plugged into the test machine. */
export interface CabledReader {
  readonly card: VirtualReader;
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
  /** Two that look for a free port at once take the same one, and try for it without end. */
  readonly #attaching = new PQueue({ concurrency: 1 });
  #made = 0;
  #withKeys = 0;

  constructor(machine: Machine, server: UsbipServer) {
    this.#machine = machine;
    this.#server = server;
  }

  /** A new reader. No two that encrypt have the same KSN. */
  take(kind: ReaderKind, serialNumber?: string, device?: Partial<ReaderDevice>): CabledReader {
    return this.#cabled(kind, ksnOf(encrypts(kind) ? this.#withKeys++ : 0), serialNumber, device);
  }

  /** A new reader that nobody pays at: the gateway has no keys for it. */
  takeStrange(kind: ReaderKind, serialNumber: string): CabledReader {
    return this.#cabled(kind, new Uint8Array(10).fill(1, 0, 7), serialNumber);
  }

  #cabled(
    kind: ReaderKind,
    ksn: Uint8Array,
    serialNumber: string | undefined,
    device?: Partial<ReaderDevice>,
  ): CabledReader {
    const busId = `1-${++this.#made}`;
    const all = { clock: systemClock, random: systemRandom, ...device };
    const card = readerOfKind(kind, { bdk: PUBLISHED_BDK, ksn, device: all }, serialNumber);
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
      card,
      usb,
      plug: async () => {
        server.plug(busId, usb.device);
        const attach = `usbip --tcp-port ${server.port} attach -r 10.0.2.2 -b ${busId}`;
        const isThere = serialNumber === undefined ? "true" : `grep -qsx ${serialNumber} /sys/bus/usb/devices/*/serial`;
        // While another device comes or goes it fails: it reads of all that are attached, and cannot of half a one.
        const command = `until ${attach}; do sleep 0.1; done; until ${isThere}; do sleep 0.1; done`;
        await this.#attaching.add(() => machine.run("sh", "-c", command));
      },
      unplug: () => server.unplug(busId),
      swipe: async (name) => {
        await card.ready?.();
        return usb.send(frame(name));
      },
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
