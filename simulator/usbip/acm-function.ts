import { endpointDescriptor, interfaceDescriptor, TRANSFER } from "./descriptors.ts";
import { InEndpoint } from "./in-endpoint.ts";
import type { Setup, UsbFunction } from "./usb-device.ts";

const COMMUNICATIONS = [2, 2, 1] as const;
const DATA = [10, 0, 0] as const;
const BULK = 1;
const NOTIFICATIONS = 2;
const DIRECTION_IN = 0x80;
/** PSTN subclass 1.2, 6.3. */
const REQUEST = { setLineCoding: 0x20, getLineCoding: 0x21, setControlLineState: 0x22, sendBreak: 0x23 } as const;
const DATA_TERMINAL_READY = 1;
/** 9600 baud, one stop bit, no parity, eight data bits. */
const LINE_CODING = [0x80, 0x25, 0, 0, 0, 0, 8];

/** A serial port: CDC, abstract control model. */
export class AcmFunction implements UsbFunction {
  readonly deviceClass = COMMUNICATIONS[0];
  readonly interfaces: UsbFunction["interfaces"] = [COMMUNICATIONS, DATA];
  readonly descriptors: UsbFunction["descriptors"] = [
    interfaceDescriptor(0, COMMUNICATIONS, 1),
    [5, 0x24, 0, 0x10, 0x01], // header: CDC 1.10
    [5, 0x24, 1, 0, 1], // call management: none
    [4, 0x24, 2, 2], // ACM: line coding and control line state
    [5, 0x24, 6, 0, 1], // union of interfaces 0 and 1
    endpointDescriptor(DIRECTION_IN | NOTIFICATIONS, TRANSFER.interrupt, 8, 255),
    interfaceDescriptor(1, DATA, 2),
    endpointDescriptor(DIRECTION_IN | BULK, TRANSFER.bulk),
    endpointDescriptor(BULK, TRANSFER.bulk),
  ];
  readonly bytes = new InEndpoint();
  readonly endpoints: UsbFunction["endpoints"] = new Map([
    [BULK, this.bytes],
    [NOTIFICATIONS, new InEndpoint()],
  ]);
  readonly #hear: (bytes: Uint8Array) => void;
  #lineCoding = Uint8Array.from(LINE_CODING);
  #open = false;

  /** @param hear takes what the host sends; a reader that only sends does nothing with it */
  constructor(hear: (bytes: Uint8Array) => void = () => {}) {
    this.#hear = hear;
  }

  /** Has the host opened the port? */
  get open(): boolean {
    return this.#open;
  }

  control({ type, request, value }: Setup, data: Uint8Array): Uint8Array | undefined {
    if (type !== "class") return undefined;
    switch (request) {
      case REQUEST.setLineCoding:
        if (data.length !== LINE_CODING.length) return undefined;
        this.#lineCoding = data.slice();
        return new Uint8Array();
      case REQUEST.getLineCoding:
        return this.#lineCoding;
      case REQUEST.setControlLineState:
        this.#open = (value & DATA_TERMINAL_READY) !== 0;
        if (!this.#open) this.bytes.drop();
        return new Uint8Array();
      case REQUEST.sendBreak:
        return new Uint8Array();
      default:
        return undefined;
    }
  }

  out(endpoint: number, data: Uint8Array): boolean {
    if (endpoint !== BULK) return false;
    this.#hear(data);
    return true;
  }

  reset(): void {
    this.#open = false;
    for (const endpoint of this.endpoints.values()) endpoint.reset();
  }
}
