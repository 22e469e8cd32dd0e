import { PinBlockMalformed, PinBlockPan, PinBlockPin } from "../errors.ts";
import { SensitiveBytes } from "../sensitive-bytes.ts";

const ZERO = 0x30;
const isDigit = (byte: number) => byte >= ZERO && byte <= ZERO + 9;

/**
 * ISO 9564-1:2017 9.3.2, format 0: the PIN field XOR the PAN field, not yet encrypted.
 * @param pin 4 to 12 ASCII digits
 * @param pan 8 to 19 ASCII digits, with its check digit
 * @returns 8 bytes, the caller's to wipe
 * @throws PinBlockPin | PinBlockPan
 */
export function encodePinBlockFormat0(pin: Uint8Array, pan: Uint8Array): Uint8Array {
  if (pin.length < 4 || pin.length > 12 || !pin.every(isDigit)) throw new PinBlockPin();
  const block = new Uint8Array(8);
  block[0] = pin.length;
  for (let i = 0; i < 14; i++) {
    const digit = pin[i];
    setNibble(block, i + 2, digit === undefined ? 0xf : digit - ZERO);
  }
  xorPan(block, pan);
  return block;
}

/**
 * The PIN of a decrypted block.
 * @param block 8 bytes
 * @returns ASCII digits, the caller's to wipe
 * @throws PinBlockMalformed when it is no format 0 block for this PAN (a wrong key looks the same) | PinBlockPan
 */
export function decodePinBlockFormat0(block: Uint8Array, pan: Uint8Array): SensitiveBytes {
  if (block.length !== 8) throw new PinBlockMalformed({ detail: `${block.length} bytes` });
  const field = Uint8Array.from(block);
  const pin = new Uint8Array(12);
  try {
    xorPan(field, pan);
    // The first nibble is the format, 0, so the first byte is the PIN's length.
    const length = field[0] ?? 0;
    if (length < 4 || length > 12) throw new PinBlockMalformed();
    for (let i = 0; i < 14; i++) {
      const nibble = nibbleAt(field, i + 2);
      if (i < length ? nibble > 9 : nibble !== 0xf) throw new PinBlockMalformed();
      if (i < length) pin[i] = ZERO + nibble;
    }
    return new SensitiveBytes(pin.slice(0, length));
  } finally {
    field.fill(0);
    pin.fill(0);
  }
}

/** The PAN field: four zero nibbles and the twelve rightmost digits without the check digit, zeros before fewer. */
function xorPan(block: Uint8Array, pan: Uint8Array): void {
  if (pan.length < 8 || pan.length > 19 || !pan.every(isDigit)) throw new PinBlockPan();
  const digits = pan.subarray(Math.max(0, pan.length - 13), -1);
  digits.forEach((digit, i) => {
    const at = 16 - digits.length + i;
    setNibble(block, at, nibbleAt(block, at) ^ (digit - ZERO));
  });
}

const nibbleAt = (bytes: Uint8Array, at: number) => ((bytes[at >> 1] ?? 0) >> (at % 2 === 0 ? 4 : 0)) & 0xf;

function setNibble(bytes: Uint8Array, at: number, nibble: number): void {
  const byte = bytes[at >> 1] ?? 0;
  bytes[at >> 1] = at % 2 === 0 ? (nibble << 4) | (byte & 0xf) : (byte & 0xf0) | nibble;
}
