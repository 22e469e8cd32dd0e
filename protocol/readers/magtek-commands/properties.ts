import { malformed } from "./message.ts";

/** MagTek D99875475-10 "Properties", by their numbers. */
export const PROPERTIES = {
  "software id": 0x00,
  "usb serial": 0x01,
  "polling interval": 0x02,
  "device serial": 0x03,
  "magnesafe version": 0x04,
  "track id enable": 0x05,
  "iso track mask": 0x07,
  "aamva mask": 0x08,
  "max packet size": 0x0a,
  "interface type": 0x10,
  "track data send flags": 0x14,
  "mp flags": 0x15,
  "active keymap": 0x16,
  "crc flags": 0x19,
  "keyboard sureswipe flag": 0x1a,
  "decode enable": 0x1b,
  "pre card": 0x1e,
  "post card": 0x1f,
  "pre track": 0x20,
  "post track": 0x21,
  termination: 0x22,
  "field separator": 0x23,
  "start sentinel track 1": 0x24,
  "start sentinel track 2": 0x25,
  "start sentinel track 3": 0x26,
  "end sentinel": 0x2b,
  "format code": 0x2c,
} as const;
/** A name of {@link PROPERTIES}. */
export type Property = keyof typeof PROPERTIES;

const NAMES: ReadonlyMap<number, Property> = new Map(
  (Object.keys(PROPERTIES) as Property[]).map((name) => [PROPERTIES[name], name]),
);

/** The name of a property. @throws ReaderCommandMalformed for a number that no property has */
export function propertyOf(number: number | undefined): Property {
  const name = number === undefined ? undefined : NAMES.get(number);
  if (name === undefined) throw malformed(`property ${number ?? "missing"}`);
  return name;
}
