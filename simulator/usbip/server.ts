import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { SwipewireError } from "@swipewire/protocol/failure";
import type { Logger } from "pino";
import { UsbipNotListening, UsbipRequestMalformed } from "../errors.ts";
import { ByteReader } from "./byte-reader.ts";
import { RELEASE } from "./descriptors.ts";
import type { InEndpoint, InRequest } from "./in-endpoint.ts";
import { readSetup, type UsbDevice } from "./usb-device.ts";
import {
  BUS_ID_LENGTH,
  deviceListReply,
  HEADER_LENGTH,
  IMPORT_STATUS,
  importRefusal,
  importReply,
  type ListedDevice,
  OPERATION_LENGTH,
  REQUEST,
  readBusId,
  readOperation,
  readUrbCommand,
  submitted,
  URB_STATUS,
  type UrbCommand,
  unlinked,
} from "./wire.ts";

/** The longest transfer that Linux's own drivers for such devices ask for is 16 KiB. */
const LONGEST_TRANSFER = 65_536;
/** usbhid keeps one request waiting, cdc-acm 16 and a few more. */
const MOST_WAITING = 64;

export interface UsbipOptions {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  readonly logger: Logger;
}

interface Waiting {
  readonly endpoint: InEndpoint;
  readonly request: InRequest;
}

/** Lends virtual devices to the kernels of other machines over USB/IP: a USB cable that is a TCP connection. */
export class UsbipServer {
  readonly stalls = true;
  readonly #options: UsbipOptions;
  readonly #server: Server;
  readonly #devices = new Map<string, UsbDevice>();
  /** Who uses a device. */
  readonly #importers = new Map<UsbDevice, Socket>();
  readonly #sockets = new Set<Socket>();

  private constructor(options: UsbipOptions) {
    this.#options = options;
    this.#server = createServer({ noDelay: true }, (socket) => void this.#serve(socket));
  }

