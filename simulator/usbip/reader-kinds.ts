import { hidMsr } from "@swipewire/protocol/readers/hid-msr";
import { parseReportDescriptor, reportLength } from "@swipewire/protocol/readers/hid-report-descriptor";
import { typeAsKeyboard } from "@swipewire/protocol/readers/keyboard-reports";
import type { ReaderFraming } from "@swipewire/protocol/readers/profiles";
import type { FixedFamily, ReaderCodec } from "@swipewire/protocol/readers/reader-frame";
import { hidMsrDescriptors } from "../readers/hid-msr-descriptors.ts";
import { NativeReader } from "../readers/native-reader.ts";
import {
  type ReaderDevice,
  type VirtualReader,
  type VirtualReaderOptions,
  virtualReader,
} from "../readers/virtual-reader.ts";
import { PACKET } from "./descriptors.ts";

/** A kind of virtual USB reader: what it says it is, and how it sends a frame. */
export interface ReaderKind {
  readonly name: string;
  readonly vendorId: number;
  readonly productId: number;
  readonly manufacturer: string;
  readonly product: string;
  readonly family: FixedFamily | ReaderCodec;
  /** Its frames come in Swipewire's own. */
  readonly framing?: ReaderFraming;
  readonly shape:
    | {
        readonly kind: "hid";
        readonly reportDescriptor: Uint8Array;
        readonly bootProtocol?: 1;
        /** Of the feature reports that commands travel in, in bytes; absent where the maker does not tell. */
        readonly featureLength?: number;
      }
    | { readonly kind: "serial" }
    | { readonly kind: "vendor"; readonly transfer: "bulk" | "interrupt" };
  /** A frame as the reports or packets that it travels in. */
  split(frame: Uint8Array): Uint8Array[];
}

/** pid.codes keeps these ids free for tests. */
const TEST_VENDOR = 0x1209;
const MAGTEK = 0x0801;
const ID_TECH = 0x0acd;

/**
 * One input report and one feature report of a vendor's own page. The makers' descriptors are not published; MagTek's
 * page and sizes are.
 */
function vendorDescriptor(input: number, feature: number): Uint8Array {
  const count = (length: number) => [0x96, length & 0xff, length >> 8]; // report count
  return Uint8Array.of(
    ...[0x06, 0x00, 0xff, 0x09, 0x01, 0xa1, 0x01], // usage page 0xFF00, usage 1, collection: application
    ...[0x15, 0x00, 0x26, 0xff, 0x00, 0x75, 0x08], // logical minimum 0, maximum 255, report size 8
    ...[0x09, 0x20, ...count(input), 0x82, 0x02, 0x01], // input: data, variable, buffered bytes
    ...[0x09, 0x21, ...count(feature), 0xb2, 0x02, 0x01, 0xc0], // feature
  );
}

/** Bytes of a MagTek keyboard's feature report, in which commands travel (D99875475-10 "Commands"). */
const KEYBOARD_FEATURE = 24;

/** HID 1.11, appendix E.6, without the lamps and with MagTek's feature report (D99875475-10 "Report Descriptor"). */
const KEYBOARD_DESCRIPTOR = Uint8Array.of(
  ...[0x05, 0x01, 0x09, 0x06, 0xa1, 0x01, 0x05, 0x07], // generic desktop, keyboard; usage page: key codes
  ...[0x19, 0xe0, 0x29, 0xe7, 0x15, 0x00, 0x25, 0x01, 0x75, 0x01, 0x95, 0x08, 0x81, 0x02], // modifiers
  ...[0x95, 0x01, 0x75, 0x08, 0x81, 0x01], // a reserved byte
  ...[0x95, 0x06, 0x75, 0x08, 0x15, 0x00, 0x25, 0x65, 0x19, 0x00, 0x29, 0x65, 0x81, 0x00], // six keys
  ...[0x26, 0xff, 0x00, 0x06, 0x00, 0xff, 0x09, 0x20, 0x95, KEYBOARD_FEATURE, 0xb2, 0x02, 0x01, 0xc0], // commands
);

/** Zeros fill the report up. */
function inReports(size: number): ReaderKind["split"] {
  return (frame) =>
    Array.from({ length: Math.ceil(frame.length / size) }, (_, at) => {
      const report = new Uint8Array(size);
      report.set(frame.subarray(at * size, (at + 1) * size));
      return report;
    });
}

