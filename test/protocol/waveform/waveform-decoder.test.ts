import type { SwipewireError } from "@swipewire/protocol/failure";
import { WaveformDecoder } from "@swipewire/protocol/waveform/waveform-decoder";
import type { WaveformEvent } from "@swipewire/protocol/waveform/waveform-event";
import { testCard } from "@swipewire/simulator/cards/test-cards";
import { Dice } from "@swipewire/simulator/waveform/dice";
import { interleave, type SwipeConditions, swipeSignal } from "@swipewire/simulator/waveform/swipe-signal";
import t from "tap";

const RATE = 44_100;
const clean: SwipeConditions = { sampleRate: RATE, hand: { speed: 30 }, head: { pulseWidth: 0.07 }, line: { snr: 35 } };

function signalOf(name: string, number: 1 | 2 | 3, seed: number, changes: Partial<SwipeConditions> = {}) {
  const track = testCard(name).tracks.find((track) => track.number === number);
  if (!track) throw new Error(`${name} has no track ${number}`);
  return swipeSignal(track, { ...clean, ...changes }, new Dice(seed));
}

/** What a person would be told; the tracks are wiped. */
const told = (events: readonly WaveformEvent[]) =>
  events.map((event) =>
    event.kind === "failure"
      ? (event.failure as SwipewireError).code
      : event.tracks.map(({ number, data, direction }) => {
          const text = data.use((bytes) => String.fromCharCode(...bytes));
          data.wipe();
          return `${number} ${direction} ${text}`;
        }),
  );

const TRACK_2 = ";6224242300000069=30122200000000000?";
const TRACK_1 = "%B6224242300000069^TEST CARD/DEBIT^30122200000000000?";

t.test("reads a clean swipe of each track, either way", async (t) => {
  for (const backwards of [false, true]) {
    const way = backwards ? "backward" : "forward";
    for (const [number, text, name] of [
      [1, TRACK_1, "unionpay-debit"],
      [2, TRACK_2, "unionpay-debit"],
      [
        3,
        ";996224242300000000010=1561560000000000000003000000000000=000000000000=000000000000=00000000?",
        "unionpay-debit-19",
      ],
    ] as const) {
      const decoder = new WaveformDecoder({ sampleRate: RATE });
      const events = [...decoder.push(signalOf(name, number, 7, { backwards })), ...decoder.flush()];
      t.strictSame(told(events), [[`${number} ${way} ${text}`]]);
    }
  }
});

t.test("pieces of any size, floats or 16-bit, give the same", async (t) => {
  const signal = signalOf("unionpay-debit", 2, 3);
  const integers = Int16Array.from(signal, (sample) => Math.round(sample * 32_767));
  for (const size of [1, 37, 882, 50_000]) {
    for (const samples of [signal, integers]) {
      const decoder = new WaveformDecoder({ sampleRate: RATE });
      const events: WaveformEvent[] = [];
      for (let at = 0; at < samples.length; at += size) events.push(...decoder.push(samples.subarray(at, at + size)));
      events.push(...decoder.flush());
      t.strictSame(told(events), [[`2 forward ${TRACK_2}`]]);
    }
  }
});

t.test("a swipe is answered within 100 ms of signal behind its end, without flush", async (t) => {
  for (const speed of [8, 30, 120]) {
    const signal = signalOf("unionpay-debit", 2, 5, { hand: { speed }, before: 0.5, after: 0 });
    const after = swipeNoise(0.1);
    const decoder = new WaveformDecoder({ sampleRate: RATE });
    const events = [...decoder.push(signal), ...decoder.push(after)];
    t.strictSame(told(events), [[`2 forward ${TRACK_2}`]], `${speed} cm/s`);
  }
});

t.test("out of noise, hum or clipping a swipe is answered within 100 ms, and nothing else is told", async (t) => {
  const lines = {
    noise: { snr: 3 },
    hum: { snr: 25, hum: { level: 0.6, frequency: 50.03, harmonics: 0.8 } },
    clipping: { snr: 20, gain: 8 },
  };
  const tail = 1;
  for (const [name, line] of Object.entries(lines)) {
    for (const [sampleRate, seed] of [
      [48_000, 31],
      [44_100, 32],
      [8000, 33],
    ] as const) {
      const signal = signalOf("unionpay-debit", 2, seed, { sampleRate, line, before: 3, after: tail });
      const decoder = new WaveformDecoder({ sampleRate });
      const piece = sampleRate / 100;
      const left = signal.length - tail * sampleRate;
      const events: WaveformEvent[] = [];
      let answered = 0;
      for (let at = 0; at < signal.length; at += piece) {
        const found = decoder.push(signal.subarray(at, at + piece));
        if (found.length > 0) answered = at + piece;
        events.push(...found);
      }
      t.strictSame(told(events), [[`2 forward ${TRACK_2}`]], `${name}, ${sampleRate} Hz`);
      t.ok(answered - left < 0.1 * sampleRate, `${name}, ${sampleRate} Hz`, { delay: (answered - left) / sampleRate });
    }
  }
});

