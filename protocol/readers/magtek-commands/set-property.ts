import type { PropertyValue } from "./get-property.ts";
import { magtekCommand, nothing } from "./message.ts";
import { PROPERTIES, type Property, propertyOf } from "./properties.ts";

/** Above security level 2 it carries a MAC, see `command-mac.ts`. */
export const setProperty = magtekCommand<PropertyValue & { readonly property: Property }, void>(
  "set property",
  0x01,
  {
    encode: ({ property, value }) => Uint8Array.of(PROPERTIES[property], ...value),
    decode: (data) => ({ property: propertyOf(data[0]), value: Uint8Array.from(data.subarray(1)) }),
  },
  nothing,
);
