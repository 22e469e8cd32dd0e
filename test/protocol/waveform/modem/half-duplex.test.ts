import { ModemDecoder } from "@swipewire/protocol/waveform/modem/modem-decoder";
import type { ModemEvent } from "@swipewire/protocol/waveform/modem/modem-event";
import { readReaderMessage } from "@swipewire/protocol/waveform/modem/modem-message";
import { ModemOutput, POWER_TONE } from "@swipewire/protocol/waveform/modem/modem-output";
import { Dice } from "@swipewire/simulator/waveform/dice";
import { ModemReader } from "@swipewire/simulator/waveform/modem-reader";
import t from "tap";

const RATE = 48_000;
const LINE = { sampleRate: RATE, baud: 2400 } as const;
const MAKE = { model: "Sample", serial: "42", firmware: "1.0" };

/** Of a frame, its bytes, which are wiped; of a failure, its code. */
function told(event: ModemEvent) {
  if (event.kind === "failure") return (event.failure as unknown as { code: string }).code;
  const message = readReaderMessage(event);
  if (message?.type !== "reader-frame") return message;
  using frame = message.frame;
  return frame.use((bytes) => [...bytes]);
}

/** A second of plug: what the host plays, in pieces; the reader's answers; what of all that the host's microphone hears. */
function exchange(host: ModemOutput, reader: ModemReader, decoder: ModemDecoder, dice: Dice) {
  const piece = 480;
  let spoken = new Float32Array(0);
  return Array.from({ length: 100 }, () => {
    const played = host.take(piece);
    const left = played.filter((_, n) => n % 2 === 0);
    const right = played.filter((_, n) => n % 2 === 1);
    for (const answer of reader.hear(right)) spoken = Float32Array.from([...spoken, ...answer]);
    const heard = left.map(
      (tone, n) => 0.2 * (spoken[n] ?? 0) + 0.5 * tone + 0.05 * (right[n] ?? 0) + 0.01 * dice.gauss(),
    );
    spoken = spoken.slice(piece);
    return decoder.push(heard);
  })
    .flat()
    .map(told);
}

t.test(
  "a reader fed by the power tone is identified, armed, and swiped once; the host hears itself across",
  async (t) => {
    const host = new ModemOutput({ ...LINE, level: 0.8 });
    const reader = new ModemReader({ ...LINE, ...MAKE });
    const decoder = new ModemDecoder(LINE);
    const dice = new Dice(1);
    const frame = [1, 2, 3, 4];
    host.powered = true;
    t.equal(reader.swipe(Uint8Array.from(frame)), undefined, "nothing is taken before it is armed");
    host.send({ type: "identify", sequence: 3 });
    t.ok(host.isSending);
    t.strictSame(exchange(host, reader, decoder, dice), [undefined, { type: "identity", sequence: 3, ...MAKE }]);
    t.notOk(host.isSending);
    host.send({ type: "arm", sequence: 4, seconds: 2 });
    t.strictSame(exchange(host, reader, decoder, dice), [undefined, { type: "armed", sequence: 4, seconds: 2 }]);
    const signal = reader.swipe(Uint8Array.from(frame));
    if (!signal) throw new Error("armed for two seconds, and one has gone by");
    const spoken = decoder.push(signal.map((value) => 0.2 * value + 0.01 * dice.gauss()));
    t.strictSame(spoken.map(told).concat(exchange(host, reader, decoder, dice)), [frame]);
    t.equal(reader.swipe(Uint8Array.from(frame)), undefined, "one swipe for each time it is armed");
  },
);

t.test("the power tone goes on without a step, whatever the pieces, and comes and goes softly", async (t) => {
  const play = (pieces: readonly number[]) => {
    const output = new ModemOutput({ ...LINE, level: 0.5 });
    output.powered = true;
    output.send({ type: "identify", sequence: 1 });
    return Float32Array.from(pieces.flatMap((piece) => [...output.take(piece)]));
  };
  const whole = play([6000]);
  t.strictSame(play([1, 999, 0, 5000]), whole);
  const left = whole.filter((_, n) => n % 2 === 0);
  const turn = 2 * Math.cos((2 * Math.PI * POWER_TONE) / RATE);
  let most = 0;
  for (let n = 600; n < left.length; n++) {
    most = Math.max(most, Math.abs((left[n] ?? 0) - turn * (left[n - 1] ?? 0) + (left[n - 2] ?? 0)));
  }
  t.ok(most < 1e-5, "one sine");
  t.ok(Math.max(...left.subarray(0, 50)) < 0.15);
  t.ok(Math.max(...left.subarray(1000)) > 0.94);
  const output = new ModemOutput({ ...LINE, level: 0.5 });
  output.powered = true;
  output.take(1000);
  output.powered = false;
  output.take(480);
  t.strictSame(output.take(100), new Float32Array(200));
});

t.test("a rate too low for the power tone is refused, frames are sent all the same", async (t) => {
  const output = new ModemOutput({ sampleRate: 16_000, baud: 1200, level: 0.5 });
  t.throws(
    () => {
      output.powered = true;
    },
    { code: "modem_input" },
  );
  output.send({ type: "arm", sequence: 1, seconds: 1 });
  t.ok(output.take(16_000).some((sample) => sample !== 0));
});
