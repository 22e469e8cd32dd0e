/** The track alphabet of ISO 7811 is 0x30 plus the nibble, so digits and the separator D (`=`) pack alike. */
const ZERO = 0x30;
const SEPARATOR = 0xd;

/** Which nibbles a content may hold. */
export type NibbleTest = (nibble: number) => boolean;
export const isDigit: NibbleTest = (nibble) => nibble >= 0 && nibble <= 9;
export const isTrackCharacter: NibbleTest = (nibble) => isDigit(nibble) || nibble === SEPARATOR;

/** Where an odd count of digits stands in its bytes. */
export type Justify = "left" | "right";

/** Bytes that a count of digits takes, two to a byte. */
export const packedLength = (digits: number) => (digits + 1) >> 1;

/**
 * Packs characters into `out` from byte `at` on, where it must hold zeros.
 * @returns false at the first character that may not be there
 */
export function packDigits(
  characters: string | Uint8Array,
  out: Uint8Array,
  at: number,
  justify: Justify,
  allowed: NibbleTest,
): boolean {
  let place = firstNibble(at, characters.length, justify);
  for (let i = 0; i < characters.length; i++, place++) {
    const nibble = (typeof characters === "string" ? characters.charCodeAt(i) : (characters[i] ?? 0)) - ZERO;
    if (!allowed(nibble)) return false;
    out[place >> 1] = (out[place >> 1] ?? 0) | (place & 1 ? nibble : nibble << 4);
  }
  return true;
}

/**
 * Unpacks `into.length` characters from byte `at` on.
 * @returns what is wrong with them: a nibble that may not be there, or an odd count's pad that is not zero
 */
export function unpackDigits(
  bytes: Uint8Array,
  at: number,
  justify: Justify,
  allowed: NibbleTest,
  into: Uint8Array,
): "digit" | "padding" | undefined {
  const first = firstNibble(at, into.length, justify);
  for (let i = 0; i < into.length; i++) {
    const nibble = nibbleAt(bytes, first + i);
    if (!allowed(nibble)) return "digit";
    into[i] = ZERO + nibble;
  }
  const pad = justify === "right" ? at * 2 : first + into.length;
  return into.length & 1 && nibbleAt(bytes, pad) !== 0 ? "padding" : undefined;
}

const firstNibble = (at: number, digits: number, justify: Justify) =>
  at * 2 + (digits & 1 && justify === "right" ? 1 : 0);

const nibbleAt = (bytes: Uint8Array, place: number) => ((bytes[place >> 1] ?? 0) >> (place & 1 ? 0 : 4)) & 0xf;
