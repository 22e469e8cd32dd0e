import { ffsk, type LineCode } from "@swipewire/protocol/waveform/modem/line-code";
import { drawSymbols, frameSymbols } from "@swipewire/protocol/waveform/modem/modem-encoder";
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
  /** A plug that does not sit well: how often in a second it loses the line, and for how many milliseconds in the mean. */
  readonly crackle?: { readonly perSecond: number; readonly milliseconds: number };
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
  const symbols = frameSymbols(messageKind, payload, conditions.code);
  const signal = lineSignal(symbols, conditions, dice);
  symbols.fill(0);
  return signal;
}

/** The same of any symbols. */
export function lineSignal(symbols: Uint8Array, conditions: ModemConditions, dice: Dice): Float32Array {
  const { sampleRate, baud, clock = 0, driver, lowPass, crackle, powerTone, line = {}, code = ffsk } = conditions;
  const { before = 0.1, after = 0.1 } = conditions;
  const finer = Math.max(1, Math.ceil(FINE_RATE / sampleRate));
  const bitLength = (finer * sampleRate) / (baud * (1 + clock / 1e6));
  const fine = new Float64Array(Math.ceil(symbols.length * bitLength));
  drawSymbols(symbols, bitLength, code, fine);
  if (driver === "pin")
    fine.forEach((value, n) => {
      fine[n] = Math.sign(value);
    });
  if (lowPass !== undefined) softenEdges(fine, lowPass, finer * sampleRate);
  const sent = thin(fine, finer);
  const from = Math.round((before + dice.uniform() / baud) * sampleRate);
  const signal = new Float64Array(from + sent.length + Math.round(after * sampleRate));
  signal.set(sent, from);
  if (crackle) loseContact(signal, sampleRate, crackle, dice);
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

/** The line is lost with a crack, and comes back. */
function loseContact(
  signal: Float64Array,
  rate: number,
  { perSecond, milliseconds }: NonNullable<ModemConditions["crackle"]>,
  dice: Dice,
): void {
  const wait = (mean: number) => -Math.log(1 - dice.uniform()) * mean * rate;
  for (let at = wait(1 / perSecond); at < signal.length; at += wait(1 / perSecond)) {
    const from = Math.floor(at);
    at += wait(milliseconds / 1000);
    const crack = dice.between(-3, 3);
    for (let n = from; n < Math.min(signal.length, at); n++) {
      signal[n] = crack * Math.exp(-(n - from) / (0.001 * rate));
    }
  }
}

function softenEdges(signal: Float64Array, corner: number, rate: number): void {
  const take = 1 - Math.exp((-2 * Math.PI * corner) / rate);
  let out = 0;
  for (let n = 0; n < signal.length; n++) {
    out += take * ((signal[n] as number) - out);
    signal[n] = out;
  }
}
