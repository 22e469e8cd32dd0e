import type { TrackNumber } from "@swipewire/protocol/readers/reader-frame";
import type { Dice } from "@swipewire/simulator/waveform/dice";
import type { SwipeConditions } from "@swipewire/simulator/waveform/swipe-signal";

export interface Condition {
  readonly group: string;
  readonly name: string;
  readonly of: (track: TrackNumber, dice: Dice) => SwipeConditions;
}

type Changes = Partial<{ [Part in keyof SwipeConditions]: Partial<SwipeConditions[Part]> | SwipeConditions[Part] }>;

/** A common swipe: 30 cm/s with a hand's small changes, a good head, 44.1 kHz, 30 dB above the noise. */
function swipe(changes: Changes, dice: Dice): SwipeConditions {
  const base: SwipeConditions = {
    sampleRate: 44_100,
    hand: { speed: 30, change: 1.2, wobble: { depth: 0.05, periods: 1.5, phase: dice.between(0, 6.28) } },
    head: { pulseWidth: 0.07 },
    flaws: { jitter: 0.02 },
    line: { snr: 30, coupling: 10, gain: 0.5 },
    backwards: dice.uniform() < 0.5,
  };
  const merged: Record<string, unknown> = { ...base };
  for (const [part, change] of Object.entries(changes)) {
    const before = merged[part];
    merged[part] = typeof change === "object" ? { ...(before as object), ...(change as object) } : change;
  }
  return merged as unknown as SwipeConditions;
}

const ladder = <T>(group: string, values: readonly T[], name: (value: T) => string, changes: (value: T) => Changes) =>
  values.map((value): Condition => ({ group, name: name(value), of: (_track, dice) => swipe(changes(value), dice) }));

/** Harsh: everything at once, drawn anew for each swipe. */
function harsh(dice: Dice): Changes {
  return {
    sampleRate: dice.pick([16_000, 22_050, 44_100, 44_100, 48_000]),
    hand: {
      speed: dice.betweenOctaves(8, 100),
      change: dice.betweenOctaves(0.25, 4),
      wobble: { depth: dice.between(0, 0.3), periods: dice.between(0.5, 4), phase: dice.between(0, 6.28) },
    },
    head: { pulseWidth: dice.betweenOctaves(0.05, 0.2) },
    flaws: {
      jitter: dice.between(0, 0.12),
      asymmetry: dice.between(-0.15, 0.15),
      dropouts: { count: dice.whole(0, 2), length: dice.between(0.2, 1), depth: dice.between(0.3, 0.9) },
    },
    line: {
      snr: dice.between(-3, 20),
      coupling: dice.betweenOctaves(5, 200),
      hum: { level: dice.between(0, 1), frequency: dice.pick([50, 60]) + dice.between(-0.1, 0.1), harmonics: 0.4 },
      drift: dice.betweenOctaves(0.4, 2.5),
      gain: dice.betweenOctaves(0.05, 4),
      inverted: dice.uniform() < 0.5,
      offset: dice.between(-0.05, 0.05),
    },
  };
}

/** What everyday swipes vary in, all at once. */
function everyday(dice: Dice): Changes {
  return {
    hand: {
      speed: dice.betweenOctaves(12, 80),
      change: dice.betweenOctaves(0.5, 2),
      wobble: { depth: dice.between(0, 0.15), periods: dice.between(0.5, 3), phase: dice.between(0, 6.28) },
    },
    head: { pulseWidth: dice.betweenOctaves(0.05, 0.12) },
    flaws: { jitter: dice.between(0, 0.06), asymmetry: dice.between(-0.05, 0.05) },
    line: {
      snr: dice.between(8, 30),
      hum: { level: dice.between(0, 0.3), frequency: 50, harmonics: 0.3 },
      gain: dice.betweenOctaves(0.1, 2),
    },
  };
}

export const SNR_STEPS = [20, 15, 10, 8, 6, 4, 2, 0, -2, -4, -6] as const;

/** Hum reaches the rail, and yet pulses of one polarity at least reach out of it. */
const HIDDEN_BY_HUM = [
  { gain: 1.5, level: 1 },
  { gain: 2, level: 1 },
  { gain: 4, level: 0.3 },
  { gain: 4, level: 0.5 },
  { gain: 8, level: 0.3 },
] as const;

