import { ModemInput } from "../../errors.ts";
import { bitsOf, frameBytes, PREAMBLE, SYNC, TAIL_BITS } from "./frame-layout.ts";
import { ffsk, type LineCode } from "./line-code.ts";
import { fits, type ModemLine } from "./modem-line.ts";

const WORD_BITS = 32;

/**
 * The symbols of a whole frame in the order in which they are sent, from preamble to tail, one an element. Holds the payload.
 * @param messageKind 0 to 255
 * @param payload up to 1024 bytes
 * @throws RangeError for a longer one
 */
export function frameSymbols(messageKind: number, payload: Uint8Array, code: LineCode = ffsk): Uint8Array {
  const bytes = frameBytes(messageKind, payload);
  const symbols = new Uint8Array(2 * WORD_BITS + 8 * bytes.length + TAIL_BITS);
  symbols.set(bitsOf(PREAMBLE, WORD_BITS));
  symbols.set(bitsOf(SYNC, WORD_BITS), WORD_BITS);
  let at = 2 * WORD_BITS;
  let before = 0;
  for (const byte of bytes) {
    for (const bit of bitsOf(byte, 8)) {
      symbols[at++] = code.symbol === "bit" ? bit : bit ^ before;
      before = bit;
    }
  }
  bytes.fill(0);
  return symbols;
}

/**
 * The signal of a frame, full scale 1; nothing before and behind it.
 * @param messageKind 0 to 255
 * @param payload up to 1024 bytes
 * @throws ModemInput | RangeError for a payload that is too long
 */
export function modulate(messageKind: number, payload: Uint8Array, line: ModemLine): Float32Array {
  if (!fits(line)) throw new ModemInput({ detail: `${line.sampleRate} Hz, ${line.baud} Bd` });
  const symbols = frameSymbols(messageKind, payload);
  const signal = new Float32Array(Math.ceil((symbols.length * line.sampleRate) / line.baud));
  drawSymbols(symbols, line.sampleRate / line.baud, ffsk, signal);
  symbols.fill(0);
  return signal;
}

/** Draws symbols as a line code has them, from upright. @param symbols one an element @param length of each, in samples */
export function drawSymbols(
  symbols: Uint8Array,
  length: number,
  { shapes, turns }: LineCode,
  into: Float32Array | Float64Array,
): void {
  let sign = 1;
  let sample = 0;
  for (const [n, value] of symbols.entries()) {
    const symbol = value as 0 | 1;
    for (; sample < into.length && sample < (n + 1) * length; sample++) {
      into[sample] = sign * shapes[symbol](sample / length - n);
    }
    sign *= turns[symbol];
  }
}
