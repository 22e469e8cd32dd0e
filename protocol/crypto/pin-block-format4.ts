import { PinBlockMalformed } from "../errors.ts";
import type { Random } from "../random.ts";
import type { SensitiveBytes } from "../sensitive-bytes.ts";
import { AES_BLOCK_LENGTH, checkAesKey, decryptAesEcb, encryptAesEcb } from "./aes.ts";
import { checkPan, decodePinField, encodePinField, setNibble } from "./pin-block.ts";

// The PIN block of AES, ISO 9564-1:2017 9.4.2, format 4. There is no clear block: PIN and card number meet between two
// encryptions.

const ZERO = 0x30;

/**
 * A PIN block under an AES key, ISO 9564-1:2017 9.4.2.3.
 * @param key AES, 16, 24 or 32 bytes
 * @param pin 4 to 12 ASCII digits
 * @param pan 8 to 19 ASCII digits, with its check digit
 * @returns 16 bytes
 * @throws KeyLength | PinBlockPin | PinBlockPan
 */
export function encryptPinBlockFormat4(key: Uint8Array, pin: Uint8Array, pan: Uint8Array, random: Random): Uint8Array {
  const panField = encodePanFieldFormat4(pan);
  const pinField = encodePinFieldFormat4(pin, random);
  try {
    const block = encryptAesEcb(key, pinField);
    xorInto(block, panField);
    return encryptAesEcb(key, block);
  } finally {
    pinField.fill(0);
    panField.fill(0);
  }
}

/**
 * The PIN of a block under an AES key, ISO 9564-1:2017 9.4.2.4.
 * @param key AES, 16, 24 or 32 bytes
 * @param block 16 bytes
 * @param pan 8 to 19 ASCII digits, with its check digit
 * @returns 4 to 12 ASCII digits, the caller's to wipe
 * @throws KeyLength | PinBlockMalformed when it is none under this key for this PAN | PinBlockPan
 */
export function decryptPinBlockFormat4(key: Uint8Array, block: Uint8Array, pan: Uint8Array): SensitiveBytes {
  checkAesKey(key);
  if (block.length !== AES_BLOCK_LENGTH) throw new PinBlockMalformed({ detail: `${block.length} bytes` });
  const panField = encodePanFieldFormat4(pan);
  const intermediate = decryptAesEcb(key, block);
  xorInto(intermediate, panField);
  const pinField = decryptAesEcb(key, intermediate);
  try {
    return decodePinField(4, pinField, (nibble) => nibble === 0xa);
  } finally {
    for (const bytes of [panField, intermediate, pinField]) bytes.fill(0);
  }
}

/**
 * ISO 9564-1:2017 9.4.2.2.2: the PIN filled with A, then 8 random bytes.
 * @param pin 4 to 12 ASCII digits
 * @returns 16 bytes, the caller's to wipe
 * @throws PinBlockPin
 */
export function encodePinFieldFormat4(pin: Uint8Array, random: Random): Uint8Array {
  const half = encodePinField(4, pin, () => 0xa);
  const field = new Uint8Array(AES_BLOCK_LENGTH);
  field.set(half);
  field.set(random.bytes(AES_BLOCK_LENGTH - half.length), half.length);
  half.fill(0);
  return field;
}

/**
 * ISO 9564-1:2017 9.4.2.2.3: how many digits there are beyond twelve, the digits (zeros before fewer than twelve), and
 * zeros.
 * @param pan 8 to 19 ASCII digits, with its check digit
 * @returns 16 bytes, the caller's to wipe
 * @throws PinBlockPan
 */
export function encodePanFieldFormat4(pan: Uint8Array): Uint8Array {
  checkPan(pan);
  const field = new Uint8Array(AES_BLOCK_LENGTH);
  setNibble(field, 0, Math.max(0, pan.length - 12));
  const first = 1 + Math.max(0, 12 - pan.length);
  pan.forEach((digit, i) => {
    setNibble(field, first + i, digit - ZERO);
  });
  return field;
}

function xorInto(block: Uint8Array, other: Uint8Array): void {
  for (let i = 0; i < block.length; i++) block[i] = (block[i] ?? 0) ^ (other[i] ?? 0);
}