/** Each condition changes one thing of the common swipe. */
export const conditions: readonly Condition[] = [
  ...ladder(
    "clean",
    [0],
    () => "clean",
    () => ({ flaws: { jitter: 0 }, line: { snr: 40 }, hand: { change: 1 } }),
  ),
  ...ladder(
    "speed",
    [5, 8, 15, 50, 80, 110, 150],
    (v) => `${v} cm/s`,
    (speed) => ({ hand: { speed } }),
  ),
  ...ladder(
    "speed change",
    [2, 3, 5, 7, 1 / 3, 1 / 7],
    (v) => `${v >= 1 ? v : `1/${Math.round(1 / v)}`} times`,
    (change) => ({ hand: { change } }),
  ),
  ...ladder(
    "wobble",
    [0.2, 0.4, 0.6],
    (v) => `${v * 100} %`,
    (depth) => ({ hand: { wobble: { depth, periods: 3 } } }),
  ),
  ...ladder(
    "noise",
    SNR_STEPS,
    (v) => `${v} dB`,
    (snr) => ({ line: { snr } }),
  ),
  ...ladder(
    "coloured noise",
    [6, 3],
    (v) => `below 3 kHz, ${v} dB`,
    (snr) => ({ line: { snr, noiseCorner: 3000 } }),
  ),
  ...ladder(
    "coloured noise",
    [10, 6],
    (v) => `below 0.5 kHz, ${v} dB`,
    (snr) => ({ line: { snr, noiseCorner: 500 } }),
  ),
  ...ladder(
    "jitter",
    [3, 5, 7, 9, 12, 15],
    (v) => `${v} %`,
    (v) => ({ flaws: { jitter: v / 100 } }),
  ),
  ...ladder(
    "clipping",
    [1.5, 2, 4, 8],
    (v) => `${v} times`,
    (gain) => ({ line: { gain } }),
  ),
  ...ladder(
    "hum",
    [0.1, 0.3, 1, 2],
    (v) => `${v} of the peak, 50 Hz`,
    (level) => ({ line: { hum: { level, frequency: 50.02 } } }),
  ),
  ...ladder(
    "hum",
    [0.3, 1],
    (v) => `${v} of the peak, 60 Hz, many harmonics`,
    (level) => ({ line: { hum: { level, frequency: 59.97, harmonics: 0.6 } } }),
  ),
  ...ladder(
    "clipped hum",
    HIDDEN_BY_HUM,
    ({ gain, level }) => `clipped ${gain} times, hum ${level} of the peak, 50 Hz`,
    ({ gain, level }) => ({ line: { gain, hum: { level, frequency: 50.02 } } }),
  ),
  ...ladder(
    "clipped hum",
    HIDDEN_BY_HUM,
    ({ gain, level }) => `clipped ${gain} times, hum ${level} of the peak, 60 Hz, many harmonics`,
    ({ gain, level }) => ({ line: { gain, hum: { level, frequency: 59.97, harmonics: 0.6 } } }),
  ),
  ...ladder(
    "sample rate",
    [8000, 11_025, 16_000, 22_050, 32_000, 48_000, 96_000],
    (v) => `${v / 1000} kHz`,
    (sampleRate) => ({ sampleRate }),
  ),
  ...ladder(
    "pulse width",
    [0.05, 0.1, 0.15, 0.2],
    (v) => `${v} mm`,
    (pulseWidth) => ({ head: { pulseWidth } }),
  ),
  ...ladder(
    "pulse shape",
    ["gaussian", "squared-lorentzian"] as const,
    (v) => v,
    (shape) => ({ head: { shape, pulseWidth: 0.1 } }),
  ),
  ...ladder(
    "asymmetry",
    [0.1, 0.2, 0.3],
    (v) => `${v * 100} %`,
    (asymmetry) => ({ flaws: { asymmetry } }),
  ),
  ...ladder(
    "dropouts",
    [0.5, 0.8, 0.9],
    (v) => `3 of 0.6 mm, ${v * 100} % deep`,
    (depth) => ({ flaws: { dropouts: { count: 3, length: 0.6, depth } } }),
  ),
  ...ladder(
    "coupling",
    [50, 150, 400],
    (v) => `${v} Hz`,
    (coupling) => ({ line: { coupling } }),
  ),
  ...ladder(
    "drift",
    [0.3, 4],
    (v) => `${v} times`,
    (drift) => ({ line: { drift } }),
  ),
  ...ladder(
    "line",
    [0.02],
    () => "gain 0.02, 12 bits",
    () => ({ line: { gain: 0.02, bits: 12 } }),
  ),
  ...ladder(
    "line",
    [0.15],
    () => "inverted, offset, a crack before",
    () => ({ line: { inverted: true, offset: 0.2, crack: 1.5 } }),
  ),
  { group: "at once", name: "everyday mix", of: (_track, dice) => swipe(everyday(dice), dice) },
  { group: "at once", name: "harsh mix", of: (_track, dice) => swipe(harsh(dice), dice) },
];
