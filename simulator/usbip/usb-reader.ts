import { type Clock, Millis, Seconds, sleep } from "@swipewire/protocol/time";
import { AcmFunction } from "./acm-function.ts";
import { HidFunction } from "./hid-function.ts";
import type { InEndpoint } from "./in-endpoint.ts";
import type { ReaderKind } from "./reader-kinds.ts";
import { UsbDevice } from "./usb-device.ts";

/** Linux's hidraw keeps 64 reports for a program, and drops the rest without a word. */
const PACE = Millis(10);
/** A keyboard's reports are many and short. */
const TYPING_PACE = Millis(2);
/** A reader forgets what nobody fetches. */
const PATIENCE = Seconds(2);

export interface UsbReaderOptions {
  readonly kind: ReaderKind;
  readonly clock: Clock;
  /** Cheap readers have none. */
  readonly serialNumber?: string;
}

/** A virtual reader on a USB cable: what is sent comes out of its endpoint at the pace of a real one. */
export class UsbReader {
  readonly kind: ReaderKind;
  readonly device: UsbDevice;
  readonly #clock: Clock;
  readonly #endpoint: InEndpoint;
  readonly #listening: () => boolean;

  constructor({ kind, clock, serialNumber }: UsbReaderOptions) {
    const { vendorId, productId, manufacturer, product, shape } = kind;
    this.kind = kind;
    this.#clock = clock;
    const usbFunction = shape.kind === "hid" ? new HidFunction(shape) : new AcmFunction();
    this.#endpoint = usbFunction instanceof HidFunction ? usbFunction.reports : usbFunction.bytes;
    // A serial port that nobody opened loses what is sent to it.
    this.#listening = () => usbFunction instanceof HidFunction || usbFunction.open;
    this.device = new UsbDevice(
      { vendorId, productId, manufacturer, product, ...(serialNumber !== undefined && { serialNumber }) },
      usbFunction,
    );
  }

  /** One frame. @returns whether the host took all of it */
  send(frame: Uint8Array): Promise<boolean> {
    return this.sendReports(this.kind.split(frame));
  }

  /** Reports or packets as they are; overwrites them. */
  async sendReports(reports: readonly Uint8Array[]): Promise<boolean> {
    const typing = this.kind.shape.kind === "hid" && this.kind.shape.bootProtocol === 1;
    let taken = true;
    for (const report of reports) {
      taken = taken && this.#listening() && (await this.#sendOne(report));
      report.fill(0);
      if (taken) await sleep(this.#clock, typing ? TYPING_PACE : PACE);
    }
    return taken;
  }

  /** Every request is refused until the host clears the endpoint. */
  stall(): void {
    this.#endpoint.halt();
  }

  #sendOne(report: Uint8Array): Promise<boolean> {
    const forget = this.#clock.after(PATIENCE, () => this.#endpoint.drop());
    return this.#endpoint.send(report).finally(() => forget.cancel());
  }
}
