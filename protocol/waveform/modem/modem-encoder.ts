import { ModemInput } from "../../errors.ts";
import { bitsOf, frameBytes, PREAMBLE, SYNC, TAIL_BITS } from "./frame-layout.ts";
import { ffsk, type LineCode } from "./line-code.ts";
import { fits, type ModemLine } from "./modem-line.ts";

const WORD_BITS = 32;

/**
 * The bits of a whole frame in the order in which they are sent, from preamble to tail, one an element. Holds the payload.
 * @param messageKind 0 to 255
 * @param payload up to 1024 bytes
 * @throws RangeError for a longer one
 */
export function frameBits(messageKind: number, payload: Uint8Array): Uint8Array {
  const bytes = frameBytes(messageKind, payload);
  const bits = new Uint8Array(2 * WORD_BITS + 8 * bytes.length + TAIL_BITS);
  bits.set(bitsOf(PREAMBLE, WORD_BITS));
  bits.set(bitsOf(SYNC, WORD_BITS), WORD_BITS);
  for (const [n, byte] of bytes.entries()) bits.set(bitsOf(byte, 8), 2 * WORD_BITS + 8 * n);
  bytes.fill(0);
  return bits;
}

/**
 * The signal of a frame, full scale 1; nothing before and behind it.
 * @param messageKind 0 to 255
 * @param payload up to 1024 bytes
 * @throws ModemInput | RangeError for a payload that is too long
 */
export function modulate(messageKind: number, payload: Uint8Array, line: ModemLine): Float32Array {
  if (!fits(line)) throw new ModemInput({ detail: `${line.sampleRate} Hz, ${line.baud} Bd` });
  const bits = frameBits(messageKind, payload);
  const signal = new Float32Array(Math.ceil((bits.length * line.sampleRate) / line.baud));
  drawBits(bits, line.sampleRate / line.baud, ffsk, signal);
  bits.fill(0);
  return signal;
}

/** Draws bits as a line code has them, from upright. @param bits one an element @param bitLength in samples */
export function drawBits(bits: Uint8Array, bitLength: number, code: LineCode, into: Float32Array | Float64Array): void {
  let sign = 1;
  let sample = 0;
  for (const [n, value] of bits.entries()) {
    const bit = value as 0 | 1;
    for (; sample < into.length && sample < (n + 1) * bitLength; sample++) {
      into[sample] = sign * code.shapes[bit](sample / bitLength - n);
    }
    sign *= code.turns[bit];
  }
}
