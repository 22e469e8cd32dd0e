import type { DeviceSource, PluggedDevice } from "@swipewire/daemon/readers/device-source";
import type { ReportListener } from "@swipewire/daemon/transports/report-transport";
import { type SerialOptions, SerialTransport } from "@swipewire/daemon/transports/serial";
import type { AcmFunction } from "@swipewire/simulator/usbip/acm-function";
import type { InEndpoint, InRequest } from "@swipewire/simulator/usbip/in-endpoint";
import type { UsbReader } from "@swipewire/simulator/usbip/usb-reader";
import { URB_STATUS } from "@swipewire/simulator/usbip/wire";
import { SerialPortMock } from "serialport";

const DATA_ENDPOINT = 1;
const LONGEST = 4096;
/** PSTN subclass 1.2, 6.3.12. */
const SET_CONTROL_LINE_STATE = 0x22;

/** What a kernel makes of a virtual reader, in this process and in simulated time. */
export class SimulatedHost implements DeviceSource {
  readonly #plugged = new Map<string, UsbReader>();
  readonly #listeners = new Map<string, ReportListener>();
  #changed: () => void = () => {};
  #count = 0;
  #address = "";
  #port: SerialPortMock | undefined;

  /** Puts the plug in; the system numbers its device anew each time. */
  plug(usb: UsbReader): void {
    this.#address = `/dev/reader${this.#count++}`;
    this.#plugged.set(this.#address, usb);
    if (usb.kind.shape.kind === "serial") SerialPortMock.binding.createPort(this.#address);
    this.#changed();
  }

  unplug(): void {
    const usb = this.#plugged.get(this.#address);
    this.#plugged.delete(this.#address);
    usb?.device.reset();
    this.#listeners.get(this.#address)?.failed();
    this.#listeners.delete(this.#address);
    this.#port?._disconnected(new Error("gone"));
    this.#changed();
  }

  async list(): Promise<readonly PluggedDevice[]> {
    return [...this.#plugged].map(([address, usb]) => described(address, usb));
  }

  async addressOf(path: string): Promise<string> {
    return path;
  }

  async open({ address, shownAs }: PluggedDevice, listener: ReportListener) {
    const usb = this.#plugged.get(address);
    const endpoint = usb?.device.usbFunction.endpoints.get(DATA_ENDPOINT);
    if (!usb || !endpoint) throw new Error("gone");
    this.#listeners.set(address, listener);
    const stop = poll(
      endpoint,
      (bytes) => listener.report(bytes),
      // Linux's usbhid clears a halt by itself, and asks on; who reads past it is told.
      () => (shownAs === "hid" ? endpoint.clearHalt() : listener.failed()),
    );
    return {
      close: async () => {
        stop();
        endpoint.clearHalt();
      },
      exchange: async (request: Uint8Array) => exchangeFeature(usb, request),
    };
  }

  async watch(changed: () => void) {
    this.#changed = changed;
    return () => {
      this.#changed = () => {};
    };
  }

  /** The transport of a serial reader, whose port is the endpoint's other end. */
  serial(options: SerialOptions, make = (given: SerialOptions) => new SerialTransport(given)): SerialTransport {
    return make({
      ...options,
      port: (given) => {
        const port = new SerialPortMock(given);
        const usb = this.#plugged.get(given.path);
        if (usb) port.once("open", () => this.#carry(usb.device.usbFunction as AcmFunction, port));
        this.#port = port;
        return port;
      },
    });
  }

  #carry(acm: AcmFunction, port: SerialPortMock): void {
    const lines = { type: "class", recipient: "interface", deviceToHost: false, index: 0, length: 0 } as const;
    const setLines = (value: number) =>
      acm.control({ ...lines, request: SET_CONTROL_LINE_STATE, value }, new Uint8Array());
    setLines(1);
    // Linux's cdc-acm clears a halt by itself, and asks on.
    const stop = poll(
      acm.bytes,
      (bytes) => port.port?.emitData(Buffer.from(bytes)),
      () => acm.bytes.clearHalt(),
    );
    // The package's mock keeps what is written to itself.
    const binding = port.port;
    const write = binding?.write.bind(binding);
    if (binding && write) {
      binding.write = async (bytes) => {
        acm.out(DATA_ENDPOINT, bytes);
        return write(bytes);
      };
    }
    port.once("close", () => {
      stop();
      setLines(0);
    });
  }
}

/** HID 1.11, 7.2: a command set as a feature report, and its answer got. */
function exchangeFeature({ kind, device }: UsbReader, request: Uint8Array): Uint8Array {
  const length = kind.shape.kind === "hid" ? (kind.shape.featureLength ?? 0) : 0;
  const report = new Uint8Array(length);
  report.set(request);
  const control = { type: "class", recipient: "interface", value: 0x0300, index: 0, length } as const;
  const set = device.control({ ...control, deviceToHost: false, request: 9 }, report);
  const answer = set && device.control({ ...control, deviceToHost: true, request: 1 }, new Uint8Array());
  if (!answer) throw new Error("stalled");
  return answer;
}

/** Asks an endpoint again and again, as a driver does. @returns what ends it */
function poll(endpoint: InEndpoint, take: (bytes: Uint8Array) => void, refused: () => void): () => void {
  let request: InRequest | undefined;
  let over = false;
  const ask = () => {
    if (over) return;
    request = {
      length: LONGEST,
      answer: (status, data) => {
        request = undefined;
        if (status === URB_STATUS.ok) take(data.slice());
        else refused();
        // Not within the answer: the endpoint is at work.
        queueMicrotask(ask);
      },
    };
    endpoint.submit(request);
  };
  ask();
  return () => {
    over = true;
    if (request) endpoint.cancel(request);
    request = undefined;
  };
}

function described(address: string, { kind, device }: UsbReader): PluggedDevice {
  const { vendorId, productId, serialNumber } = device.identity;
  const { shape } = kind;
  return {
    address,
    port: "1-1",
    vendorId,
    productId,
    ...(serialNumber !== undefined && { serialNumber }),
    ...(shape.kind !== "hid"
      ? { shownAs: shape.kind }
      : shape.bootProtocol === 1
        ? { shownAs: "keyboard" }
        : {
            shownAs: "hid",
            usagePage: kind.name === "hid-msr" ? 0x8e : 0xff00,
            reportDescriptor: shape.reportDescriptor,
          }),
  };
}
