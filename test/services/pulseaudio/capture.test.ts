import { spawn } from "node:child_process";
import { type AudioOptions, audioTransport } from "@swipewire/daemon/transports/audio";
import type { SwipewireError } from "@swipewire/protocol/failure";
import { systemClock } from "@swipewire/protocol/time";
import { ModemReader } from "@swipewire/simulator/waveform/modem-reader";
import { giveSound } from "@swipewire/simulator/waveform/sound";
import t, { type Test } from "tap";
import { seededRandom } from "../../seeded-random.ts";
import { startSoundServer } from "./sound-server.ts";

const FRAME = "frame: ;6224242300000069=30122200000000000?\r";

/** A reader on this source, a bare head unless told, and all that is told of it. */
function listen(t: Test, source: string, modem: Pick<AudioOptions, "baud" | "family" | "output"> = {}) {
  const events: string[] = [];
  let wake = () => {};
  const tell = (event: string) => {
    events.push(event);
    wake();
  };
  const transport = audioTransport({
    name: "jack",
    source,
    channels: 1,
    ...modem,
    warn: () => {},
    clock: systemClock,
    random: seededRandom(1),
  });
  transport.open({
    connected: () => tell("connected"),
    disconnected: (reason) => tell(`disconnected: ${reason}`),
    frame: (bytes) => tell(`frame: ${Buffer.from(bytes).toString("latin1")}`),
    misread: ({ code }: SwipewireError) => tell(code),
    unavailable: ({ code }: SwipewireError) => tell(code),
  });
  t.teardown(() => transport.close());
  /** What was told next. */
  return async () => {
    while (events.length === 0) await new Promise<void>((resolve) => (wake = resolve));
    return events.shift();
  };
}

t.test("a swipe is read from a source, and again after the sound server was killed", async (t) => {
  const server = await startSoundServer(t);
  await server.plug("head");
  const next = listen(t, "pulse:head.monitor");
  t.equal(await next(), "connected");
  await server.play("head", "swipe");
  t.equal(await next(), FRAME);
  await server.kill();
  t.equal(await next(), "disconnected: unplugged");
  t.equal(await next(), "audio_server_unreachable");
  await server.restart();
  await server.plug("head");
  t.equal(await next(), "connected");
  await server.play("head", "swipe", "--backwards");
  t.equal(await next(), FRAME);
});

t.test("a source that goes away is not silently taken for another", async (t) => {
  const server = await startSoundServer(t);
  await server.plug("microphone");
  const unplug = await server.plug("head");
  const next = listen(t, "pulse:head.monitor");
  t.equal(await next(), "connected");
  await unplug();
  t.equal(await next(), "disconnected: unplugged");
  t.equal(await next(), "audio_device_missing");
  t.equal(await server.pactl("list", "short", "source-outputs"), "", "nobody listens at the microphone");
  await server.plug("head");
  t.equal(await next(), "connected");
  await server.play("head", "swipe", "--speed", "60");
  t.equal(await next(), FRAME);
});

t.test("a recording that somebody moves to another source goes back to its own", async (t) => {
  const server = await startSoundServer(t);
  await server.plug("microphone");
  await server.plug("head");
  const next = listen(t, "pulse:head.monitor");
  t.equal(await next(), "connected");
  const [output = ""] = (await server.pactl("list", "short", "source-outputs")).split("\t");
  await server.pactl("move-source-output", output, "microphone.monitor");
  t.equal(await next(), "disconnected: failed");
  t.equal(await next(), "connected");
  await server.play("head", "swipe");
  t.equal(await next(), FRAME);
});

t.test("a reader with the framed modem is read from a source", async (t) => {
  const server = await startSoundServer(t);
  await server.plug("jack");
  const next = listen(t, "pulse:jack.monitor", { baud: 2400, family: "magtek-keyboard" });
  t.equal(await next(), "connected");
  await server.play("jack", "modem", "--baud", "2400", "--family", "magtek-keyboard");
  t.match(await next(), /^frame: %/);
});

t.test("a reader on a headset plug is armed over the headphone line, and read over the microphone's", async (t) => {
  const server = await startSoundServer(t);
  await server.plug("microphone");
  await server.plug("headphones", 2);
  const line = { sampleRate: 44_100, baud: 2400 } as const;
  const reader = new ModemReader({ ...line, model: "m", serial: "s", firmware: "f" });
  const say = (samples: Float32Array) =>
    giveSound("pulse:microphone", { sampleRate: line.sampleRate, channels: 1, samples: silenceAround(samples) });
  const form = ["-t", "raw", "-f", "S16_LE", "-c", "2", "-r", "44100", "--period-time=20000", "--buffer-time=200000"];
  const ear = spawn("arecord", ["-q", "-D", "pulse:headphones.monitor", ...form]);
  t.teardown(() => ear.kill("SIGKILL"));
  const swiped = new Promise<void>((resolve) => {
    ear.stdout.on("data", (piece: Buffer) => {
      // Whole frames of both channels: arecord writes periods.
      const right = Float32Array.from({ length: piece.length / 4 }, (_, n) => piece.readInt16LE(4 * n + 2) / 32_768);
      const answers = reader.hear(right);
      // Armed again after its swipe, it answers when the test may be over.
      if (answers.length > 0)
        Promise.all(answers.map(say)).then(
          () => resolve(),
          () => {},
        );
    });
  }).then(() => say(reader.swipe(Buffer.from(`${FRAME.slice("frame: ".length)}`)) ?? new Float32Array()));
  const next = listen(t, "pulse:microphone.monitor", { baud: 2400, output: "pulse:headphones" });
  t.equal(await next(), "connected");
  await swiped;
  t.equal(await next(), FRAME);
});

/** An output that has just been opened may swallow what comes first. */
function silenceAround(samples: Float32Array): Float32Array {
  const around = new Float32Array(samples.length + 2 * 22_050);
  around.set(samples, 22_050);
  return around;
}