t.test("a stream may begin just before a swipe, whose loud begin is no quiet", async (t) => {
  for (const change of [1 / 5, 3, 5]) {
    for (const before of [0, 0.01, 0.03]) {
      const signal = signalOf("unionpay-debit", 2, 7, { hand: { speed: 30, change }, before });
      const decoder = new WaveformDecoder({ sampleRate: RATE });
      const events = [...decoder.push(signal), ...decoder.flush()];
      t.strictSame(told(events), [[`2 forward ${TRACK_2}`]], `${change} times, ${before} s`);
    }
  }
});

t.test("what a stream begins in is told when it has gone on for long enough, if it is no swipe", async (t) => {
  const part = signalOf("unionpay-debit", 2, 7, { hand: { speed: 30, change: 1 / 5 }, before: 0 }).subarray(
    0,
    RATE / 10,
  );
  const decoder = new WaveformDecoder({ sampleRate: RATE });
  const events = decoder.push(part);
  for (let second = 0; second < 3; second++) events.push(...decoder.push(swipeNoise(1)));
  t.strictSame(told(events), ["swipe_stopped"]);
  const next = [...decoder.push(signalOf("unionpay-debit", 2, 8)), ...decoder.flush()];
  t.strictSame(told(next), [[`2 forward ${TRACK_2}`]]);
});

t.test("a swipe that fades into the noise as the hand slows down is one", async (t) => {
  const changes = {
    hand: { speed: 10, change: 0.25 },
    line: { snr: 3, drift: 0.5, coupling: 20 },
    before: 0.5,
    after: 0.5,
  };
  for (const seed of [1, 2, 3, 4]) {
    const decoder = new WaveformDecoder({ sampleRate: RATE });
    const events = [...decoder.push(signalOf("unionpay-debit", 2, seed, changes)), ...decoder.flush()];
    t.strictSame(told(events), [[`2 forward ${TRACK_2}`]], `${seed}`);
  }
});

t.test("steady noise and hum are not taken for swipes", async (t) => {
  for (const sampleRate of [48_000, 8000]) {
    const dice = new Dice(4);
    const hum = Array.from({ length: 10 }, (_, n) => ({
      turn: (2 * Math.PI * 50.03 * (2 * n + 1)) / sampleRate,
      level: 0.8 ** n,
    }));
    for (const level of [0, 0.03]) {
      const decoder = new WaveformDecoder({ sampleRate });
      const second = new Float32Array(sampleRate);
      for (let from = 0; from < 30 * sampleRate; from += second.length) {
        for (let n = 0; n < second.length; n++) {
          const sum =
            level === 0 ? 0 : hum.reduce((all, { turn, level }) => all + level * Math.sin(turn * (from + n)), 0);
          second[n] = level * sum + 0.004 * dice.gauss();
        }
        t.strictSame(told(decoder.push(second)), [], `${sampleRate} Hz, hum ${level}, ${from / sampleRate} s`);
      }
    }
  }
});

t.test("steady hum is not looked at after the first seconds, however it clips", async (t) => {
  for (const sampleRate of [48_000, 44_100, 16_000, 8000]) {
    for (const [level, noise] of [
      [0.5, 0.005],
      [2.6, 0.1],
      [5, 0.2],
      [8, 0.16],
      [45, 0.2],
    ] as const) {
      const dice = new Dice(3);
      const turn = (2 * Math.PI * 50.03) / sampleRate;
      const signal = Float32Array.from({ length: 10 * sampleRate }, (_, n) =>
        Math.max(-1, Math.min(1, level * Math.sin(turn * n) + noise * dice.gauss())),
      );
      let looks = 0;
      const decoder = new WaveformDecoder({ sampleRate, observe: () => looks++ });
      decoder.push(signal.subarray(0, 3 * sampleRate));
      looks = 0;
      const name = `${sampleRate} Hz, ${level} of full scale`;
      t.strictSame(told(decoder.push(signal.subarray(3 * sampleRate))), [], name);
      t.equal(looks, 0, name);
    }
  }
});

