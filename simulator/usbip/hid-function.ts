import { endpointDescriptor, interfaceDescriptor, TRANSFER, word } from "./descriptors.ts";
import { InEndpoint } from "./in-endpoint.ts";
import type { Setup, UsbFunction } from "./usb-device.ts";

const HID_CLASS = 3;
const HID_DESCRIPTOR = 0x21;
const REPORT_DESCRIPTOR = 0x22;
const GET_DESCRIPTOR = 6;
/** HID 1.11, 7.2. */
const REQUEST = { getReport: 1, getIdle: 2, getProtocol: 3, setReport: 9, setIdle: 10, setProtocol: 11 } as const;
const FEATURE = 3;
const ENDPOINT = 1;
const DIRECTION_IN = 0x80;

export interface HidOptions {
  readonly reportDescriptor: Uint8Array;
  /** Of the boot interface: 1 for a keyboard, 0 for none. */
  readonly bootProtocol?: 0 | 1;
  /** What the host's feature reports are heard by, and how long they are; without it they stall. */
  readonly feature?: {
    readonly length: number;
    set(report: Uint8Array): void;
    /** @returns undefined where nothing was asked */
    get(): Uint8Array | undefined;
  };
}

/** A HID device with one interface and one interrupt endpoint towards the host. Output reports come by SET_REPORT. */
export class HidFunction implements UsbFunction {
  readonly deviceClass = 0;
  readonly interfaces: UsbFunction["interfaces"];
  readonly descriptors: UsbFunction["descriptors"];
  readonly endpoints: UsbFunction["endpoints"];
  readonly reports = new InEndpoint();
  readonly #options: HidOptions;
  #idle = 0;
  #protocol = 1;

  constructor(options: HidOptions) {
    this.#options = options;
    const { reportDescriptor, bootProtocol = 0 } = options;
    const codes = [HID_CLASS, bootProtocol === 0 ? 0 : 1, bootProtocol] as const;
    const hid = [9, HID_DESCRIPTOR, ...word(0x0111), 0, 1, REPORT_DESCRIPTOR, ...word(reportDescriptor.length)];
    this.interfaces = [codes];
    this.descriptors = [
      interfaceDescriptor(0, codes, 1),
      hid,
      endpointDescriptor(DIRECTION_IN | ENDPOINT, TRANSFER.interrupt),
    ];
    this.endpoints = new Map([[ENDPOINT, this.reports]]);
  }

  control({ type, recipient, request, value }: Setup, data: Uint8Array): Uint8Array | undefined {
    if (recipient !== "interface") return undefined;
    if (type === "standard") {
      if (request !== GET_DESCRIPTOR) return undefined;
      if (value >> 8 === REPORT_DESCRIPTOR) return this.#options.reportDescriptor;
      return value >> 8 === HID_DESCRIPTOR ? Uint8Array.from(this.descriptors[1] ?? []) : undefined;
    }
    switch (request) {
      case REQUEST.setIdle:
        this.#idle = value >> 8;
        return new Uint8Array();
      case REQUEST.getIdle:
        return Uint8Array.of(this.#idle);
      case REQUEST.setProtocol:
        this.#protocol = value;
        return new Uint8Array();
      case REQUEST.getProtocol:
        return Uint8Array.of(this.#protocol);
      case REQUEST.setReport:
        // An output report lights a keyboard's lamps: none here, and nothing to refuse.
        if (value >> 8 !== FEATURE) return new Uint8Array();
        return this.#setFeature(data);
      case REQUEST.getReport:
        return value >> 8 === FEATURE ? this.#options.feature?.get() : undefined;
      default:
        return undefined;
    }
  }

  #setFeature(report: Uint8Array): Uint8Array | undefined {
    const { feature } = this.#options;
    if (report.length !== feature?.length) return undefined;
    feature.set(report);
    return new Uint8Array();
  }

  out(): boolean {
    return false;
  }

  reset(): void {
    this.reports.reset();
  }
}
