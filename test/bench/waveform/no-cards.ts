import { WaveformDecoder } from "@swipewire/protocol/waveform/waveform-decoder";
import { Dice } from "@swipewire/simulator/waveform/dice";
import { cpuSeconds } from "./grid.ts";
import { playInto } from "./played.ts";
import { MUSIC, recordingFrom, SPEECH } from "./recorded.ts";
import { speak } from "./spoken.ts";

const RATE = 44_100;

/** Fills a signal with something that is no card. */
type Sound = (signal: Float32Array, dice: Dice) => void;

/** Calls `part` for stretches of between `low` and `high` seconds with pauses between them, so that each is a rise. */
function inParts(
  signal: Float32Array,
  dice: Dice,
  low: number,
  high: number,
  part: (from: number, to: number) => void,
): void {
  for (let at = 0; at < signal.length; ) {
    at += Math.round(dice.between(0.05, 0.6) * RATE);
    const to = Math.min(signal.length, at + Math.round(dice.betweenOctaves(low, high) * RATE));
    if (at < to) part(at, to);
    at = to;
  }
}

/** Up and down again over the part, without a click. */
const swell = (n: number, from: number, to: number) =>
  Math.min(1, (n - from) / (0.01 * RATE), (to - n) / (0.02 * RATE));

const add = (signal: Float32Array, n: number, value: number) => {
  signal[n] = (signal[n] ?? 0) + value;
};

/** White to brown, in gusts. */
const noise: Sound = (signal, dice) =>
  inParts(signal, dice, 0.2, 4, (from, to) => {
    const keep = dice.pick([0, 0.5, 0.9, 0.98]);
    const level = dice.betweenOctaves(0.005, 0.5) * Math.sqrt(1 - keep * keep);
    let value = 0;
    for (let n = from; n < to; n++) {
      value = keep * value + level * dice.gauss();
      add(signal, n, value * swell(n, from, to));
    }
  });

/** Syllables: a voice's pulses with a wandering pitch through three formants, or a hiss. */
const speech: Sound = (signal, dice) => {
  const voice = dice.betweenOctaves(80, 300);
  inParts(signal, dice, 0.08, 0.6, (from, to) => {
    const level = dice.betweenOctaves(0.02, 0.4);
    const isVoiced = dice.uniform() < 0.75;
    const formants = [dice.between(250, 900), dice.between(800, 2400), dice.between(2200, 3600)].map((frequency) => ({
      turn: 2 * Math.cos((2 * Math.PI * frequency) / RATE) * 0.985,
      before: 0,
      last: 0,
    }));
    let phase = 0;
    let pitch = voice * dice.between(0.8, 1.3);
    for (let n = from; n < to; n++) {
      phase += pitch / RATE;
      pitch *= 1 + 0.0004 * dice.gauss();
      let drive = isVoiced ? 0 : 0.15 * dice.gauss();
      if (phase >= 1) {
        phase -= 1;
        drive += isVoiced ? 1 : 0;
      }
      let sum = 0;
      for (const formant of formants) {
        const value = drive + formant.turn * formant.last - 0.985 ** 2 * formant.before;
        formant.before = formant.last;
        formant.last = value;
        sum += value;
      }
      add(signal, n, 0.1 * level * sum * swell(n, from, to));
    }
  });
};

/** Notes of one to four voices, from sines to square waves (which are a track's zeros), with a beat. */
const music: Sound = (signal, dice) => {
  const beat = Math.round(dice.between(0.12, 0.5) * RATE);
  for (let at = 0; at < signal.length; at += beat) {
    const to = Math.min(signal.length, at + beat * dice.whole(1, 3));
    for (let voice = dice.whole(0, 4); voice > 0; voice--) {
      const step = (110 * 2 ** (dice.whole(0, 48) / 12)) / RATE;
      const level = dice.betweenOctaves(0.02, 0.2);
      const wave = dice.pick(["sine", "square", "saw"]);
      const fades = dice.betweenOctaves(0.1, 3) * RATE;
      for (let n = at, phase = dice.uniform(); n < to; n++, phase = (phase + step) % 1) {
        const value =
          wave === "sine" ? Math.sin(2 * Math.PI * phase) : wave === "square" ? (phase < 0.5 ? 1 : -1) : 2 * phase - 1;
        add(signal, n, level * value * Math.exp(-(n - at) / fades) * swell(n, at, to));
      }
    }
    const drum = dice.betweenOctaves(0.02, 0.4);
    for (let n = at; n < Math.min(signal.length, at + 0.05 * RATE); n++) {
      add(signal, n, drum * dice.gauss() * Math.exp(-(n - at) / (0.008 * RATE)));
    }
  }
};

