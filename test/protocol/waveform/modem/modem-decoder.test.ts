import { ModemDecoder } from "@swipewire/protocol/waveform/modem/modem-decoder";
import { modulate } from "@swipewire/protocol/waveform/modem/modem-encoder";
import type { ModemEvent } from "@swipewire/protocol/waveform/modem/modem-event";
import type { Baud, ModemLine } from "@swipewire/protocol/waveform/modem/modem-line";
import { Dice } from "@swipewire/simulator/waveform/dice";
import { type ModemConditions, modemSignal } from "@swipewire/simulator/waveform/modem-signal";
import fc from "fast-check";
import t from "tap";
import { fuzzRuns } from "../../../fuzz-runs.ts";

const LINE: ModemLine = { sampleRate: 16_000, baud: 2400 };
const KIND = 0x01;
const bytesOf = (text: string) => new TextEncoder().encode(text);
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

/** What a receiver is told; payloads are wiped. */
const told = (events: readonly ModemEvent[]) =>
  events.map((event) => {
    if (event.kind === "failure") return (event.failure as unknown as { code: string }).code;
    const text = event.payload.use(hex);
    event.payload.wipe();
    return `${event.messageKind} ${text}`;
  });

function hear(samples: Float32Array | Int16Array, line: ModemLine = LINE, pieces: readonly number[] = []) {
  const decoder = new ModemDecoder(line);
  const events: ModemEvent[] = [];
  let at = 0;
  for (const piece of pieces) {
    events.push(...decoder.push(samples.subarray(at, at + piece)));
    at += piece;
  }
  events.push(...decoder.push(samples.subarray(at)), ...decoder.flush());
  return told(events);
}

const noise = (samples: number, level: number, dice: Dice) =>
  Float32Array.from({ length: samples }, () => level * dice.gauss());

/** The rates that are worth it at a sample rate. */
const lines = fc.constantFrom(8000, 11_025, 16_000, 22_050, 32_000, 44_100, 48_000, 96_000).chain((sampleRate) =>
  fc.record({
    sampleRate: fc.constant(sampleRate),
    baud: fc.constantFrom(...([1200, 2400, 4800, 9600] as Baud[]).filter((baud) => sampleRate / baud >= 4.5)),
  }),
);

t.test("any payload comes back: any rate, drift of both clocks, either polarity, driver and pieces", async () => {
  fc.assert(
    fc.property(
      lines,
      fc.uint8Array({ maxLength: 60 }),
      fc.nat(255),
      fc.record({
        clock: fc.integer({ min: -1000, max: 1000 }),
        driver: fc.constantFrom<"converter" | "pin">("converter", "pin"),
        inverted: fc.boolean(),
        gain: fc.constantFrom(0.01, 0.5, 4),
        snr: fc.integer({ min: 14, max: 50 }),
      }),
      fc.array(fc.nat(4000), { maxLength: 12 }),
      fc.nat(),
      (line, payload, messageKind, { clock, driver, ...flaws }, pieces, seed) => {
        const conditions: ModemConditions = { ...line, clock, driver, line: { coupling: 20, ...flaws } };
        const signal = modemSignal(messageKind, payload, conditions, new Dice(seed));
        return `${hear(signal, line, pieces)}` === `${messageKind} ${hex(payload)}`;
      },
    ),
    { seed: 5, numRuns: Math.ceil(fuzzRuns / 100) },
  );
});

t.test("the longest payload of equal bytes comes back from a clock that is off", async (t) => {
  for (const byte of [0x00, 0xff, 0x55]) {
    const payload = new Uint8Array(1024).fill(byte);
    for (const clock of [-1000, 1000]) {
      const signal = modemSignal(KIND, payload, { ...LINE, clock, line: { snr: 20 } }, new Dice(byte));
      t.strictSame(hear(signal), [`1 ${hex(payload)}`]);
    }
  }
});

t.test("frames that follow each other at once are all read", async (t) => {
  const signals = ["one", "two", "three"].map((text) => modulate(KIND, bytesOf(text), LINE));
  const joined = Float32Array.from(signals.flatMap((signal) => [...signal]));
  t.strictSame(
    hear(joined),
    ["one", "two", "three"].map((text) => `1 ${hex(bytesOf(text))}`),
  );
});

t.test("a frame in which something is like a sync word is told once", async (t) => {
  const line: ModemLine = { sampleRate: 8000, baud: 1200 };
  const payload = Uint8Array.of(86, 76, 179, 191, 145, 192, 69);
  const signal = modemSignal(221, payload, { ...line, line: { coupling: 20, gain: 0.01, snr: 14 } }, new Dice(0));
  t.strictSame(hear(signal, line), [`221 ${hex(payload)}`]);
});

t.test("16-bit samples give the same as floats", async (t) => {
  const signal = modulate(KIND, bytesOf("integers"), LINE);
  t.strictSame(hear(Int16Array.from(signal, (sample) => 8000 * sample)), hear(signal));
});

t.test("a frame is told with its place, within a few bits of its end", async (t) => {
  const signal = modulate(KIND, bytesOf("early"), LINE);
  const decoder = new ModemDecoder(LINE);
  const bit = LINE.sampleRate / LINE.baud;
  let heardAt = 0;
  let frame: ModemEvent | undefined;
  for (let at = 0; !frame; at++) {
    [frame] = decoder.push(at < signal.length ? signal.subarray(at, at + 1) : new Float32Array(1));
    heardAt = at;
  }
  const end = signal.length - 4 * bit;
  t.ok(heardAt < end + 10 * bit, `${(heardAt - end) / bit} bits behind its end`);
  t.ok(Math.abs(frame.start - 32 * bit) < bit);
  t.ok(Math.abs(frame.end - end) < 3 * bit);
  t.equal(frame.kind, "frame");
});

