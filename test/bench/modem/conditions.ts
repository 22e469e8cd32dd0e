import type { Baud } from "@swipewire/protocol/waveform/modem/modem-line";
import type { ModemConditions } from "@swipewire/simulator/waveform/modem-signal";

export interface Condition {
  readonly name: string;
  readonly of: ModemConditions;
}

type Changes = Partial<Omit<ModemConditions, "line">> & {
  readonly line?: Partial<NonNullable<ModemConditions["line"]>>;
};

/** Of full scale: low enough that what is added to the signal is not clipped. */
const LEVEL = 0.1;
/** 1200 Bd at 44.1 kHz, -8 dB of signal to white noise in the full band: where the best of the codes begins to fail. */
const STRAINED = -8;

function strained(name: string, { line, ...changes }: Changes): Condition {
  return {
    name,
    of: { sampleRate: 44_100, baud: 1200, ...changes, line: { snr: STRAINED, coupling: 10, gain: LEVEL, ...line } },
  };
}

/** White noise of one density: what is a stronger signal to noise in a narrower band. */
const inBand = (sampleRate: number) => STRAINED + 10 * Math.log10(44_100 / sampleRate);

/** What sound cards, cables and clocks do to a frame, one at a time, on top of the noise. */
export const strains: readonly Condition[] = [
  strained("noise alone, at -8 dB", {}),
  strained("noise alone, at -5 dB", { line: { snr: -5 } }),
  strained("AC coupling at 100 Hz", { line: { coupling: 100 } }),
  strained("AC coupling at 300 Hz", { line: { coupling: 300 } }),
  strained("low-pass at 3 kHz", { lowPass: 3000 }),
  strained("low-pass at 1 kHz", { lowPass: 1000 }),
  strained("hum at the signal's peak", { line: { hum: { level: 1, frequency: 50 } } }),
  strained("hum 3 times the signal", { line: { hum: { level: 3, frequency: 50 } } }),
  strained("hum with a rectifier's harmonics", {
    line: { hum: { level: 2, frequency: 60, harmonics: 0.7 } },
  }),
  strained("clipped, signal 8 times full scale, 0 dB", { line: { gain: 8, snr: 0 } }),
  strained("a hundredth of full scale", { line: { gain: 0.01 } }),
  strained("clock +500 ppm", { clock: 500 }),
  strained("clock -1000 ppm", { clock: -1000 }),
  strained("a pin drives the line", { driver: "pin" }),
  strained("a pin, low-pass at 3 kHz", { driver: "pin", lowPass: 3000 }),
  // The tone counts as signal: it is 10 dB of it.
  strained("power tone of 18 kHz, 3 times the signal", {
    powerTone: { level: 3, frequency: 18_000 },
    line: { snr: STRAINED + 10 },
  }),
  strained("16 kHz", { sampleRate: 16_000, line: { snr: inBand(16_000) } }),
  strained("8 kHz", { sampleRate: 8000, line: { snr: inBand(8000) } }),
  strained("96 kHz", { sampleRate: 96_000, line: { snr: inBand(96_000) } }),
  strained("8 kHz, 2400 Bd, 3 dB better", { sampleRate: 8000, baud: 2400, line: { snr: inBand(8000) + 6 } }),
];

export const NOISE_STEPS = [10, 8, 6, 4, 2, 0, -2, -4, -6, -7, -8, -9, -10] as const;
export const noisy = (baud: Baud, sampleRate: number, snr: number): ModemConditions => ({
  sampleRate,
  baud,
  line: { snr, coupling: 10, gain: LEVEL },
});

export const CLOCK_STEPS = [0, 500, 1000, 2000, 3000, 5000, 8000] as const;

/** What the codings are tried on: their rates differ, so the noise is that of the line. */
export const codingStrains = [
  ...[-2, -4, -5, -6, -7, -8, -9].map((snr) => ({
    name: `noise, ${snr} dB`,
    of: { sampleRate: 44_100, line: { snr, coupling: 10, gain: LEVEL } },
  })),
  ...[0.3, 1, 3].map((perSecond) => ({
    name: `crackle, ${perSecond} a second`,
    of: { sampleRate: 44_100, crackle: { perSecond, milliseconds: 2 }, line: { snr: 30, coupling: 10, gain: LEVEL } },
  })),
];