t.test("where hum drives the line into a rail, pulses that reach out of it tell of the hidden ones", async (t) => {
  for (const hum of [
    { frequency: 50.02, harmonics: 0.3 },
    { frequency: 59.97, harmonics: 0.6 },
  ]) {
    for (const [gain, level] of [
      [1.5, 1],
      [2, 0.5],
      [4, 0.5],
    ] as const) {
      for (const before of [0.25, 4]) {
        const line = { snr: 30, gain, hum: { ...hum, level } };
        const decoder = new WaveformDecoder({ sampleRate: RATE });
        // What the stream begins with may be told as no card.
        const signal = signalOf("unionpay-debit", 2, 41, { line, before, after: 0.2 });
        const read = [...decoder.push(signal), ...decoder.flush()].filter(({ kind }) => kind === "swipe");
        t.strictSame(
          told(read),
          [[`2 forward ${TRACK_2}`]],
          `${gain} times, ${level} of ${hum.frequency} Hz, ${before} s`,
        );
      }
    }
  }
});

function swipeNoise(seconds: number, level = 0.002): Float32Array {
  const dice = new Dice(99);
  return Float32Array.from({ length: seconds * RATE }, () => level * dice.gauss());
}

t.test("rails are found where they are not the converter's, nor alike, nor free of noise", async (t) => {
  const loud = { snr: 30, hum: { frequency: 50.02, harmonics: 0.3, level: 0.6 } };
  for (const [low, high, noise] of [
    [-0.5, 0.6, 0],
    [-0.5, 0.5, 0.001],
    [-0.5, 0.5, 0.003],
  ] as const) {
    for (const seed of [41, 42]) {
      const dice = new Dice(seed);
      const line = { ...loud, gain: 1 / 64, bits: 24 };
      const signal = signalOf("unionpay-debit", 2, seed, { line }).map((value) => {
        const cut = Math.max(low, Math.min(high, 64 * value));
        return cut + noise * dice.gauss();
      });
      const decoder = new WaveformDecoder({ sampleRate: RATE });
      const read = [...decoder.push(signal), ...decoder.flush()].filter(({ kind }) => kind === "swipe");
      t.strictSame(told(read), [[`2 forward ${TRACK_2}`]], `${low} to ${high}, noise ${noise}, ${seed}`);
    }
  }
});

t.test("two tracks on a stereo input are one swipe, and one channel may be empty", async (t) => {
  const left = signalOf("unionpay-debit", 1, 11);
  const right = signalOf("unionpay-debit", 2, 12);
  const stereo = (samples: Float32Array) => {
    const decoder = new WaveformDecoder({ sampleRate: RATE, channels: 2 });
    return told([...decoder.push(samples), ...decoder.flush()]);
  };
  t.strictSame(stereo(interleave(left, right)), [[`1 forward ${TRACK_1}`, `2 forward ${TRACK_2}`]]);
  t.strictSame(stereo(interleave(new Float32Array(right.length), right)), [[`2 forward ${TRACK_2}`]]);
});

t.test("two tracks of many swipes are told together, and one beside an empty channel", async (t) => {
  const stereo = new WaveformDecoder({ sampleRate: RATE, channels: 2 });
  const empty = new WaveformDecoder({ sampleRate: RATE, channels: 2 });
  const dice = new Dice(8);
  for (let n = 0; n < 12; n++) {
    const hand = { speed: dice.betweenOctaves(12, 80), change: dice.betweenOctaves(0.6, 1.6) };
    const around = { hand, before: dice.between(0.3, 1), after: 0.12, line: { snr: 35, gain: 0.4 } };
    const first = signalOf("unionpay-debit", 1, n, around);
    const second = signalOf("unionpay-debit", 2, n + 50, around);
    const both = told(stereo.push(interleave(first, second)));
    t.strictSame(both, [[`1 forward ${TRACK_1}`, `2 forward ${TRACK_2}`]], `swipe ${n}`);
    const one = told(empty.push(interleave(swipeNoise(second.length / RATE), second)));
    t.strictSame(one, [[`2 forward ${TRACK_2}`]], `swipe ${n}`);
  }
});

t.test("two swipes close together are two", async (t) => {
  const one = signalOf("unionpay-debit", 2, 21, { after: 0.03 });
  const two = signalOf("visa-no-pin", 2, 22, { before: 0.03, backwards: true });
  const both = new Float32Array(one.length + two.length);
  both.set(one);
  both.set(two, one.length);
  const decoder = new WaveformDecoder({ sampleRate: RATE });
  t.strictSame(told([...decoder.push(both), ...decoder.flush()]), [
    [`2 forward ${TRACK_2}`],
    ["2 backward ;4111111111111111=30121010000000000?"],
  ]);
});

