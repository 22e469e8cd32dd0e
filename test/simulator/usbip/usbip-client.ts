import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { ByteReader } from "@swipewire/simulator/usbip/byte-reader";

/*
 * The other end of USB/IP as Linux's vhci driver and `usbip attach` speak it, written from the kernel's protocol document
 * and sharing nothing with the server but the reading of a socket.
 */

const OPERATION = (code: number) => Buffer.from([0x01, 0x11, code >> 8, code & 0xff, 0, 0, 0, 0]);

export interface Reply {
  readonly seqnum: number;
  readonly kind: "submitted" | "unlinked";
  readonly status: number;
  readonly length: number;
  readonly data: Uint8Array;
}

export interface Setup {
  readonly type: number;
  readonly request: number;
  readonly value?: number;
  readonly index?: number;
  readonly length?: number;
  readonly data?: Uint8Array;
}

export class UsbipClient {
  readonly socket: Socket;
  readonly #reader: ByteReader;
  readonly #directionIn = new Map<number, boolean>();
  #seqnum = 0;

  private constructor(socket: Socket) {
    this.socket = socket;
    this.#reader = new ByteReader(socket);
    socket.on("error", () => {});
  }

  static async connect(port: number): Promise<UsbipClient> {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    await once(socket, "connect");
    return new UsbipClient(socket);
  }

  /** Connected and attached. */
  static async attach(port: number, busId: string): Promise<UsbipClient> {
    const client = await UsbipClient.connect(port);
    const { status } = await client.import(busId);
    if (status !== 0) throw new Error(`import: ${status}`);
    return client;
  }

  async #take(length: number): Promise<Buffer> {
    const bytes = await this.#reader.take(length);
    if (!bytes) throw new Error("closed");
    return Buffer.from(bytes);
  }

  /** Resolves when the other side has closed. */
  async closed(): Promise<void> {
    if ((await this.#reader.take(1)) !== undefined) throw new Error("there is more");
  }

  async deviceList() {
    this.socket.write(OPERATION(0x8005));
    const head = await this.#take(12);
    const devices = [];
    for (let n = head.readUInt32BE(8); n > 0; n--) {
      const device = await this.#take(312);
      const interfaces = await this.#take(4 * device.readUInt8(311));
      devices.push({ ...described(device), interfaces: interfaces.toString("hex") });
    }
    return { head: head.subarray(0, 8).toString("hex"), devices };
  }

  async import(busId: string) {
    const name = Buffer.alloc(32);
    name.write(busId);
    this.socket.write(Buffer.concat([OPERATION(0x8003), name]));
    const head = await this.#take(8);
    const status = head.readUInt32BE(4);
    return { head: head.toString("hex"), status, ...(status === 0 && described(await this.#take(312))) };
  }

  #header(command: number, seqnum: number, deviceToHost: boolean, endpoint: number): Buffer {
    const bytes = Buffer.alloc(48);
    bytes.writeUInt32BE(command, 0);
    bytes.writeUInt32BE(seqnum, 4);
    bytes.writeUInt32BE(0x0001_0002, 8);
    bytes.writeUInt32BE(deviceToHost ? 1 : 0, 12);
    bytes.writeUInt32BE(endpoint, 16);
    return bytes;
  }

  /** @returns its sequence number */
  submit(endpoint: number, length: number, options: { setup?: Uint8Array; out?: Uint8Array; packets?: number } = {}) {
    const { setup, out, packets = 0xffff_ffff } = options;
    const seqnum = ++this.#seqnum;
    this.#directionIn.set(seqnum, !out);
    const head = this.#header(1, seqnum, !out, endpoint);
    head.writeUInt32BE(length, 24);
    head.writeUInt32BE(packets, 32);
    if (setup) head.set(setup, 40);
    this.socket.write(out ? Buffer.concat([head, out]) : head);
    return seqnum;
  }

  unlink(unlinked: number): number {
    const seqnum = ++this.#seqnum;
    const head = this.#header(2, seqnum, false, 0);
    head.writeUInt32BE(unlinked, 20);
    this.socket.write(head);
    return seqnum;
  }

  async reply(): Promise<Reply> {
    const head = await this.#take(48);
    const kind = head.readUInt32BE(0) === 3 ? "submitted" : "unlinked";
    const seqnum = head.readUInt32BE(4);
    const length = kind === "submitted" ? head.readUInt32BE(24) : 0;
    const data = kind === "submitted" && this.#directionIn.get(seqnum) ? await this.#take(length) : Buffer.alloc(0);
    return { seqnum, kind, status: head.readInt32BE(20), length, data: Uint8Array.from(data) };
  }

  async control({ type, request, value = 0, index = 0, length, data }: Setup): Promise<Reply> {
    const size = length ?? data?.length ?? 0;
    const setup = Buffer.alloc(8);
    setup.writeUInt8(type, 0);
    setup.writeUInt8(request, 1);
    setup.writeUInt16LE(value, 2);
    setup.writeUInt16LE(index, 4);
    setup.writeUInt16LE(size, 6);
    const out = type < 0x80 ? (data ?? new Uint8Array()) : undefined;
    const seqnum = this.submit(0, size, { setup, ...(out && { out }) });
    const reply = await this.reply();
    if (reply.seqnum !== seqnum) throw new Error("the answer to another request");
    return reply;
  }
}

const described = (device: Buffer) => ({
  busId: device.subarray(256, 288).toString("latin1").replace(/\0+$/, ""),
  speed: device.readUInt32BE(296),
  ids: device.subarray(300, 304).toString("hex"),
  numbers: device.subarray(306, 312).toString("hex"),
});
