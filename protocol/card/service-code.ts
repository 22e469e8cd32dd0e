import { isDigit } from "./alphabets.ts";

/** What a service code says, ISO/IEC 7813:2006 table 2; a digit the standard leaves open has no meaning here. */
export interface ServiceCode {
  readonly interchange?: "international" | "national" | "private" | "test";
  /** The card has a chip, which should be used instead of the stripe where it can be. */
  readonly chip: boolean;
  readonly authorisation?: "normal" | "by issuer" | "by issuer unless agreed";
  readonly services?: "no restriction" | "goods and services" | "ATM only" | "cash only";
  readonly pin?: "required" | "if there is a PIN pad" | "not required";
}

const INTERCHANGE = {
  1: "international",
  2: "international",
  5: "national",
  6: "national",
  7: "private",
  9: "test",
} as const;
const AUTHORISATION = { 0: "normal", 2: "by issuer", 4: "by issuer unless agreed" } as const;
const SERVICES = {
  0: ["no restriction", "required"],
  1: ["no restriction", "not required"],
  2: ["goods and services", "not required"],
  3: ["ATM only", "required"],
  4: ["cash only", "not required"],
  5: ["goods and services", "required"],
  6: ["no restriction", "if there is a PIN pad"],
  7: ["goods and services", "if there is a PIN pad"],
} as const;

const at = <V>(table: Readonly<Record<number, V>>, digit: number): V | undefined => table[digit];

/** Takes a service code apart. @param code three ASCII digits; anything else means nothing: undefined */
export function readServiceCode(code: Uint8Array): ServiceCode | undefined {
  const [first, second, third] = code;
  if (code.length !== 3 || !isDigit(first) || !isDigit(second) || !isDigit(third)) return undefined;
  const interchange = at(INTERCHANGE, first - 0x30);
  const authorisation = at(AUTHORISATION, second - 0x30);
  const [services, pin] = at(SERVICES, third - 0x30) ?? [];
  return {
    chip: first === 0x32 || first === 0x36,
    ...(interchange && { interchange }),
    ...(authorisation && { authorisation }),
    ...(services && { services }),
    ...(pin && { pin }),
  };
}

/**
 * Is a PIN to be asked for? "If there is a PIN pad" means yes here: the payer's phone is one. Undefined where the code
 * does not say.
 * @param code three ASCII digits
 */
export function pinByServiceCode(code: Uint8Array): boolean | undefined {
  const pin = readServiceCode(code)?.pin;
  return pin === undefined ? undefined : pin !== "not required";
}
