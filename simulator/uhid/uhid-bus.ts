import { closeSync, constants, openSync, readSync, writeSync } from "node:fs";
import { parseReportDescriptor } from "@swipewire/protocol/readers/hid-report-descriptor";
import { type Clock, Millis, type Timer } from "@swipewire/protocol/time";
import { UhidUnavailable } from "../errors.ts";
import { RELEASE } from "../usbip/descriptors.ts";
import type { InEndpoint, InRequest } from "../usbip/in-endpoint.ts";
import type { Setup, UsbDevice } from "../usbip/usb-device.ts";
import { URB_STATUS } from "../usbip/wire.ts";
import {
  createEvent,
  destroyEvent,
  EVENT_LENGTH,
  getReportReply,
  inputEvent,
  type KernelEvent,
  REPORT_TYPE,
  readEvent,
  setReportReply,
} from "./uhid-event.ts";

/** /dev/uhid, or what stands for it: a read gives one event, or none for now. */
export interface UhidFile {
  read(into: Uint8Array): number;
  write(event: Uint8Array): void;
  close(): void;
}

export interface UhidOptions {
  readonly clock: Clock;
  /** Opens {@link UHID} unless given. */
  readonly open?: () => UhidFile;
}

const UHID = "/dev/uhid";
/** A driver that asks for a report waits five seconds; nothing else hurries, and each look in vain costs an exception. */
const LOOK = Millis(50);
const BUS_USB = 3;
/** HID 1.11, 7.1.1 and 7.2. */
const REPORT_DESCRIPTOR = 0x2200;
const GET_DESCRIPTOR = 6;
const GET_REPORT = 1;
const SET_REPORT = 9;
const HID_REPORT_TYPE: Readonly<Record<number, number>> = {
  [REPORT_TYPE.input]: 1,
  [REPORT_TYPE.output]: 2,
  [REPORT_TYPE.feature]: 3,
};
const LONGEST = 4096;
const NOTHING = new Uint8Array();

/** Hands HID devices to this machine's own kernel: no USB, no cable, but the same reports. */
export class UhidBus {
  readonly stalls = false;
  readonly #options: UhidOptions;
  readonly #devices = new Map<string, UsbDevice>();
  readonly #plugs = new Map<string, Plug>();

  constructor(options: UhidOptions) {
    this.#options = options;
  }

  get devices(): ReadonlyMap<string, UsbDevice> {
    return this.#devices;
  }

  /** @throws UhidUnavailable */
  plug(id: string, device: UsbDevice): void {
    const { clock, open = openUhid } = this.#options;
    this.#plugs.set(id, new Plug(id, device, open(), clock));
    this.#devices.set(id, device);
  }

  unplug(id: string): void {
    this.#plugs.get(id)?.pull();
    this.#plugs.delete(id);
    this.#devices.delete(id);
  }

  async close(): Promise<void> {
    for (const id of [...this.#plugs.keys()]) this.unplug(id);
  }
}

/** One device as the kernel has it. */
class Plug {
  readonly #device: UsbDevice;
  readonly #endpoint: InEndpoint;
  readonly #file: UhidFile;
  readonly #clock: Clock;
  readonly #event = new Uint8Array(EVENT_LENGTH);
  readonly #hasReportIds: boolean;
  #look: Timer;
  #request: InRequest | undefined;
  #isOpen = false;

  constructor(id: string, device: UsbDevice, file: UhidFile, clock: Clock) {
    this.#device = device;
    this.#file = file;
    this.#clock = clock;
    const { vendorId, productId, manufacturer, product, serialNumber } = device.identity;
    const reportDescriptor = control(device, { type: "standard", request: GET_DESCRIPTOR, value: REPORT_DESCRIPTOR });
    const [endpoint] = device.usbFunction.endpoints.values();
    if (!reportDescriptor || !endpoint) throw new RangeError("not a HID device");
    this.#endpoint = endpoint;
    this.#hasReportIds = parseReportDescriptor(reportDescriptor).usesReportIds;
    file.write(
      createEvent({
        name: `${manufacturer} ${product}`,
        place: `swipewire-sim/${id}`,
        ...(serialNumber !== undefined && { serialNumber }),
        bus: BUS_USB,
        ...{ vendorId, productId, release: RELEASE, reportDescriptor },
      }),
    );
    this.#look = this.#lookLater();
  }

  pull(): void {
    this.#look.cancel();
    this.#stopAsking();
    this.#file.write(destroyEvent());
    this.#file.close();
    this.#device.reset();
  }

  #lookLater(): Timer {
    return this.#clock.after(LOOK, () => {
      while (this.#file.read(this.#event) > 0) {
        const event = readEvent(this.#event);
        if (event) this.#take(event);
      }
      this.#look = this.#lookLater();
    });
  }

  #take(event: KernelEvent): void {
    switch (event.kind) {
      case "open":
        this.#isOpen = true;
        this.#ask();
        break;
      case "close":
        this.#stopAsking();
        break;
      case "output":
        this.#set(0, event.reportType, event.data);
        break;
      case "getReport": {
        const { id, reportId, reportType } = event;
        const value = ((HID_REPORT_TYPE[reportType] ?? 0) << 8) | reportId;
        const report = control(this.#device, { type: "class", request: GET_REPORT, value });
        // A program finds the id, 0 where there is none, before the report.
        const shown = report && (this.#hasReportIds ? report : Uint8Array.of(0, ...report));
        this.#file.write(getReportReply(id, shown));
        break;
      }
      case "setReport":
        this.#file.write(setReportReply(event.id, this.#set(event.reportId, event.reportType, event.data)));
        break;
    }
  }

  #set(reportId: number, reportType: number, data: Uint8Array): boolean {
    const report = this.#hasReportIds ? data : data.subarray(1);
    const value = ((HID_REPORT_TYPE[reportType] ?? 0) << 8) | reportId;
    return control(this.#device, { type: "class", request: SET_REPORT, value }, report) !== undefined;
  }

  /** For one report after the other, as long as somebody reads them. */
  #ask(): void {
    if (!this.#isOpen || this.#request) return;
    this.#request = {
      length: LONGEST,
      answer: (status, report) => {
        this.#request = undefined;
        if (status !== URB_STATUS.ok) return;
        const event = inputEvent(report);
        this.#file.write(event);
        event.fill(0);
        // Not within the answer: the endpoint is at work.
        queueMicrotask(() => this.#ask());
      },
    };
    this.#endpoint.submit(this.#request);
  }

  #stopAsking(): void {
    this.#isOpen = false;
    if (this.#request) this.#endpoint.cancel(this.#request);
    this.#request = undefined;
  }
}

function control(
  device: UsbDevice,
  { type, request, value }: Pick<Setup, "type" | "request" | "value">,
  data: Uint8Array = NOTHING,
): Uint8Array | undefined {
  const deviceToHost = request !== SET_REPORT;
  const length = deviceToHost ? LONGEST : data.length;
  return device.control({ type, recipient: "interface", deviceToHost, request, value, index: 0, length }, data);
}

/** @throws UhidUnavailable */
function openUhid(): UhidFile {
  let file: number;
  try {
    file = openSync(UHID, constants.O_RDWR | constants.O_NONBLOCK);
  } catch (cause) {
    throw new UhidUnavailable({ cause });
  }
  return {
    read(into) {
      try {
        return readSync(file, into);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "EAGAIN") return 0;
        throw error;
      }
    },
    write: (event) => void writeSync(file, event),
    close: () => closeSync(file),
  };
}