t.test("of many swipes in one stream none is missed, whatever sounds on after each", async (t) => {
  const decoder = new WaveformDecoder({ sampleRate: RATE });
  const dice = new Dice(3);
  for (let n = 0; n < 24; n++) {
    const hand = { speed: dice.betweenOctaves(15, 80) };
    const swipe = signalOf("unionpay-debit", 2, n, { hand, before: dice.between(0.3, 1), after: 0 });
    const behind = swipeNoise(0.12, n % 2 === 0 ? 0.002 : 0.01);
    t.strictSame(told([...decoder.push(swipe), ...decoder.push(behind)]), [[`2 forward ${TRACK_2}`]], `swipe ${n}`);
  }
});

t.test("clicks and jumps of the offset are no failed swipes, and hide none", async (t) => {
  const decoder = new WaveformDecoder({ sampleRate: RATE });
  const dice = new Dice(4);
  const sound = swipeNoise(8);
  for (let second = 1; second < 8; second++) {
    const height = dice.between(0.1, 0.4) * dice.pick([-1, 1]);
    for (let n = 0; n < 200; n++) sound[second * RATE + n] = height * Math.exp(-n / 50);
    for (let n = (second + 0.5) * RATE; n < sound.length; n++) sound[n] = (sound[n] as number) + height / 2;
  }
  t.strictSame(told(decoder.push(sound)), []);
  const stopped = signalOf("unionpay-debit", 2, 5, { hand: { speed: 30, stopsAt: 40 }, before: 0.1 });
  t.strictSame(told([...decoder.push(stopped), ...decoder.push(swipeNoise(0.1))]), ["swipe_stopped"]);
});

t.test("of two swipes close together the harder one is read as well", async (t) => {
  const harder = { blurred: { head: { pulseWidth: 0.15 } }, noisy: { line: { snr: 6 } } };
  for (const [name, changes] of Object.entries(harder)) {
    for (const order of ["easy first", "hard first"]) {
      for (const seed of [24, 34, 44]) {
        const easy = signalOf("unionpay-debit", 2, seed - 1, { before: 0.03, after: 0.03 });
        const hard = signalOf("unionpay-debit", 1, seed, { before: 0.03, after: 0.03, ...changes });
        const decoder = new WaveformDecoder({ sampleRate: RATE });
        const parts = [swipeNoise(0.3), ...(order === "easy first" ? [easy, hard] : [hard, easy]), swipeNoise(0.3)];
        const read = told([...parts.flatMap((part) => decoder.push(part)), ...decoder.flush()]);
        const expected = [[`2 forward ${TRACK_2}`], [`1 forward ${TRACK_1}`]];
        t.strictSame(read, order === "easy first" ? expected : expected.reverse(), `${name}, ${order}, ${seed}`);
      }
    }
  }
});

t.test("a swipe is told at once though noise sounds on after it, and of the noise nothing", async (t) => {
  const swipe = signalOf("unionpay-debit", 2, 5, { after: 0 });
  const dice = new Dice(6);
  const behind = Float32Array.from({ length: 3 * RATE }, () => 0.01 * dice.gauss());
  const decoder = new WaveformDecoder({ sampleRate: RATE });
  const soon = Math.round(0.12 * RATE);
  t.strictSame(told([...decoder.push(swipe), ...decoder.push(behind.subarray(0, soon))]), [[`2 forward ${TRACK_2}`]]);
  t.strictSame(told([...decoder.push(behind.subarray(soon)), ...decoder.flush()]), []);
});

t.test("a swipe is told at once though the quiet became louder before it, on one channel and on two", async (t) => {
  const dice = new Dice(6);
  const noise = (seconds: number, level: number) =>
    Float32Array.from({ length: seconds * RATE }, () => level * dice.gauss());
  const around = { before: 0, after: 0.12, line: { snr: 35, gain: 0.5 } };
  const first = signalOf("unionpay-debit", 1, 5, around);
  const second = signalOf("unionpay-debit", 2, 5, around);
  for (const loud of [0.006, 0.2]) {
    const before = () => [noise(1, 0.0005), noise(0.3, loud), noise(0.2, 0.006)];
    const mono = new WaveformDecoder({ sampleRate: RATE });
    const heard = [...before(), second].flatMap((part) => mono.push(part));
    t.strictSame(told(heard).at(-1), [`2 forward ${TRACK_2}`]);
    const stereo = new WaveformDecoder({ sampleRate: RATE, channels: 2 });
    for (const part of before()) stereo.push(interleave(part, part));
    t.strictSame(told(stereo.push(interleave(first, second))), [[`1 forward ${TRACK_1}`, `2 forward ${TRACK_2}`]]);
  }
});

