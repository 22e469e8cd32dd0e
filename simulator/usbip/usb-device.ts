import {
  configurationDescriptor,
  DESCRIPTOR,
  type DeviceIdentity,
  deviceDescriptor,
  stringDescriptor,
} from "./descriptors.ts";
import type { InEndpoint } from "./in-endpoint.ts";

/** A control request, USB 2.0, 9.3. */
export interface Setup {
  readonly type: "standard" | "class" | "vendor";
  readonly recipient: "device" | "interface" | "endpoint" | "other";
  readonly deviceToHost: boolean;
  readonly request: number;
  readonly value: number;
  readonly index: number;
  readonly length: number;
}

export function readSetup(bytes: Uint8Array): Setup {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const requestType = view.getUint8(0);
  return {
    type: (["standard", "class", "vendor"] as const)[(requestType >> 5) & 3] ?? "vendor",
    recipient: (["device", "interface", "endpoint"] as const)[requestType & 0x1f] ?? "other",
    deviceToHost: requestType >= 0x80,
    request: view.getUint8(1),
    value: view.getUint16(2, true),
    index: view.getUint16(4, true),
    length: view.getUint16(6, true),
  };
}

/** What a device is beside its identity: its interfaces, and what they answer. */
export interface UsbFunction {
  /** 0 where the interfaces tell. */
  readonly deviceClass: number;
  /** Class, subclass and protocol of each interface. */
  readonly interfaces: readonly (readonly [number, number, number])[];
  /** Descriptors of interfaces and endpoints, as they follow the configuration's own. */
  readonly descriptors: readonly (readonly number[])[];
  /** Endpoints towards the host, by number. */
  readonly endpoints: ReadonlyMap<number, InEndpoint>;
  /** @returns the answer, or undefined for a request that it stalls */
  control(setup: Setup, data: Uint8Array): Uint8Array | undefined;
  /** Data for an endpoint from the host. @returns whether there is such an endpoint */
  out(endpoint: number, data: Uint8Array): boolean;
  /** The host let go of it. */
  reset(): void;
}

const REQUEST = {
  getStatus: 0,
  clearFeature: 1,
  setFeature: 3,
  getDescriptor: 6,
  getConfiguration: 8,
  setConfiguration: 9,
  getInterface: 10,
  setInterface: 11,
} as const;
const ENDPOINT_HALT = 0;
const DIRECTION_IN = 0x80;
const NOTHING = new Uint8Array();

/** A USB device with one configuration: answers what any device must, and leaves the rest to its function. */
export class UsbDevice {
  readonly identity: DeviceIdentity;
  readonly usbFunction: UsbFunction;
  readonly #device: Uint8Array;
  readonly #configuration: Uint8Array;
  #configured = 0;

  constructor(identity: DeviceIdentity, usbFunction: UsbFunction) {
    this.identity = identity;
    this.usbFunction = usbFunction;
    this.#device = deviceDescriptor(identity, usbFunction.deviceClass);
    this.#configuration = configurationDescriptor(usbFunction.interfaces.length, usbFunction.descriptors);
  }

  /** 0 until the host has chosen. */
  get configuration(): number {
    return this.#configured;
  }

  /** @returns the answer, no longer than the host asked for, or undefined for a stall */
  control(setup: Setup, data: Uint8Array): Uint8Array | undefined {
    const answer = setup.type === "standard" ? this.#standard(setup) : undefined;
    return (answer ?? this.usbFunction.control(setup, data))?.subarray(0, setup.length);
  }

  reset(): void {
    this.#configured = 0;
    this.usbFunction.reset();
  }

  #standard({ recipient, request, value, index, deviceToHost }: Setup): Uint8Array | undefined {
    const endpoint = recipient === "endpoint" ? this.#endpoint(index) : undefined;
    switch (request) {
      case REQUEST.getDescriptor:
        return recipient === "device" ? this.#descriptor(value >> 8, value & 0xff) : undefined;
      case REQUEST.setConfiguration:
        if (value > 1) return undefined;
        this.#configured = value;
        return NOTHING;
      case REQUEST.getConfiguration:
        return Uint8Array.of(this.#configured);
      case REQUEST.getStatus:
        return Uint8Array.of(endpoint?.halted ? 1 : 0, 0);
      case REQUEST.clearFeature:
      case REQUEST.setFeature:
        if (deviceToHost || (recipient === "endpoint" && (value !== ENDPOINT_HALT || !endpoint))) return undefined;
        if (request === REQUEST.setFeature) endpoint?.halt();
        else endpoint?.clearHalt();
        return NOTHING;
      case REQUEST.setInterface:
        return value === 0 ? NOTHING : undefined;
      case REQUEST.getInterface:
        return Uint8Array.of(0);
      default:
        return undefined;
    }
  }

  #endpoint(index: number): InEndpoint | undefined {
    return index & DIRECTION_IN ? this.usbFunction.endpoints.get(index & 0x0f) : undefined;
  }

  #descriptor(type: number, index: number): Uint8Array | undefined {
    if (type === DESCRIPTOR.device) return this.#device;
    if (type === DESCRIPTOR.configuration) return index === 0 ? this.#configuration : undefined;
    return type === DESCRIPTOR.string ? stringDescriptor(this.identity, index) : undefined;
  }
}
