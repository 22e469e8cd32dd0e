import { magtekCommand, malformed } from "./message.ts";
import { PROPERTIES, type Property, propertyOf } from "./properties.ts";

/** Numbers are one byte, texts ASCII; empty where the property was never set. */
export interface PropertyValue {
  readonly value: Uint8Array;
}

/** Asks for one property. */
export const getProperty = magtekCommand<{ readonly property: Property }, PropertyValue>(
  "get property",
  0x00,
  {
    encode: ({ property }) => Uint8Array.of(PROPERTIES[property]),
    decode(data) {
      if (data.length !== 1) throw malformed(`${data.length} of 1 byte`);
      return { property: propertyOf(data[0]) };
    },
  },
  { encode: ({ value }) => value, decode: (data) => ({ value: Uint8Array.from(data) }) },
);
