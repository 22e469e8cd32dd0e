import { PinBlockMalformed, PinBlockPan, PinBlockPin } from "../errors.ts";
import type { Random } from "../random.ts";
import { SensitiveBytes } from "../sensitive-bytes.ts";

// PIN blocks of 8 bytes, ISO 9564-1:2017 9.3, not yet encrypted. A block is a control nibble with the format, a nibble
// with the PIN's length, and the PIN filled up to 14 nibbles; formats 0 and 3 are that XOR the card number.
//
// What goes in: a PIN of 4 to 12 ASCII digits, a PAN of 8 to 19 ASCII digits with its check digit. What comes out of
// encoding is 8 bytes, the caller's to wipe.

const ZERO = 0x30;
const isDigit = (byte: number) => byte >= ZERO && byte <= ZERO + 9;

/**
 * ISO 9564-1:2017 9.3.2: filled with F, bound to the card.
 * @param pin 4 to 12 ASCII digits
 * @param pan 8 to 19 ASCII digits, with the check digit
 * @returns 8 bytes, the caller's to wipe
 * @throws PinBlockPin | PinBlockPan
 */
export function encodePinBlockFormat0(pin: Uint8Array, pan: Uint8Array): Uint8Array {
  checkPan(pan);
  const block = encodePinField(0, pin, () => 0xf);
  xorPan(block, pan);
  return block;
}

/**
 * ISO 9564-1:2017 9.3.3: filled with random nibbles, for when the card number is not known.
 * @param pin 4 to 12 ASCII digits
 * @returns 8 bytes, the caller's to wipe
 * @throws PinBlockPin
 */
export function encodePinBlockFormat1(pin: Uint8Array, random: Random): Uint8Array {
  const fill = random.bytes(7);
  return encodePinField(1, pin, (n) => nibbleAt(fill, n));
}

/**
 * ISO 9564-1:2017 9.3.4: filled with F; to a chip card only, never over a line.
 * @param pin 4 to 12 ASCII digits
 * @returns 8 bytes, the caller's to wipe
 * @throws PinBlockPin
 */
export function encodePinBlockFormat2(pin: Uint8Array): Uint8Array {
  return encodePinField(2, pin, () => 0xf);
}

/**
 * ISO 9564-1:2017 9.3.5: filled with random nibbles from A to F, so that the same PIN and card give another block each
 * time.
 * @param pin 4 to 12 ASCII digits
 * @param pan 8 to 19 ASCII digits, with the check digit
 * @returns 8 bytes, the caller's to wipe
 * @throws PinBlockPin | PinBlockPan
 */
export function encodePinBlockFormat3(pin: Uint8Array, pan: Uint8Array, random: Random): Uint8Array {
  checkPan(pan);
  const fill = randomLetters(random, 14);
  const block = encodePinField(3, pin, (n) => fill[n] ?? 0);
  xorPan(block, pan);
  return block;
}

/**
 * The PIN of a decrypted block of format 0.
 * @param block 8 bytes
 * @param pan 8 to 19 ASCII digits, with the check digit
 * @returns 4 to 12 ASCII digits, the caller's to wipe
 * @throws PinBlockMalformed when it is none for this PAN (a wrong key looks the same) | PinBlockPan
 */
export const decodePinBlockFormat0 = (block: Uint8Array, pan: Uint8Array): SensitiveBytes =>
  decodePinBlock(0, block, pan, (nibble) => nibble === 0xf);

/**
 * The PIN of a decrypted block of format 1.
 * @param block 8 bytes
 * @returns 4 to 12 ASCII digits, the caller's to wipe
 * @throws PinBlockMalformed
 */
export const decodePinBlockFormat1 = (block: Uint8Array): SensitiveBytes =>
  decodePinBlock(1, block, undefined, () => true);

/**
 * The PIN of a block of format 2.
 * @param block 8 bytes
 * @returns 4 to 12 ASCII digits, the caller's to wipe
 * @throws PinBlockMalformed
 */
export const decodePinBlockFormat2 = (block: Uint8Array): SensitiveBytes =>
  decodePinBlock(2, block, undefined, (nibble) => nibble === 0xf);

