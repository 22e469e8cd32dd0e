/*
 * Hex digits as readers type them, on bytes: what they spell may be a track, which must never become a string.
 */

const DIGITS = new TextEncoder().encode("0123456789ABCDEF");

/** -1 for anything else. */
function digitValue(digit = 0): number {
  if (digit >= 0x30 && digit <= 0x39) return digit - 0x30;
  return digit >= 0x41 && digit <= 0x46 ? digit - 0x41 + 10 : -1;
}

/** The bytes that ASCII digits spell, a new array; undefined for anything but whole pairs of `0`-`9` and `A`-`F`. */
export function readHex(text: Uint8Array): Uint8Array | undefined {
  if (text.length % 2 !== 0) return undefined;
  const bytes = new Uint8Array(text.length / 2);
  for (let n = 0; n < bytes.length; n++) {
    const high = digitValue(text[n * 2]);
    const low = digitValue(text[n * 2 + 1]);
    if (high < 0 || low < 0) {
      bytes.fill(0);
      return undefined;
    }
    bytes[n] = high * 16 + low;
  }
  return bytes;
}

/** Two ASCII digits a byte, a new array. */
export function writeHex(bytes: Uint8Array): Uint8Array {
  const text = new Uint8Array(bytes.length * 2);
  for (const [n, byte] of bytes.entries()) {
    text[n * 2] = DIGITS[byte >> 4] ?? 0;
    text[n * 2 + 1] = DIGITS[byte & 0xf] ?? 0;
  }
  return text;
}
