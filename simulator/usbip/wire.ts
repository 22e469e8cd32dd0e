/*
 * The USB/IP protocol, version 1.1.1 (Linux, Documentation/usb/usbip_protocol.rst). All of it is big-endian but the eight
 * bytes of a setup packet, which are as on the bus.
 */

export const PORT = 3240;
const VERSION = 0x0111;

export const REQUEST = { import: 0x8003, deviceList: 0x8005 } as const;
const REPLY = { import: 0x0003, deviceList: 0x0005 } as const;
export const IMPORT_STATUS = { ok: 0, busy: 2, noDevice: 4 } as const;

export const OPERATION_LENGTH = 8;
export const BUS_ID_LENGTH = 32;
const PATH_LENGTH = 256;
const DEVICE_LENGTH = PATH_LENGTH + BUS_ID_LENGTH + 24;
const INTERFACE_LENGTH = 4;

export const HEADER_LENGTH = 48;
const COMMAND = { submit: 1, unlink: 2, submitted: 3, unlinked: 4 } as const;

/** Linux's error numbers, negated, as a URB's status. */
export const URB_STATUS = { ok: 0, stall: -32, unlinked: -104 } as const;

/** `usb_device_speed` of Linux. */
const FULL_SPEED = 2;

/** What the lists tell of a device. */
export interface ListedDevice {
  readonly busId: string;
  readonly deviceNumber: number;
  readonly vendorId: number;
  readonly productId: number;
  readonly release: number;
  readonly deviceClass: number;
  readonly configuration: number;
  /** Class, subclass and protocol of each interface. */
  readonly interfaces: readonly (readonly [number, number, number])[];
}

export interface Operation {
  readonly version: number;
  readonly code: number;
}

export function readOperation(bytes: Uint8Array): Operation | undefined {
  const view = viewOf(bytes);
  const version = view.getUint16(0);
  return version === VERSION ? { version, code: view.getUint16(2) } : undefined;
}

/** Empty where the field is not ended by a zero. */
export function readBusId(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes.subarray(0, Math.max(bytes.indexOf(0), 0)));
}

function operation(code: number, status: number, body: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(OPERATION_LENGTH + body.length);
  const view = viewOf(bytes);
  view.setUint16(0, VERSION);
  view.setUint16(2, code);
  view.setUint32(4, status);
  bytes.set(body, OPERATION_LENGTH);
  return bytes;
}

function deviceBytes(device: ListedDevice, withInterfaces: boolean): Uint8Array {
  const { interfaces } = device;
  const bytes = new Uint8Array(DEVICE_LENGTH + (withInterfaces ? interfaces.length * INTERFACE_LENGTH : 0));
  const text = new TextEncoder();
  bytes.set(text.encode(`/sys/devices/swipewire/${device.busId}`));
  bytes.set(text.encode(device.busId), PATH_LENGTH);
  const view = viewOf(bytes.subarray(PATH_LENGTH + BUS_ID_LENGTH));
  view.setUint32(0, 1);
  view.setUint32(4, device.deviceNumber);
  view.setUint32(8, FULL_SPEED);
  view.setUint16(12, device.vendorId);
  view.setUint16(14, device.productId);
  view.setUint16(16, device.release);
  view.setUint8(18, device.deviceClass);
  view.setUint8(21, device.configuration);
  view.setUint8(22, 1);
  view.setUint8(23, interfaces.length);
  if (withInterfaces) {
    for (const [n, codes] of interfaces.entries()) bytes.set(codes, DEVICE_LENGTH + n * INTERFACE_LENGTH);
  }
  return bytes;
}

export function deviceListReply(devices: readonly ListedDevice[]): Uint8Array {
  const count = new Uint8Array(4);
  viewOf(count).setUint32(0, devices.length);
  return operation(
    REPLY.deviceList,
    IMPORT_STATUS.ok,
    Buffer.concat([count, ...devices.map((device) => deviceBytes(device, true))]),
  );
}

export const importReply = (device: ListedDevice): Uint8Array =>
  operation(REPLY.import, IMPORT_STATUS.ok, deviceBytes(device, false));

export const importRefusal = (status: number): Uint8Array => operation(REPLY.import, status, new Uint8Array());

export type UrbCommand =
  | {
      readonly kind: "submit";
      readonly seqnum: number;
      readonly deviceToHost: boolean;
      readonly endpoint: number;
      /** Bytes that follow the header, or that the answer may have. */
      readonly length: number;
      /** Isochronous, where it is not 0. */
      readonly packets: number;
      readonly setup: Uint8Array;
    }
  | { readonly kind: "unlink"; readonly seqnum: number; readonly unlink: number };

export function readUrbCommand(bytes: Uint8Array): UrbCommand | undefined {
  const view = viewOf(bytes);
  const seqnum = view.getUint32(4);
  switch (view.getUint32(0)) {
    case COMMAND.submit: {
      const packets = view.getUint32(32);
      return {
        kind: "submit",
        seqnum,
        deviceToHost: view.getUint32(12) === 1,
        endpoint: view.getUint32(16),
        length: view.getUint32(24),
        // Later kernels write -1 where there are no packets.
        packets: packets === 0xffff_ffff ? 0 : packets,
        setup: bytes.slice(40, HEADER_LENGTH),
      };
    }
    case COMMAND.unlink:
      return { kind: "unlink", seqnum, unlink: view.getUint32(20) };
    default:
      return undefined;
  }
}

/** @param length of an answer from the host to the device: how many bytes were taken */
export function submitted(seqnum: number, status: number, data: Uint8Array, length = data.length): Uint8Array {
  const bytes = new Uint8Array(HEADER_LENGTH + data.length);
  const view = viewOf(bytes);
  view.setUint32(0, COMMAND.submitted);
  view.setUint32(4, seqnum);
  view.setInt32(20, status);
  view.setUint32(24, length);
  bytes.set(data, HEADER_LENGTH);
  return bytes;
}

export function unlinked(seqnum: number, status: number): Uint8Array {
  const bytes = new Uint8Array(HEADER_LENGTH);
  const view = viewOf(bytes);
  view.setUint32(0, COMMAND.unlinked);
  view.setUint32(4, seqnum);
  view.setInt32(20, status);
  return bytes;
}

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
