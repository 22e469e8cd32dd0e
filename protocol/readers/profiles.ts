import Type from "typebox";
import { MSR_USAGE_PAGE } from "./hid-msr.ts";

/** What is known of readers of one model beside their family's rules. */
export const READER_QUIRKS = {
  "sureswipe-text": "sends SureSwipe text, family ascii, when its property 0x1A is set",
  "short-report": "old firmware sends 856 bytes, new 887",
  "insert-reader": "the card is put in and taken out, not drawn through",
  "product-id-varies": "the product id differs by model and mode, so that the operator names it",
} as const;
export type ReaderQuirk = keyof typeof READER_QUIRKS;

const Id = Type.Integer({ minimum: 0, maximum: 0xffff });

/**
 * How a reader is recognised and which family it speaks. Of vendor id, product id and usage page those that are given
 * must be the device's own; at least one is given.
 */
export const ReaderProfile = Type.Object(
  {
    /** For people, and unique. */
    name: Type.String({ minLength: 1, maxLength: 80 }),
    vendorId: Type.Optional(Id),
    productId: Type.Optional(Id),
    /** Of the device's application collection. */
    usagePage: Type.Optional(Id),
    /** What the system shows it as. Absent where that is not published. */
    shownAs: Type.Optional(Type.Enum(["hid", "keyboard", "serial"])),
    family: Type.Enum(["magtek-sureswipe", "magtek-magnesafe", "magtek-keyboard", "idtech", "hid-msr"]),
    /** Of a serial reader, when it leaves the factory. */
    baudRate: Type.Optional(Type.Integer({ minimum: 300, maximum: 921_600 })),
    quirks: Type.Array(Type.Enum(Object.keys(READER_QUIRKS) as ReaderQuirk[]), { uniqueItems: true }),
  },
  {
    additionalProperties: false,
    anyOf: [{ required: ["vendorId"] }, { required: ["usagePage"] }],
    dependentRequired: { productId: ["vendorId"] },
  },
);
export type ReaderProfile = Type.Static<typeof ReaderProfile>;

const MAGTEK = 0x0801;
const MAGTEK_PAGE = 0xff00;
const ID_TECH = 0x0acd;

/** MagTek D99875475-10; ID TECH from samples of its users; HID Point of Sale Usage Tables 1.02. */
export const readerProfiles: readonly ReaderProfile[] = [
  {
    name: "MagTek keyboard emulation",
    vendorId: MAGTEK,
    productId: 0x0001,
    shownAs: "keyboard",
    family: "magtek-keyboard",
    quirks: ["sureswipe-text"],
  },
  {
    name: "MagTek SureSwipe HID",
    vendorId: MAGTEK,
    productId: 0x0002,
    usagePage: MAGTEK_PAGE,
    shownAs: "hid",
    family: "magtek-sureswipe",
    quirks: [],
  },
  {
    name: "MagTek MagneSafe HID",
    vendorId: MAGTEK,
    productId: 0x0011,
    usagePage: MAGTEK_PAGE,
    shownAs: "hid",
    family: "magtek-magnesafe",
    quirks: ["short-report"],
  },
  {
    name: "MagTek MagneSafe HID insert reader",
    vendorId: MAGTEK,
    productId: 0x0013,
    usagePage: MAGTEK_PAGE,
    shownAs: "hid",
    family: "magtek-magnesafe",
    quirks: ["short-report", "insert-reader"],
  },
  {
    name: "MagTek MagneSafe wireless reader on its cable",
    vendorId: MAGTEK,
    productId: 0x0014,
    usagePage: MAGTEK_PAGE,
    shownAs: "hid",
    family: "magtek-magnesafe",
    quirks: ["short-report"],
  },
  {
    name: "ID TECH serial over USB",
    vendorId: ID_TECH,
    productId: 0x0520,
    shownAs: "serial",
    family: "idtech",
    baudRate: 9600,
    quirks: [],
  },
  {
    name: "ID TECH Spectrum III",
    vendorId: ID_TECH,
    productId: 0x0630,
    shownAs: "serial",
    family: "idtech",
    quirks: [],
  },
  { name: "ID TECH Spectrum III hybrid", vendorId: ID_TECH, productId: 0x0401, family: "idtech", quirks: [] },
  { name: "ID TECH", vendorId: ID_TECH, family: "idtech", quirks: ["product-id-varies"] },
  { name: "HID POS magnetic stripe reader", usagePage: MSR_USAGE_PAGE, shownAs: "hid", family: "hid-msr", quirks: [] },
];

export interface DeviceIds {
  readonly vendorId: number;
  readonly productId: number;
  /** Of a HID device. */
  readonly usagePage?: number;
}

/**
 * The profile that fits a device. A usage page is a fact of the descriptor that came with the device, so the standard
 * page goes before a maker's id; after that a product goes before a vendor.
 *
 * @param profiles of several that fit equally well the first one wins
 */
export function profileOf(
  device: DeviceIds,
  profiles: readonly ReaderProfile[] = readerProfiles,
): ReaderProfile | undefined {
  const fitting = profiles.filter(
    ({ vendorId, productId, usagePage }) =>
      (vendorId === undefined || vendorId === device.vendorId) &&
      (productId === undefined || productId === device.productId) &&
      (usagePage === undefined || device.usagePage === undefined || usagePage === device.usagePage) &&
      (vendorId !== undefined || usagePage === device.usagePage),
  );
  const rank = ({ vendorId, productId }: ReaderProfile) =>
    productId !== undefined ? 2 : vendorId !== undefined ? 1 : 3;
  return fitting.toSorted((a, b) => rank(b) - rank(a))[0];
}
