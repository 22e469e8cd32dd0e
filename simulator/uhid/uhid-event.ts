/*
 * `struct uhid_event` of Linux's <linux/uhid.h>, which a program and the kernel exchange through /dev/uhid, one a read or
 * write: packed, in the machine's own byte order, which is little-endian wherever this runs.
 */

/** What a read wants room for. */
export const EVENT_LENGTH = 4380;
const DATA_MAX = 4096;
const TYPE = {
  destroy: 1,
  start: 2,
  stop: 3,
  open: 4,
  close: 5,
  output: 6,
  getReport: 9,
  getReportReply: 10,
  create2: 11,
  input2: 12,
  setReport: 13,
  setReportReply: 14,
} as const;
/** Of the reports of `getReport` and `setReport`; HID's own numbers are others. */
export const REPORT_TYPE = { feature: 0, output: 1, input: 2 } as const;
/** EIO: Linux tells the program nothing else. */
const FAILED = 5;

const NAME = { at: 4, length: 128 };
const PHYS = { at: 132, length: 64 };
const UNIQ = { at: 196, length: 64 };

export interface HidIdentity {
  readonly name: string;
  /** Where it is: alike devices without a serial number are told apart by it. */
  readonly place: string;
  readonly serialNumber?: string;
  readonly bus: number;
  readonly vendorId: number;
  readonly productId: number;
  readonly release: number;
  /** At most 4096 bytes. */
  readonly reportDescriptor: Uint8Array;
}

/** From here on the kernel has the device. Text that is too long is cut. */
export function createEvent(identity: HidIdentity): Uint8Array {
  const { name, place, serialNumber = "", bus, vendorId, productId, release, reportDescriptor } = identity;
  const event = new Uint8Array(280 + reportDescriptor.length);
  const text = new TextEncoder();
  // Each ends in a zero.
  for (const [{ at, length }, word] of [
    [NAME, name],
    [PHYS, place],
    [UNIQ, serialNumber],
  ] as const)
    text.encodeInto(word, event.subarray(at, at + length - 1));
  const view = viewOf(event);
  view.setUint32(0, TYPE.create2, true);
  view.setUint16(260, reportDescriptor.length, true);
  view.setUint16(262, bus, true);
  view.setUint32(264, vendorId, true);
  view.setUint32(268, productId, true);
  view.setUint32(272, release, true);
  event.set(reportDescriptor, 280);
  return event;
}

/** The device is gone. */
export function destroyEvent(): Uint8Array {
  const event = new Uint8Array(4);
  viewOf(event).setUint32(0, TYPE.destroy, true);
  return event;
}

/** An input report, its id first where the device has several. */
export function inputEvent(report: Uint8Array): Uint8Array {
  const event = new Uint8Array(6 + Math.min(report.length, DATA_MAX));
  const view = viewOf(event);
  view.setUint32(0, TYPE.input2, true);
  view.setUint16(4, event.length - 6, true);
  event.set(report.subarray(0, DATA_MAX), 6);
  return event;
}

/** @param report undefined where the device refuses */
export function getReportReply(id: number, report: Uint8Array | undefined): Uint8Array {
  const event = new Uint8Array(12 + (report?.length ?? 0));
  const view = viewOf(event);
  view.setUint32(0, TYPE.getReportReply, true);
  view.setUint32(4, id, true);
  view.setUint16(8, report ? 0 : FAILED, true);
  view.setUint16(10, report?.length ?? 0, true);
  event.set(report ?? [], 12);
  return event;
}

export function setReportReply(id: number, taken: boolean): Uint8Array {
  const event = new Uint8Array(10);
  const view = viewOf(event);
  view.setUint32(0, TYPE.setReportReply, true);
  view.setUint32(4, id, true);
  view.setUint16(8, taken ? 0 : FAILED, true);
  return event;
}

/** What the kernel says. `start` and `stop`: of its driver; `open` and `close`: of the first and last that reads it. */
export type KernelEvent =
  | { readonly kind: "start" | "stop" | "open" | "close" }
  | { readonly kind: "output"; readonly reportType: number; readonly data: Uint8Array }
  | { readonly kind: "getReport"; readonly id: number; readonly reportId: number; readonly reportType: number }
  | {
      readonly kind: "setReport";
      readonly id: number;
      readonly reportId: number;
      readonly reportType: number;
      /** Begins with the report's id, 0 where it has none. */
      readonly data: Uint8Array;
    };

/** @returns undefined for what is none that this knows, or cut off; later kernels may have more */
export function readEvent(bytes: Uint8Array): KernelEvent | undefined {
  if (bytes.length < EVENT_LENGTH) return undefined;
  const view = viewOf(bytes);
  const data = (at: number, lengthAt: number) =>
    bytes.slice(at, at + Math.min(view.getUint16(lengthAt, true), DATA_MAX));
  const request = () => ({
    id: view.getUint32(4, true),
    reportId: view.getUint8(8),
    reportType: view.getUint8(9),
  });
  switch (view.getUint32(0, true)) {
    case TYPE.start:
      return { kind: "start" };
    case TYPE.stop:
      return { kind: "stop" };
    case TYPE.open:
      return { kind: "open" };
    case TYPE.close:
      return { kind: "close" };
    case TYPE.output:
      return { kind: "output", data: data(4, 4100), reportType: view.getUint8(4102) };
    case TYPE.getReport:
      return { kind: "getReport", ...request() };
    case TYPE.setReport:
      return { kind: "setReport", ...request(), data: data(12, 10) };
    default:
      return undefined;
  }
}

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
