import { ffsk, type LineCode } from "@swipewire/protocol/waveform/modem/line-code";
import { drawBits, frameBits } from "@swipewire/protocol/waveform/modem/modem-encoder";
import type { ModemLine } from "@swipewire/protocol/waveform/modem/modem-line";
import type { Dice } from "./dice.ts";
import { passLine, type SoundLine } from "./sound-line.ts";
import { FINE_RATE, thin } from "./swipe-signal.ts";

export interface ModemConditions extends ModemLine {
  /** The sender's clock against the receiver's, in ppm. */
  readonly clock?: number;
  /** What drives the line: a converter, or a timer's pin. A converter unless told. */
  readonly driver?: "converter" | "pin";
  /** Corner of what the cable and the input let through, in Hz: first order. */
  readonly lowPass?: number;
  /** What of a power tone comes over from the other channel: its peak over the signal's. */
  readonly powerTone?: { readonly level: number; readonly frequency: number };
  readonly line?: SoundLine;
  /** Seconds of quiet line before and after. */
  readonly before?: number;
  readonly after?: number;
  /** For measuring what other line codes would do. */
  readonly code?: LineCode;
}

/** What a sound input records of one frame of a reader's modem: full scale is 1. The same dice give the same signal. */
export function modemSignal(
  messageKind: number,
  payload: Uint8Array,
  conditions: ModemConditions,
  dice: Dice,
): Float32Array {
  const { sampleRate, baud, clock = 0, driver, lowPass, powerTone, line = {}, code = ffsk } = conditions;
  const { before = 0.1, after = 0.1 } = conditions;
  const finer = Math.max(1, Math.ceil(FINE_RATE / sampleRate));
  const bits = frameBits(messageKind, payload);
  const bitLength = (finer * sampleRate) / (baud * (1 + clock / 1e6));
  const fine = new Float64Array(Math.ceil(bits.length * bitLength));
  drawBits(bits, bitLength, code, fine);
  if (driver === "pin")
    fine.forEach((value, n) => {
      fine[n] = Math.sign(value);
    });
  if (lowPass !== undefined) softenEdges(fine, lowPass, finer * sampleRate);
  const sent = thin(fine, finer);
  const from = Math.round((before + dice.uniform() / baud) * sampleRate);
  const signal = new Float64Array(from + sent.length + Math.round(after * sampleRate));
  signal.set(sent, from);
  if (powerTone) {
    const step = (2 * Math.PI * powerTone.frequency) / sampleRate;
    const phase = dice.between(0, 2 * Math.PI);
    signal.forEach((value, n) => {
      signal[n] = value + powerTone.level * Math.sin(step * n + phase);
    });
  }
  passLine(signal, from, from + sent.length, sampleRate, line, dice);
  return Float32Array.from(signal);
}

function softenEdges(signal: Float64Array, corner: number, rate: number): void {
  const take = 1 - Math.exp((-2 * Math.PI * corner) / rate);
  let out = 0;
  for (let n = 0; n < signal.length; n++) {
    out += take * ((signal[n] as number) - out);
    signal[n] = out;
  }
}
