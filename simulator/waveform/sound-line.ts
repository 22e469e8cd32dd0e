import type { Dice } from "./dice.ts";

/** What a microphone input does to a head's signal. */
export interface SoundLine {
  /** Mean signal power over the power of the noise, in dB. */
  readonly snr?: number;
  /** Corner of what the noise went through, in Hz: a first-order low-pass. White in the full band unless told. */
  readonly noiseCorner?: number;
  /** Mains: its peak over the signal's peak, its frequency, and the share of each odd harmonic of the one before. */
  readonly hum?: { readonly level: number; readonly frequency: number; readonly harmonics?: number };
  /** Corner of the AC coupling, in Hz. */
  readonly coupling?: number;
  /** The signal's amplitude at the end over that at the beginning. */
  readonly drift?: number;
  readonly inverted?: boolean;
  /** Share of full scale. */
  readonly offset?: number;
  /** A jack's or a finger's crack ahead of the swipe, over the signal's peak. */
  readonly crack?: number;
  /** Peak of the signal over full scale; above 1 it clips. */
  readonly gain?: number;
  /** Bits of a sample. */
  readonly bits?: number;
}

/** @param signal changed in place; silence around it and all: `from` to `to` is where the card is at the head */
export function passLine(
  signal: Float64Array,
  from: number,
  to: number,
  rate: number,
  line: SoundLine,
  dice: Dice,
): void {
  const { snr, noiseCorner, hum, coupling, drift = 1, inverted, offset = 0, crack, gain = 0.5, bits = 16 } = line;
  let peak = 0;
  for (let n = from; n < to; n++) {
    const along = (n - from) / Math.max(1, to - from);
    signal[n] = (signal[n] ?? 0) * (1 + (drift - 1) * along) * (inverted ? -1 : 1);
    peak = Math.max(peak, Math.abs(signal[n] ?? 0));
  }
  if (coupling !== undefined) highPass(signal, coupling, rate);
  let power = 0;
  for (let n = from; n < to; n++) power += (signal[n] ?? 0) ** 2;
  power /= Math.max(1, to - from);

  if (crack !== undefined) {
    const start = Math.floor(from * dice.between(0.1, 0.6));
    for (let n = start; n < from; n++) {
      const t = (n - start) / rate;
      signal[n] = (signal[n] ?? 0) + crack * peak * Math.exp(-t / 0.004) * Math.cos(2 * Math.PI * 190 * t);
    }
  }
  if (hum !== undefined) addHum(signal, rate, { ...hum, level: hum.level * peak }, dice);
  const noise = snr === undefined ? 0 : Math.sqrt(power / 10 ** (snr / 10));
  const throughCorner = lowPass(noiseCorner, rate);
  const scale = gain / (peak || 1);
  const steps = 2 ** (bits - 1);
  for (let n = 0; n < signal.length; n++) {
    const noisy = ((signal[n] ?? 0) + (noise > 0 ? noise * throughCorner(dice.gauss()) : 0)) * scale + offset;
    signal[n] = Math.max(-steps, Math.min(steps - 1, Math.round(noisy * steps))) / steps;
  }
}

/** First order, as a coupling capacitor. */
function highPass(signal: Float64Array, corner: number, rate: number): void {
  const keep = Math.exp((-2 * Math.PI * corner) / rate);
  let before = 0;
  let out = 0;
  for (let n = 0; n < signal.length; n++) {
    const now = signal[n] ?? 0;
    out = keep * (out + now - before);
    before = now;
    signal[n] = out;
  }
}

/** First order; what is white comes out with the power it came in with. */
function lowPass(corner: number | undefined, rate: number): (value: number) => number {
  if (corner === undefined) return (value) => value;
  const keep = Math.exp((-2 * Math.PI * corner) / rate);
  const gain = Math.sqrt(1 - keep * keep);
  let out = 0;
  return (value) => {
    out = keep * out + gain * value;
    return out;
  };
}

function addHum(signal: Float64Array, rate: number, hum: Required<SoundLine>["hum"], dice: Dice): void {
  const { level, frequency, harmonics = 0.3 } = hum;
  const parts: { step: number; phase: number; height: number }[] = [];
  for (let order = 1, height = 1; order <= 15; order += 2, height *= harmonics) {
    parts.push({ step: (2 * Math.PI * frequency * order) / rate, phase: dice.between(0, 2 * Math.PI), height });
  }
  const sum = parts.reduce((all, { height }) => all + height, 0);
  for (let n = 0; n < signal.length; n++) {
    let value = 0;
    for (const { step, phase, height } of parts) value += height * Math.sin(step * n + phase);
    signal[n] = (signal[n] ?? 0) + (level * value) / sum;
  }
}
