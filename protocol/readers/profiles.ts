import Type from "typebox";
import { MSR_USAGE_PAGE } from "./hid-msr.ts";
import type { ReaderFamily } from "./reader-frame.ts";

/** What is known of readers of one model beside their family's rules. */
export const READER_QUIRKS = {
  "sureswipe-text": "may send SureSwipe text, family ascii, by its security level and property 0x1A: it is asked",
  "clear-lines": "on a serial port it sends lines, family ascii, while its security level is a clear one: it is asked",
  "short-report": "old firmware sends 856 bytes, new 887",
  "insert-reader": "the card is put in and taken out, not drawn through",
  "product-id-varies": "the product id differs by model and mode, so that the operator names it",
} as const;
/** A name of {@link READER_QUIRKS}. */
export type ReaderQuirk = keyof typeof READER_QUIRKS;

/** How a system shows a reader to its programs; `vendor`: as an interface of its vendor's own class, with no driver for it. */
export const READER_FACES = ["hid", "keyboard", "serial", "vendor"] as const;
/** One of {@link READER_FACES}. */
export type Face = (typeof READER_FACES)[number];

/** Faces in which the frames of a family can come: whole in a HID report, or out of a stream of bytes or keys. */
export const FACES: Readonly<Record<ReaderFamily, readonly Face[]>> = {
  "magtek-sureswipe": ["hid"],
  "magtek-magnesafe": ["hid"],
  "magtek-keyboard": ["keyboard", "serial", "vendor"],
  idtech: ["hid", "keyboard", "serial", "vendor"],
  "idtech-keyboard": ["keyboard", "serial", "vendor"],
  "hid-msr": ["hid"],
  ascii: ["keyboard", "serial", "vendor"],
};

/** Swipewire's own frame on a serial port, which carries those of a family and messages both ways: `native-frame.ts`. */
export const READER_FRAMINGS = ["native"] as const;
/** One of {@link READER_FRAMINGS}. */
export type ReaderFraming = (typeof READER_FRAMINGS)[number];

const FAMILIES = Object.keys(FACES) as readonly ReaderFamily[];
const QUIRKS = Object.keys(READER_QUIRKS) as readonly ReaderQuirk[];

const Id = (of: string) =>
  Type.String({ pattern: "^[0-9a-f]{4}$", description: `${of}: four hex digits, small letters, such as "0acd"` });

/**
 * How a reader is recognised and which family it speaks. Of vendor id, product id and usage page those that are given
 * must be the device's own. What no schema can say, `lintProfiles` checks. Each `description` finishes the sentence
 * "allowed: …".
 */
export const ReaderProfile = Type.Object(
  {
    /** Unique. */
    name: Type.String({ minLength: 1, maxLength: 80, description: "a name for people, 1 to 80 characters" }),
    vendorId: Type.Optional(Id("the USB vendor id")),
    productId: Type.Optional(Id("the USB product id")),
    usagePage: Type.Optional(Id("the usage page of a HID device's collection")),
    /**
     * Absent where that is not published: then any face that the family can come in, but for `vendor`. What is behind a
     * vendor's own class may be anything, so whoever has it claimed says so.
     */
    shownAs: Type.Optional(
      Type.Enum([...READER_FACES], { description: `what the system shows it as: ${READER_FACES.join(", ")}` }),
    ),
    family: Type.Enum(FAMILIES, { description: `what the reader sends: ${FAMILIES.join(", ")}` }),
    baudRate: Type.Optional(
      Type.Integer({ minimum: 300, maximum: 921_600, description: "of a serial reader: an integer, 300 to 921600" }),
    ),
    /** Absent where frames come bare. */
    framing: Type.Optional(
      Type.Enum([...READER_FRAMINGS], {
        description: `what a serial reader's frames come in: ${READER_FRAMINGS.join(", ")}`,
      }),
    ),
    quirks: Type.Array(Type.Enum(QUIRKS, { description: `a quirk: ${QUIRKS.join(", ")}` }), {
      uniqueItems: true,
      default: [],
      description: `a list of quirks, each once: ${QUIRKS.join(", ")}`,
    }),
  },
  { additionalProperties: false, description: "a profile: an object with name, family, and vendorId or usagePage" },
);
export type ReaderProfile = Type.Static<typeof ReaderProfile>;

const MAGTEK = "0801";
const MAGTEK_PAGE = "ff00";
const ID_TECH = "0acd";

/** A USB id or usage page, 0 to 0xffff, as profiles and `lsusb` write it: four lower-case hex digits. */
export const idText = (id: number): string => id.toString(16).padStart(4, "0");

