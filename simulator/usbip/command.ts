import { createInterface } from "node:readline";
import { SwipewireError } from "@swipewire/protocol/failure";
import { idText } from "@swipewire/protocol/readers/profiles";
import { systemClock } from "@swipewire/protocol/time";
import { InvalidArgumentError } from "commander";
import { pino } from "pino";
import { testCard, testCards } from "../cards/test-cards.ts";
import { DeviceUnfit } from "../errors.ts";
import type { ReaderDevice, VirtualReader, VirtualReaderOptions } from "../readers/virtual-reader.ts";
import { playFile } from "../script/play-file.ts";
import { playScript } from "../script/play-script.ts";
import { UhidBus } from "../uhid/uhid-bus.ts";
import { type ReaderKind, readerKinds, readerOfKind } from "./reader-kinds.ts";
import { UsbipServer } from "./server.ts";
import { usbCarrier } from "./usb-carrier.ts";
import type { UsbDevice } from "./usb-device.ts";
import { UsbReader } from "./usb-reader.ts";

/** A device to offer. */
export interface DeviceArgument {
  readonly kind: string;
  /** In place of the kind's own. */
  readonly ids?: Pick<ReaderKind, "vendorId" | "productId">;
  readonly serialNumber?: string;
}

const KINDS = readerKinds.map(({ name }) => name);
const SERIAL_NUMBER = /^[A-Za-z0-9._-]{1,32}$/;
const DEVICE = /^(?<kind>[^:=]+)(=(?<vendor>[0-9a-f]{4}):(?<product>[0-9a-f]{4}))?(:(?<serialNumber>.*))?$/;

const idOf = (text: string) => Number.parseInt(text, 16);

/** `kind`, `kind=vendor:product` for other ids than the kind's, each with `:serial number` or not; may be repeated. */
export function deviceArgument(text: string, before: readonly DeviceArgument[] = []): DeviceArgument[] {
  const { kind = "", vendor, product, serialNumber } = DEVICE.exec(text)?.groups ?? {};
  if (!KINDS.includes(kind)) {
    throw new InvalidArgumentError(`Allowed: ${KINDS.join(", ")}; with ids of four hex digits as in lines=1d50:6018.`);
  }
  if (serialNumber !== undefined && !SERIAL_NUMBER.test(serialNumber)) {
    throw new InvalidArgumentError("A serial number has 1 to 32 letters, digits, dots, dashes and underscores.");
  }
  const ids = vendor !== undefined && product !== undefined && { vendorId: idOf(vendor), productId: idOf(product) };
  return [...before, { kind, ...(ids && { ids }), ...(serialNumber !== undefined && { serialNumber }) }];
}

/** What virtual devices are plugged into. */
export interface Bus {
  /** What is plugged in, by id. */
  readonly devices: ReadonlyMap<string, UsbDevice>;
  /** Has it endpoints that can be refused? */
  readonly stalls: boolean;
  plug(id: string, device: UsbDevice): void;
  unplug(id: string): void;
  close(): Promise<void>;
}

export interface BusReaders {
  /** Every kind once, where none is named. */
  readonly devices?: readonly DeviceArgument[];
  readonly card: string;
  readonly keys: VirtualReaderOptions & { readonly device: ReaderDevice };
}

export interface UsbipArguments extends BusReaders {
  readonly host: string;
  readonly port: number;
}

interface Offered {
  usb: UsbReader;
  readonly card: VirtualReader;
}

/** No two readers have the same: three bits of the device's number are above the 21 of its counter (X9.24-1:2009 A.1). */
function ksnOf(at: number, first: Uint8Array): Uint8Array {
  return first.with(7, (first[7] ?? 0) ^ ((at & 7) << 5));
}

const each = (kinds: readonly ReaderKind[]): DeviceArgument[] =>
  kinds.map(({ name }) => ({ kind: name, serialNumber: `SW-${name}` }));

const WORDS = "<bus id> swipe [card] | play <script> | plug [bus id] | unplug | stall";

const say = (line: string) => process.stdout.write(`${line}\n`);

/** `reader --usbip`: readers on a USB/IP server. */
export async function runUsbip({ host, port, devices = each(readerKinds), ...more }: UsbipArguments): Promise<void> {
  const server = await UsbipServer.start({ host, port, logger: pino({ base: null, level: "warn" }, process.stderr) });
  say(`USB/IP on ${host}:${server.port}; attach with: usbip -t ${server.port} attach -r ${host} -b 1-1`);
  await runReaders(server, { devices, ...more });
}

/** A keyboard would type the card into whatever program is in front. */
export const uhidKinds = readerKinds.filter(({ shape }) => shape.kind === "hid" && shape.bootProtocol === undefined);

/** `reader --uhid`: HID readers of this machine's own. @throws DeviceUnfit | UhidUnavailable */
export async function runUhid({ devices = each(uhidKinds), ...more }: BusReaders): Promise<void> {
  const unfit = devices.find(({ kind }) => !uhidKinds.some(({ name }) => name === kind));
  if (unfit) throw new DeviceUnfit({ detail: `${unfit.kind}; ${uhidKinds.map(({ name }) => name).join(", ")} can` });
  await runReaders(new UhidBus({ clock: systemClock }), { devices, ...more });
}