t.test("a card whose number fails the Luhn check is believed at its second swipe", async (t) => {
  const decoder = new WaveformDecoder({ sampleRate: RATE });
  const swipe = (seed: number) => told([...decoder.push(signalOf("magtek-sample", 2, seed)), ...decoder.flush()]);
  t.strictSame(swipe(1), ["swipe_uncertain"]);
  t.strictSame(swipe(2), [["2 forward ;5452300551227189=080432100000007250?"]]);
  t.strictSame(swipe(3), ["swipe_uncertain"], "an agreement is used up");
});

t.test("reads a hand that hesitates again and again", async (t) => {
  for (const [number, text] of [
    [1, TRACK_1],
    [2, TRACK_2],
  ] as const) {
    for (const seed of [1, 2, 3]) {
      const hand = { speed: 30, wobble: { depth: 0.7, periods: 10, phase: seed } };
      const decoder = new WaveformDecoder({ sampleRate: RATE });
      const events = [...decoder.push(signalOf("unionpay-debit", number, seed, { hand })), ...decoder.flush()];
      t.strictSame(told(events), [[`${number} forward ${text}`]]);
    }
  }
});

t.test("a swipe that lacks a part of its sound, or has it twice, is not believed", async (t) => {
  const whole = signalOf("unionpay-debit", 2, 5);
  const bit = ((25.4 / 75) * RATE) / 300;
  // In the zeros at its end, where characters more or less change neither parity nor LRC.
  const place = 0.25 * RATE + ((2 + 7.44) * RATE) / 300 + 27 * 5 * bit;
  for (const bits of [-14.8, -15.2, 15.2, 29.8]) {
    const [before, behind] = [whole.subarray(0, place), whole.subarray(Math.round(place - bits * bit))];
    const decoder = new WaveformDecoder({ sampleRate: RATE });
    const [event] = told([...decoder.push(before), ...decoder.push(behind), ...decoder.flush()]);
    t.match(event, /^swipe_/, `${bits} bits`);
  }
});

t.test("a card of another form is no payment card, however often it is swiped", async (t) => {
  const decoder = new WaveformDecoder({ sampleRate: RATE });
  const data = new TextEncoder().encode(";00417000123456789?");
  for (const seed of [1, 2, 3]) {
    const signal = swipeSignal({ number: 2, data }, clean, new Dice(seed));
    t.strictSame(told([...decoder.push(signal), ...decoder.flush()]), ["swipe_no_payment_card"]);
  }
});

t.test("failed swipes say why", async (t) => {
  const why = (signal: Float32Array) => {
    const decoder = new WaveformDecoder({ sampleRate: RATE });
    return told([...decoder.push(signal), ...decoder.flush()]);
  };
  t.strictSame(why(signalOf("unionpay-debit", 2, 1, { hand: { speed: 30, stopsAt: 45 } })), ["swipe_stopped"]);
  const bump = swipeNoise(1);
  for (let n = 0; n < 4000; n++) {
    bump[n + 20_000] = (bump[n + 20_000] ?? 0) + 0.5 * Math.exp(-n / 3000) * Math.sin(n / 20);
  }
  t.strictSame(why(bump), ["swipe_no_card"]);
  t.strictSame(why(new Float32Array(RATE)), [], "silence is no swipe");
  t.strictSame(why(swipeNoise(4)), [], "nor is steady noise");
  t.strictSame(why(swipeNoise(1).map((value) => value + 0.3)), [], "nor one with an offset");
});

t.test("what cannot be read is refused", async (t) => {
  for (const format of [{ sampleRate: 4000 }, { sampleRate: Number.NaN }, { sampleRate: RATE, channels: 3 }]) {
    t.throws(() => new WaveformDecoder(format as { sampleRate: number }), { code: "waveform_input" });
  }
  const decoder = new WaveformDecoder({ sampleRate: RATE, channels: 2 });
  t.throws(() => decoder.push(new Float32Array(3)), { code: "waveform_input" });
  const wild = Float32Array.from({ length: RATE * 2 }, (_, n) => [Number.NaN, 1e30, -1e30, 0][n % 4] ?? 0);
  t.strictSame(decoder.push(wild), []);
});