  /** @throws UsbipNotListening */
  static async start(options: UsbipOptions): Promise<UsbipServer> {
    const server = new UsbipServer(options);
    server.#server.listen({ host: options.host, port: options.port });
    try {
      await once(server.#server, "listening");
    } catch (cause) {
      throw new UsbipNotListening({ detail: `${options.host}:${options.port}`, cause });
    }
    return server;
  }

  get port(): number {
    const address = this.#server.address();
    return address !== null && typeof address === "object" ? address.port : this.#options.port;
  }

  /** What is plugged in, by bus id. */
  get devices(): ReadonlyMap<string, UsbDevice> {
    return this.#devices;
  }

  /** From now on a machine can attach it. */
  plug(busId: string, device: UsbDevice): void {
    if (busId === "" || busId.length >= BUS_ID_LENGTH) throw new RangeError("a bus id has 1 to 31 characters");
    this.#devices.set(busId, device);
  }

  /** The machine that has it sees it go, and it cannot be attached again until it is plugged. */
  unplug(busId: string): void {
    const device = this.#devices.get(busId);
    if (!device) return;
    this.#devices.delete(busId);
    this.#importers.get(device)?.destroy();
    this.#importers.delete(device);
    device.reset();
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const busId of [...this.#devices.keys()]) this.unplug(busId);
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  async #serve(socket: Socket): Promise<void> {
    this.#sockets.add(socket);
    // A connection that breaks is a machine that went away; the reader's end tells.
    socket.on("error", () => {});
    const reader = new ByteReader(socket);
    try {
      const device = await this.#negotiate(socket, reader);
      if (device) await this.#lend(device, socket, reader);
    } catch (error) {
      if (!(error instanceof SwipewireError)) throw error;
      this.#options.logger.warn({ code: error.code }, error.message);
    } finally {
      this.#sockets.delete(socket);
      // What was written last still goes out.
      socket.destroySoon();
    }
  }

  /** @returns the device that the connection is for from now on */
  async #negotiate(socket: Socket, reader: ByteReader): Promise<UsbDevice | undefined> {
    const head = await reader.take(OPERATION_LENGTH);
    if (!head) return undefined;
    const operation = readOperation(head);
    if (operation?.code === REQUEST.deviceList) {
      socket.write(deviceListReply([...this.#devices].map(([busId, device]) => listed(busId, device))));
      return undefined;
    }
    if (operation?.code !== REQUEST.import) throw malformed("neither device list nor import of version 1.1.1");
    const name = await reader.take(BUS_ID_LENGTH);
    if (!name) return undefined;
    const busId = readBusId(name);
    const device = this.#devices.get(busId);
    if (!device || this.#importers.has(device)) {
      socket.write(importRefusal(device ? IMPORT_STATUS.busy : IMPORT_STATUS.noDevice));
      return undefined;
    }
    this.#importers.set(device, socket);
    this.#options.logger.info({ busId, product: device.identity.product }, "device attached");
    socket.write(importReply(listed(busId, device)));
    return device;
  }

  async #lend(device: UsbDevice, socket: Socket, reader: ByteReader): Promise<void> {
    const waiting = new Map<number, Waiting>();
    try {
      for (;;) {
        const head = await reader.take(HEADER_LENGTH);
        if (!head) return;
        const command = readUrbCommand(head);
        if (!command) throw malformed("neither submit nor unlink");
        if (command.kind === "unlink") {
          const urb = waiting.get(command.unlink);
          // Of a request that was answered already there is nothing to unlink.
          const withdrawn = urb?.endpoint.cancel(urb.request) ?? false;
          waiting.delete(command.unlink);
          socket.write(unlinked(command.seqnum, withdrawn ? URB_STATUS.unlinked : URB_STATUS.ok));
        } else if (!(await submit(device, command, { socket, reader, waiting }))) {
          return;
        }
      }
    } finally {
      for (const { endpoint, request } of waiting.values()) endpoint.cancel(request);
      if (this.#importers.get(device) === socket) {
        this.#importers.delete(device);
        device.reset();
        this.#options.logger.info({ product: device.identity.product }, "device let go");
      }
    }
  }
}

const malformed = (detail: string) => new UsbipRequestMalformed({ detail });
const NOTHING: Uint8Array = new Uint8Array();

/** @returns false when the connection ended in the middle */
async function submit(
  device: UsbDevice,
  { seqnum, deviceToHost, endpoint, length, packets, setup }: UrbCommand & { readonly kind: "submit" },
  { socket, reader, waiting }: { socket: Socket; reader: ByteReader; waiting: Map<number, Waiting> },
): Promise<boolean> {
  if (length > LONGEST_TRANSFER) throw malformed(`a transfer of ${length} bytes`);
  if (packets > 0) throw malformed("an isochronous transfer");
  const data = deviceToHost ? NOTHING : await reader.take(length);
  if (!data) return false;
  const answer = (status: number, bytes = NOTHING, taken = bytes.length) => {
    socket.write(submitted(seqnum, status, bytes, taken));
  };

  if (endpoint === 0) {
    const reply = device.control(readSetup(setup), data);
    if (!reply) answer(URB_STATUS.stall);
    else if (deviceToHost) answer(URB_STATUS.ok, reply.subarray(0, length));
    else answer(URB_STATUS.ok, NOTHING, data.length);
  } else if (!deviceToHost) {
    if (device.usbFunction.out(endpoint, data)) answer(URB_STATUS.ok, NOTHING, data.length);
    else answer(URB_STATUS.stall);
  } else {
    const source = device.usbFunction.endpoints.get(endpoint);
    if (!source) {
      answer(URB_STATUS.stall);
      return true;
    }
    if (waiting.size >= MOST_WAITING) throw malformed(`more than ${MOST_WAITING} requests at once`);
    const request: InRequest = {
      length,
      answer: (status, bytes) => {
        waiting.delete(seqnum);
        answer(status, bytes);
      },
    };
    waiting.set(seqnum, { endpoint: source, request });
    source.submit(request);
  }
  return true;
}

function listed(busId: string, { identity, usbFunction, configuration }: UsbDevice): ListedDevice {
  return {
    busId,
    deviceNumber: 2 + (Number(/\d+$/.exec(busId)?.[0] ?? 0) % 126),
    vendorId: identity.vendorId,
    productId: identity.productId,
    release: RELEASE,
    deviceClass: usbFunction.deviceClass,
    configuration,
    interfaces: usbFunction.interfaces,
  };
}