/** MagTek D99875475-10; ID TECH from samples of its users; HID Point of Sale Usage Tables 1.02. */
export const readerProfiles: readonly ReaderProfile[] = [
  {
    name: "MagTek keyboard emulation",
    vendorId: MAGTEK,
    productId: "0001",
    shownAs: "keyboard",
    family: "magtek-keyboard",
    quirks: ["sureswipe-text"],
  },
  {
    name: "MagTek SureSwipe HID",
    vendorId: MAGTEK,
    productId: "0002",
    usagePage: MAGTEK_PAGE,
    shownAs: "hid",
    family: "magtek-sureswipe",
    quirks: [],
  },
  {
    name: "MagTek MagneSafe HID",
    vendorId: MAGTEK,
    productId: "0011",
    usagePage: MAGTEK_PAGE,
    shownAs: "hid",
    family: "magtek-magnesafe",
    quirks: ["short-report"],
  },
  {
    name: "MagTek MagneSafe HID insert reader",
    vendorId: MAGTEK,
    productId: "0013",
    usagePage: MAGTEK_PAGE,
    shownAs: "hid",
    family: "magtek-magnesafe",
    quirks: ["short-report", "insert-reader"],
  },
  {
    name: "MagTek MagneSafe wireless reader on its cable",
    vendorId: MAGTEK,
    productId: "0014",
    usagePage: MAGTEK_PAGE,
    shownAs: "hid",
    family: "magtek-magnesafe",
    quirks: ["short-report"],
  },
  {
    name: "ID TECH serial over USB",
    vendorId: ID_TECH,
    productId: "0520",
    shownAs: "serial",
    family: "idtech",
    baudRate: 9600,
    quirks: ["clear-lines"],
  },
  {
    name: "ID TECH Spectrum III",
    vendorId: ID_TECH,
    productId: "0630",
    shownAs: "serial",
    family: "idtech",
    quirks: ["clear-lines"],
  },
  {
    name: "ID TECH Spectrum III hybrid",
    vendorId: ID_TECH,
    productId: "0401",
    family: "idtech",
    quirks: ["clear-lines"],
  },
  { name: "ID TECH", vendorId: ID_TECH, family: "idtech", quirks: ["product-id-varies", "clear-lines"] },
  {
    name: "HID POS magnetic stripe reader",
    usagePage: idText(MSR_USAGE_PAGE),
    shownAs: "hid",
    family: "hid-msr",
    quirks: [],
  },
];

/** What a system tells of a device, of one of its faces. */
export interface DeviceIds {
  readonly vendorId: number;
  readonly productId: number;
  /** Of a HID device. */
  readonly usagePage?: number;
  /** Any face where it is absent. */
  readonly shownAs?: Face;
}

/** The faces of a device that a profile can fit; none where it contradicts itself. */
export function facesOf({ family, shownAs, usagePage }: ReaderProfile): readonly Face[] {
  return FACES[family].filter(
    (face) =>
      (shownAs === undefined ? face !== "vendor" : face === shownAs) && (usagePage === undefined || face === "hid"),
  );
}

/** Is it one of {@link readerProfiles}, and not the operator's own? */
export const isBuiltIn = (profile: ReaderProfile): boolean => readerProfiles.includes(profile);

/**
 * Of two profiles that fit a device the one with the higher rank is taken: any of the operator's goes before one of
 * {@link readerProfiles}. A usage page is a fact of the descriptor that came with the device, so the standard page goes
 * before a maker's id; after that a product goes before a vendor.
 */
export function rankOf(profile: ReaderProfile): number {
  const own = isBuiltIn(profile) ? 0 : 3;
  return own + (profile.vendorId === undefined ? 3 : profile.productId === undefined ? 1 : 2);
}

/** The profile that fits a device. @param profiles of several with the same rank the first one wins */
export function profileOf(
  device: DeviceIds,
  profiles: readonly ReaderProfile[] = readerProfiles,
): ReaderProfile | undefined {
  const vendor = idText(device.vendorId);
  const product = idText(device.productId);
  const page = device.usagePage === undefined ? undefined : idText(device.usagePage);
  const fitting = profiles.filter(
    (profile) =>
      (profile.vendorId === undefined || profile.vendorId === vendor) &&
      (profile.productId === undefined || profile.productId === product) &&
      (profile.usagePage === undefined || page === undefined || profile.usagePage === page) &&
      (profile.vendorId !== undefined || profile.usagePage === page) &&
      (device.shownAs === undefined || facesOf(profile).includes(device.shownAs)),
  );
  return fitting.toSorted((a, b) => rankOf(b) - rankOf(a))[0];
}
