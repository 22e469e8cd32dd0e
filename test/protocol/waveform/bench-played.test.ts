import { Dice } from "@swipewire/simulator/waveform/dice";
import t from "tap";
import { playInto } from "../../bench/waveform/played.ts";
import { recordingFrom } from "../../bench/waveform/recorded.ts";

const RATE = 44_100;

/** Its rising edges a second where it sounds, and the share of time in which it does. */
function heard(signal: Float32Array) {
  const rises = signal.reduce((sum, value, n) => sum + (value > 0 && (signal[n - 1] ?? 0) <= 0 ? 1 : 0), 0);
  const share = signal.filter((value) => value !== 0).length / signal.length;
  return { pitch: (rises * RATE) / signal.length / share, share };
}

t.test("recordings of any rate keep their pitch, and each has a level of its own", async (t) => {
  for (const sampleRate of [8000, 22_050, 44_100, 48_000]) {
    const samples = Float32Array.from({ length: sampleRate }, (_, n) =>
      Math.sin((2 * Math.PI * 300.3 * n) / sampleRate),
    );
    const signal = new Float32Array(20 * RATE);
    const levels = new Set<number>();
    playInto(signal, RATE, new Dice(1), () => ({ sampleRate, channels: 1, samples }));
    for (let second = 0; second < 20; second++) {
      levels.add(Math.round(1000 * Math.max(...signal.subarray(second * RATE, (second + 1) * RATE))));
    }
    const { pitch, share } = heard(signal);
    t.ok(Math.abs(pitch - 300.3) < 3, `${sampleRate} Hz: ${pitch}`);
    t.ok(share > 0.55 && share < 0.9, `pauses between them: ${share}`);
    t.ok(levels.size > 8, `${levels.size} levels`);
  }
});

t.test("the same dice play the same, and empty recordings come to an end", async (t) => {
  const noise = (seed: number) => {
    const dice = new Dice(seed);
    const signal = new Float32Array(5 * RATE);
    playInto(signal, RATE, dice, () => ({
      sampleRate: 8000,
      channels: 1,
      samples: Float32Array.from({ length: dice.whole(0, 1) * dice.whole(1, 8000) }, () => dice.uniform()),
    }));
    return Buffer.from(signal.buffer);
  };
  t.ok(noise(1).equals(noise(1)));
  t.notOk(noise(1).equals(noise(2)));
});

t.test("where recordings are not installed, the failure says what to install", async (t) => {
  const of = () => recordingFrom(["swipewire-no-such-recordings"], RATE, new Dice(1));
  t.throws(of, /apt-get install .*swipewire-no-such-recordings sox libsox-fmt-base/);
});
