import type { Property } from "@swipewire/protocol/readers/magtek-commands/properties";

/** What a MagTek reader is plugged in as: MagneSafe's two interfaces, and the older SureSwipe without encryption. */
export type MagtekInterface = "hid" | "keyboard" | "sureswipe";

/** A property as its manual describes it. */
export interface PropertyRule {
  readonly initial: Uint8Array;
  /** Fewest and most bytes; absent where it cannot be set. */
  readonly length?: readonly [least: number, most: number];
  /** Of a property of one byte: its values. */
  readonly range?: readonly [least: number, most: number];
  readonly interfaces: readonly MagtekInterface[];
}

const EVERY: readonly MagtekInterface[] = ["hid", "keyboard", "sureswipe"];
const MAGNESAFE: readonly MagtekInterface[] = ["hid", "keyboard"];
const KEYBOARD: readonly MagtekInterface[] = ["keyboard"];

const text = (characters: string) => Uint8Array.from(Buffer.from(characters, "latin1"));
const fixed = (initial: string, interfaces = EVERY): PropertyRule => ({ initial: text(initial), interfaces });
const string = (initial: string, most: number, interfaces = EVERY): PropertyRule => ({
  initial: text(initial),
  length: [0, most],
  interfaces,
});
const byte = (initial: number, interfaces = EVERY, range: readonly [number, number] = [0, 255]): PropertyRule => ({
  initial: Uint8Array.of(initial),
  length: [1, 1],
  range,
  interfaces,
});

/** MagTek D99875475-10 "Properties", with the values of the reader of its appendix D before it is configured. */
export const PROPERTY_RULES: Readonly<Record<Property, PropertyRule>> = {
  "software id": fixed("21042812F01"),
  "usb serial": string("", 15),
  "polling interval": byte(1, EVERY, [1, 255]),
  "device serial": string("", 15, MAGNESAFE),
  "magnesafe version": fixed("V05", MAGNESAFE),
  "track id enable": byte(0x95),
  "iso track mask": { initial: text("04040Y"), length: [6, 6], interfaces: MAGNESAFE },
  "aamva mask": { initial: text("04040Y"), length: [6, 6], interfaces: MAGNESAFE },
  "max packet size": byte(8, ["hid"], [1, 64]),
  "interface type": byte(0, MAGNESAFE, [0, 1]),
  "track data send flags": byte(0x63, KEYBOARD),
  "mp flags": byte(0, KEYBOARD),
  "active keymap": byte(0, KEYBOARD, [0, 1]),
  "crc flags": byte(1, KEYBOARD),
  "keyboard sureswipe flag": byte(1, KEYBOARD, [0, 1]),
  "decode enable": byte(0, MAGNESAFE),
  "pre card": string("", 7, KEYBOARD),
  "post card": string("", 7, KEYBOARD),
  "pre track": string("", 7, KEYBOARD),
  "post track": string("", 7, KEYBOARD),
  termination: string("\r", 7, KEYBOARD),
  "field separator": byte(0x7c, KEYBOARD),
  "start sentinel track 1": byte(0x25, KEYBOARD),
  "start sentinel track 2": byte(0x3b, KEYBOARD),
  "start sentinel track 3": byte(0x2b, KEYBOARD),
  "end sentinel": byte(0x3f, KEYBOARD),
  "format code": string("1000", 5, KEYBOARD),
};

/** May the property be given this value? */
export function isAllowed({ length, range }: PropertyRule, value: Uint8Array): boolean {
  if (!length || value.length < length[0] || value.length > length[1]) return false;
  const [first = 0] = value;
  return !range || (first >= range[0] && first <= range[1]);
}