/** Mains with strong harmonics, and a dimmer's switching, on and off. */
const hum: Sound = (signal, dice) => {
  const frequency = dice.pick([50, 60]) + dice.between(-0.2, 0.2);
  inParts(signal, dice, 0.3, 6, (from, to) => {
    const level = dice.betweenOctaves(0.01, 0.5);
    const harmonics = dice.between(0.2, 0.9);
    const firing = dice.between(0.1, 0.9);
    for (let n = from; n < to; n++) {
      let value = 0;
      for (let order = 1, height = 1; order <= 31; order += 2, height *= harmonics) {
        value += height * Math.sin((2 * Math.PI * frequency * order * n) / RATE);
      }
      const half = ((2 * frequency * n) / RATE) % 1;
      if (half > firing) value += 3 * (half < firing + 0.02 ? 1 : 0) + 0.3;
      add(signal, n, level * (value + 0.01 * dice.gauss()) * swell(n, from, to));
    }
  });
};

/** Flux changes as a track has them, of bits that are no card's: after zeros and, mostly, a start sentinel, chance. */
const f2f: Sound = (signal, dice) =>
  inParts(signal, dice, 0.3, 2, (from, to) => {
    const bit = dice.betweenOctaves(0.0001, 0.004) * RATE;
    const jitter = dice.between(0, 0.12);
    const level = dice.betweenOctaves(0.01, 0.5);
    const width = dice.between(0.1, 0.5) * bit;
    const snr = dice.betweenOctaves(0.02, 0.5);
    const start = dice.pick([[], [1, 1, 0, 1, 0], [1, 0, 1, 0, 0, 0, 1]]);
    let sign = 1;
    let count = 0;
    const pulse = (at: number) => {
      const place = at + (jitter * bit * dice.gauss()) / 2;
      for (let n = Math.max(from, Math.floor(place - 6 * width)); n < Math.min(to, place + 6 * width); n++) {
        const u = (2 * (n - place)) / width;
        add(signal, n, (sign * level) / (1 + u * u));
      }
      sign = -sign;
    };
    const zeros = dice.whole(6, 60);
    for (let at = from; at < to - bit; at += bit, count++) {
      pulse(at);
      const one = count < zeros ? 0 : (start[count - zeros] ?? dice.whole(0, 1));
      if (one === 1) pulse(at + bit / 2);
    }
    for (let n = from; n < to; n++) add(signal, n, level * snr * dice.gauss());
  });

export const sounds = { noise, speech, music, hum, "random F2F": f2f } as const;
/** What needs Debian packages. */
export const askedSounds = {
  "espeak-ng": (signal, dice) => playInto(signal, RATE, dice, () => speak(dice)),
  "recorded-speech": (signal, dice) => playInto(signal, RATE, dice, () => recordingFrom(SPEECH, RATE, dice)),
  "recorded-music": (signal, dice) => playInto(signal, RATE, dice, () => recordingFrom(MUSIC, RATE, dice)),
} as const satisfies Record<string, Sound>;
export type SoundName = keyof typeof sounds | keyof typeof askedSounds;

export interface Heard {
  /** Swipes accepted: each is wrong. */
  readonly swipes: number;
  /** Codes of the failures, each of which a payer is told of. */
  readonly refused: readonly string[];
  readonly signal: number;
  readonly taken: number;
}

/** At 44.1 kHz, with a hiss below it. */
export function soundOf(name: SoundName, seconds: number, seed: number): Float32Array {
  const dice = new Dice(seed);
  const signal = new Float32Array(seconds * RATE);
  ({ ...sounds, ...askedSounds })[name](signal, dice);
  const hiss = dice.betweenOctaves(1e-5, 3e-3);
  for (let n = 0; n < signal.length; n++) signal[n] = Math.max(-1, Math.min(1, (signal[n] ?? 0) + hiss * dice.gauss()));
  return signal;
}

/** One decoder over so many seconds of a sound that holds no card. */
export function listen(name: SoundName, seconds: number, seed: number): Heard {
  const signal = soundOf(name, seconds, seed);
  const decoder = new WaveformDecoder({ sampleRate: RATE });
  const started = cpuSeconds();
  const events = [...decoder.push(signal), ...decoder.flush()];
  const taken = cpuSeconds() - started;
  let swipes = 0;
  const refused: string[] = [];
  for (const event of events) {
    if (event.kind === "failure") {
      refused.push(event.failure.code);
      continue;
    }
    swipes++;
    for (const { data } of event.tracks) data.wipe();
  }
  return { swipes, refused, signal: seconds, taken };
}

/** Times real time of an input that hears nothing but noise of a level. */
export function idleSpeed(level: number, seconds = 120): number {
  const dice = new Dice(1);
  const piece = Math.round(0.02 * RATE);
  const noise = Int16Array.from({ length: seconds * RATE }, () => Math.round(level * 32_768 * dice.gauss()));
  const decoder = new WaveformDecoder({ sampleRate: RATE });
  const started = cpuSeconds();
  for (let at = 0; at < noise.length; at += piece) decoder.push(noise.subarray(at, at + piece));
  return seconds / (cpuSeconds() - started);
}