/** Readers that lines of standard input move, each at its own pace; the end of input unplugs them all. */
async function runReaders(bus: Bus, { devices, card, keys }: Required<BusReaders>): Promise<void> {
  const readers = new Map<string, Offered>();
  for (const [at, { ids, serialNumber, ...device }] of devices.entries()) {
    const kind = readerKinds.find(({ name }) => name === device.kind);
    if (!kind) throw new RangeError("a kind that is none");
    const reader = readerOfKind(kind, { ...keys, ksn: ksnOf(at, keys.ksn) }, serialNumber);
    const { commands } = reader;
    const onCable = (shown: ReaderKind): UsbReader =>
      new UsbReader({
        kind: { ...shown, ...ids },
        ...(serialNumber !== undefined && { serialNumber }),
        ...(commands && { commands }),
        clock: systemClock,
        resets: () => comeBack(offered, onCable),
      });
    const offered: Offered = { usb: onCable(kind), card: reader };
    readers.set(`1-${at + 1}`, offered);
  }
  /** Off the bus and on it again, as whatever it was set to be; the machine has to attach it anew. */
  const comeBack = (reader: Offered, onCable: (kind: ReaderKind) => UsbReader) => {
    const [busId] = [...bus.devices].find(([, device]) => device === reader.usb.device) ?? [];
    const kind = readerKinds.find(
      ({ family, vendorId }) => family === reader.card.family && vendorId === reader.usb.kind.vendorId,
    );
    if (busId === undefined) return;
    bus.unplug(busId);
    reader.usb = onCable(kind ?? reader.usb.kind);
    bus.plug(busId, reader.usb.device);
    say(`${busId} began anew as ${reader.usb.kind.name}; attach it again`);
  };
  const refuse = (why: string) => {
    // A slip of the finger does not unplug the readers.
    process.stderr.write(`${why}; nothing was done\n`);
    process.exitCode = 1;
  };
  const order = async (line: string): Promise<unknown> => {
    const [busId = "", word = "", argument] = line.trim().split(/\s+/);
    const reader = readers.get(busId);
    if (!reader) return refuse(`no reader has that bus id: ${WORDS}`);
    const { usb } = reader;
    switch (word) {
      case "swipe": {
        const name = argument ?? card;
        if (!testCards.some((known) => known.name === name)) return refuse("there is no test card of that name");
        const frame = reader.card.nextFrame(testCard(name));
        const taken = await usb.send(frame);
        frame.fill(0);
        return say(`${busId} ${taken ? `swiped ${name}` : "sent to nobody: no program reads it"}`);
      }
      case "play": {
        if (argument === undefined) return refuse("a script's file is needed");
        const carrier = usbCarrier(usb, {
          stalls: bus.stalls,
          plug: () => bus.plug(busId, usb.device),
          unplug: () => bus.unplug(busId),
        });
        const options = { reader: reader.card, carrier, clock: systemClock };
        try {
          const outcomes = await playFile(argument, usb.kind.name, (script) => playScript(script, options));
          return say(`${busId} played ${argument}: ${outcomes?.join(" ") ?? "no outcome is named"}`);
        } catch (error) {
          if (!(error instanceof SwipewireError)) throw error;
          return refuse(error.message.replace(/\.$/, ""));
        }
      }
      case "plug": {
        const to = argument ?? busId;
        if (bus.devices.has(to) || (to !== busId && readers.has(to))) return refuse("something is plugged in there");
        if (![...bus.devices.values()].includes(usb.device)) bus.plug(to, usb.device);
        readers.delete(busId);
        readers.set(to, reader);
        return say(`${to} plugged in`);
      }
      case "unplug":
        bus.unplug(busId);
        return say(`${busId} unplugged`);
      case "stall":
        if (!bus.stalls) return refuse("it has no endpoint to stall");
        usb.stall();
        return say(`${busId} stalls`);
      default:
        return refuse(`unknown word: ${WORDS}`);
    }
  };
  const orders = new Map<Offered | undefined, Promise<unknown>>();
  try {
    for (const [busId, { usb }] of readers) bus.plug(busId, usb.device);
    for (const [busId, { usb }] of readers) {
      const { vendorId, productId, serialNumber = "none" } = usb.device.identity;
      say(`${busId} ${usb.kind.name} ${idText(vendorId)}:${idText(productId)} serial number ${serialNumber}`);
    }
    for await (const line of createInterface(process.stdin)) {
      if (line.trim() === "") continue;
      // One that plays a script keeps no other from it.
      const reader = readers.get(line.trim().split(/\s+/)[0] ?? "");
      orders.set(
        reader,
        (orders.get(reader) ?? Promise.resolve()).then(() => order(line)),
      );
    }
    await Promise.all(orders.values());
  } finally {
    await bus.close();
  }
}