/**
 * The PIN of a decrypted block of format 3.
 * @param block 8 bytes
 * @param pan 8 to 19 ASCII digits, with the check digit
 * @returns 4 to 12 ASCII digits, the caller's to wipe
 * @throws PinBlockMalformed when it is none for this PAN (a wrong key looks the same) | PinBlockPan
 */
export const decodePinBlockFormat3 = (block: Uint8Array, pan: Uint8Array): SensitiveBytes =>
  decodePinBlock(3, block, pan, (nibble) => nibble >= 0xa);

function decodePinBlock(
  format: number,
  block: Uint8Array,
  pan: Uint8Array | undefined,
  isFill: (nibble: number) => boolean,
): SensitiveBytes {
  if (block.length !== 8) throw new PinBlockMalformed({ detail: `${block.length} bytes` });
  const field = Uint8Array.from(block);
  try {
    if (pan) {
      checkPan(pan);
      xorPan(field, pan);
    }
    return decodePinField(format, field, isFill);
  } finally {
    field.fill(0);
  }
}

/**
 * The 8 bytes that hold a PIN in every format: control, length and PIN nibbles, then `fill`.
 * @param format 0 to 15
 * @param pin 4 to 12 ASCII digits
 * @param fill the nth nibble after the PIN, from 0
 * @throws PinBlockPin
 */
export function encodePinField(format: number, pin: Uint8Array, fill: (n: number) => number): Uint8Array {
  if (pin.length < 4 || pin.length > 12 || !pin.every(isDigit)) throw new PinBlockPin();
  const field = new Uint8Array(8);
  field[0] = (format << 4) | pin.length;
  for (let i = 0; i < 14; i++) {
    const digit = pin[i];
    setNibble(field, i + 2, digit === undefined ? fill(i - pin.length) : digit - ZERO);
  }
  return field;
}

/**
 * The PIN in the first 8 bytes of a field, 4 to 12 ASCII digits, the caller's to wipe.
 * @param isFill may this nibble stand after the PIN?
 * @throws PinBlockMalformed
 */
export function decodePinField(format: number, field: Uint8Array, isFill: (nibble: number) => boolean): SensitiveBytes {
  const length = nibbleAt(field, 1);
  if (nibbleAt(field, 0) !== format || length < 4 || length > 12) throw new PinBlockMalformed();
  const pin = new Uint8Array(length);
  for (let i = 0; i < 14; i++) {
    const nibble = nibbleAt(field, i + 2);
    if (i < length ? nibble > 9 : !isFill(nibble)) {
      pin.fill(0);
      throw new PinBlockMalformed();
    }
    if (i < length) pin[i] = ZERO + nibble;
  }
  return new SensitiveBytes(pin);
}

/** Refuses a PAN that is not 8 to 19 ASCII digits. @throws PinBlockPan */
export function checkPan(pan: Uint8Array): void {
  if (pan.length < 8 || pan.length > 19 || !pan.every(isDigit)) throw new PinBlockPan();
}

/** The PAN field: four zero nibbles and the twelve rightmost digits without the check digit, zeros before fewer. */
function xorPan(block: Uint8Array, pan: Uint8Array): void {
  const digits = pan.subarray(Math.max(0, pan.length - 13), -1);
  digits.forEach((digit, i) => {
    const at = 16 - digits.length + i;
    setNibble(block, at, nibbleAt(block, at) ^ (digit - ZERO));
  });
}

/** Nibbles from A to F, each equally likely. */
function randomLetters(random: Random, length: number): number[] {
  const letters: number[] = [];
  while (letters.length < length) {
    for (const byte of random.bytes(length)) {
      // 252 is the largest multiple of six in a byte: what lies above would favour the first letters.
      if (byte < 252 && letters.length < length) letters.push(0xa + (byte % 6));
    }
  }
  return letters;
}

const nibbleAt = (bytes: Uint8Array, at: number) => ((bytes[at >> 1] ?? 0) >> (at % 2 === 0 ? 4 : 0)) & 0xf;

/** Writes the nibble `at`, counted from the high one of the first byte. */
export function setNibble(bytes: Uint8Array, at: number, nibble: number): void {
  const byte = bytes[at >> 1] ?? 0;
  bytes[at >> 1] = at % 2 === 0 ? (nibble << 4) | (byte & 0xf) : (byte & 0xf0) | nibble;
}