t.test("as many wrong bytes as can be corrected are, more are a damaged frame; the next frame is read", async (t) => {
  const good = modulate(KIND, bytesOf("good"), LINE);
  const bit = LINE.sampleRate / LINE.baud;
  const HEADER_AT = 64 * bit;
  const BODY_AT = (64 + 8 * 12) * bit;
  for (const [from, bytes, isRead] of [
    [HEADER_AT, 3, true],
    [HEADER_AT, 6, false],
    [BODY_AT, 7, true],
    [BODY_AT, 10, false],
  ] as const) {
    const bad = good.slice();
    bad.subarray(from, from + 8 * bytes * bit).forEach((_, n, all) => {
      all[n] = Math.sin(1.25 * 2 * Math.PI * (n / bit));
    });
    const joined = Float32Array.from([...bad, ...new Float32Array(4000), ...good]);
    const sent = `1 ${hex(bytesOf("good"))}`;
    t.strictSame(hear(joined), [isRead ? sent : "modem_frame_damaged", sent], `${bytes} bytes at ${from}`);
  }
});

t.test("what was corrected is told", async (t) => {
  const signal = modulate(KIND, bytesOf("good"), LINE);
  const wrong = (from: number, to: number) => {
    const decoder = new ModemDecoder(LINE);
    const [event] = [...decoder.push(signal.map((value, n) => (n < from || n >= to ? value : 0))), ...decoder.flush()];
    return event?.kind === "frame" && event.corrected;
  };
  t.equal(wrong(0, 0), 0);
  t.ok(Number(wrong(1200, 1300)) > 0);
});

t.test("a frame that stops midway is told soon, and at the end of the stream", async (t) => {
  const signal = modulate(KIND, new Uint8Array(500), LINE);
  const cut = signal.subarray(0, signal.length >> 1);
  t.strictSame(hear(cut), ["modem_frame_cut"]);
  const decoder = new ModemDecoder(LINE);
  const quiet = noise(0.06 * LINE.sampleRate, 1e-3, new Dice(1));
  t.strictSame(told([...decoder.push(cut), ...decoder.push(quiet)]), ["modem_frame_cut"], "60 ms later");
  t.strictSame(told(decoder.push(modulate(KIND, bytesOf("next"), LINE))), []);
  t.strictSame(told(decoder.flush()), [`1 ${hex(bytesOf("next"))}`]);
});

t.test("damaged frames end in a failure, in nothing, or as they were sent", async (t) => {
  const payload = bytesOf("0123456789abcdefghijklmnopqrstuv");
  const sent = `1 ${hex(payload)}`;
  const signal = modulate(KIND, payload, { sampleRate: 8000, baud: 2400 });
  const wrong: string[] = [];
  const outcomes = new Set<string>();
  fc.assert(
    fc.property(
      fc.array(fc.record({ at: fc.nat(signal.length), length: fc.nat(200), kind: fc.nat(3) }), {
        minLength: 1,
        maxLength: 6,
      }),
      fc.nat(),
      (damages, seed) => {
        const dice = new Dice(seed);
        let damaged = signal;
        for (const { at, length, kind } of damages) {
          if (kind === 0) damaged = Float32Array.from([...damaged.slice(0, at), ...damaged.slice(at + length)]);
          else
            damaged = damaged.map((value, n) =>
              n < at || n > at + length ? value : kind === 1 ? 0 : kind === 2 ? -value : dice.gauss(),
            );
        }
        for (const outcome of hear(damaged, { sampleRate: 8000, baud: 2400 })) {
          outcomes.add(outcome);
          if (outcome !== sent && !outcome.startsWith("modem_frame_")) wrong.push(outcome);
        }
      },
    ),
    { seed: 6, numRuns: Math.ceil(fuzzRuns / 20) },
  );
  t.strictSame(wrong, []);
  t.strictSame([...outcomes].sort(), [sent, "modem_frame_cut", "modem_frame_damaged"]);
});

t.test("nothing is told of noise, silence, hum, tones, or samples that are no numbers", async (t) => {
  const dice = new Dice(8);
  const rate = LINE.sampleRate;
  const tone = (frequency: number, level = 1) =>
    Float32Array.from({ length: 4 * rate }, (_, n) => level * Math.sin((2 * Math.PI * frequency * n) / rate));
  t.strictSame(hear(noise(60 * rate, 0.3, dice)), []);
  t.strictSame(hear(new Float32Array(4 * rate)), []);
  for (const frequency of [50, 60, 1200, 1800, 2400, 3600, 7000]) t.strictSame(hear(tone(frequency)), []);
  t.strictSame(hear(noise(4 * rate, 1, dice).map((value) => (value > 0 ? 1 : -1))), []);
  t.strictSame(
    hear(Float32Array.of(Number.NaN, Number.POSITIVE_INFINITY, -1e30, ...modulate(KIND, bytesOf("x"), LINE))),
    ["1 78"],
  );
});

t.test("what can't be modulated is refused", async (t) => {
  for (const sampleRate of [7999, 200_000, Number.NaN]) {
    t.throws(() => new ModemDecoder({ sampleRate, baud: 1200 }), { code: "modem_input" });
  }
  t.throws(() => new ModemDecoder({ sampleRate: 8000, baud: 4800 }), { code: "modem_input" });
  t.throws(() => modulate(KIND, new Uint8Array(1), { sampleRate: 8000, baud: 300 as Baud }), { code: "modem_input" });
  t.throws(() => modulate(KIND, new Uint8Array(1025), LINE), RangeError);
});