function inPackets(frame: Uint8Array): Uint8Array[] {
  return Array.from({ length: Math.ceil(frame.length / PACKET) }, (_, at) =>
    frame.slice(at * PACKET, (at + 1) * PACKET),
  );
}

/** MagTek D99875475-10: reports of 887 bytes, commands in feature reports of 60. */
const MAGTEK_REPORT = 887;
const MAGTEK_FEATURE = 60;
/** Our choice: ID TECH's is not published. Its frames are longer than a report of full speed. */
const IDTECH_REPORT = PACKET;

function hidMsrKind(): ReaderKind {
  const [{ bytes: reportDescriptor }] = hidMsrDescriptors as [(typeof hidMsrDescriptors)[number]];
  return {
    name: "hid-msr",
    vendorId: TEST_VENDOR,
    productId: 0x0001,
    manufacturer: "Swipewire",
    product: "HID POS stripe reader",
    family: hidMsr(reportDescriptor),
    shape: { kind: "hid", reportDescriptor },
    split: inReports(reportLength(parseReportDescriptor(reportDescriptor), "input", 0)),
  };
}

/** A reader of a kind, that hears what its kind can hear. */
export function readerOfKind(
  { family, framing, product }: ReaderKind,
  options: VirtualReaderOptions & { readonly device: ReaderDevice },
  serialNumber = "",
): VirtualReader {
  const { device, ...keys } = options;
  if (framing !== "native") return virtualReader(family, options);
  const make = { model: product, serial: serialNumber, firmware: "1.0" };
  return new NativeReader(virtualReader(family, keys), make, device.clock);
}

export const readerKinds: readonly ReaderKind[] = [
  hidMsrKind(),
  {
    name: "magtek",
    vendorId: MAGTEK,
    productId: 0x0011,
    manufacturer: "Mag-Tek",
    product: "USB Swipe Reader",
    family: "magtek-magnesafe",
    shape: {
      kind: "hid",
      reportDescriptor: vendorDescriptor(MAGTEK_REPORT, MAGTEK_FEATURE),
      featureLength: MAGTEK_FEATURE,
    },
    split: inReports(MAGTEK_REPORT),
  },
  {
    name: "idtech",
    vendorId: ID_TECH,
    productId: 0x2030,
    manufacturer: "ID TECH",
    product: "TM3 Magstripe USB-HID Reader",
    family: "idtech",
    shape: { kind: "hid", reportDescriptor: vendorDescriptor(IDTECH_REPORT, 8) },
    split: inReports(IDTECH_REPORT),
  },
  {
    name: "idtech-serial",
    vendorId: ID_TECH,
    productId: 0x0520,
    manufacturer: "ID TECH",
    product: "Serial stripe reader",
    family: "idtech",
    shape: { kind: "serial" },
    split: inPackets,
  },
  {
    name: "lines",
    vendorId: TEST_VENDOR,
    productId: 0x0002,
    manufacturer: "Swipewire",
    product: "Line stripe reader",
    family: "ascii",
    shape: { kind: "serial" },
    split: inPackets,
  },
  {
    name: "native",
    vendorId: TEST_VENDOR,
    productId: 0x0003,
    manufacturer: "Swipewire",
    product: "Native frame stripe reader",
    family: "idtech",
    framing: "native",
    shape: { kind: "serial" },
    split: inPackets,
  },
  ...(["bulk", "interrupt"] as const).map(
    (transfer, at): ReaderKind => ({
      name: `vendor-${transfer}`,
      vendorId: TEST_VENDOR,
      productId: 0x0004 + at,
      manufacturer: "Swipewire",
      product: `Stripe reader of ${transfer} transfers`,
      family: "idtech",
      shape: { kind: "vendor", transfer },
      split: inPackets,
    }),
  ),
  {
    name: "keyboard",
    vendorId: MAGTEK,
    productId: 0x0001,
    manufacturer: "Mag-Tek",
    product: "USB Keyboard Swipe Reader",
    family: "magtek-keyboard",
    shape: { kind: "hid", reportDescriptor: KEYBOARD_DESCRIPTOR, bootProtocol: 1, featureLength: KEYBOARD_FEATURE },
    split: typeAsKeyboard,
  },
];
