import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type AudioOptions, audioTransport } from "@swipewire/daemon/transports/audio";
import { openCapture } from "@swipewire/daemon/transports/audio-capture";
import type { SwipewireError } from "@swipewire/protocol/failure";
import { SensitiveBytes } from "@swipewire/protocol/sensitive-bytes";
import { Seconds, systemClock } from "@swipewire/protocol/time";
import { encodeModemMessage } from "@swipewire/protocol/waveform/modem/modem-message";
import { testCard } from "@swipewire/simulator/cards/test-cards";
import { Dice } from "@swipewire/simulator/waveform/dice";
import { modemSignal } from "@swipewire/simulator/waveform/modem-signal";
import { interleave, type SwipeConditions, swipeSignal } from "@swipewire/simulator/waveform/swipe-signal";
import t, { type Test } from "tap";
import { seededRandom } from "../../seeded-random.ts";
import { SimulatedClock, settle } from "../../simulated-clock.ts";

const RATE = 44_100;
const TRACK_1 = "%B6224242300000069^TEST CARD/DEBIT^30122200000000000?";
const TRACK_2 = ";6224242300000069=30122200000000000?";

const folder = mkdtempSync(join(tmpdir(), "swipewire-audio-"));
t.teardown(() => rmSync(folder, { recursive: true }));
const realPath = process.env["PATH"] ?? "";

interface Swiped {
  readonly track?: 1 | 2;
  readonly gain?: number;
  readonly stopsAt?: number;
  readonly rate?: number;
}

function swiped({ track = 2, gain = 0.5, stopsAt, rate = RATE }: Swiped = {}): Float32Array {
  const found = testCard("unionpay-debit").tracks.find(({ number }) => number === track);
  if (!found) throw new Error("the card has no such track");
  const conditions: SwipeConditions = {
    sampleRate: rate,
    hand: { speed: 30, ...(stopsAt !== undefined && { stopsAt }) },
    head: { pulseWidth: 0.07 },
    line: { snr: 35, gain },
  };
  return swipeSignal(found, conditions, new Dice(7));
}

/** As 16-bit samples; what is louder is cut off. */
function recorded(...signals: readonly Float32Array[]): Uint8Array {
  const samples = signals.flatMap((signal) => [...signal]);
  const clipped = samples.map((value) => Math.max(-32_768, Math.min(32_767, Math.round(value * 32_768))));
  return new Uint8Array(Int16Array.from(clipped).buffer);
}

/** A program called arecord that says and gives what it is told to, and then does as `last` says. */
function recorder({
  samples = new Uint8Array(),
  says = `  rate         : ${RATE}`,
  last = "exec sleep 600",
}: {
  readonly samples?: Uint8Array;
  readonly says?: string;
  readonly last?: string;
}) {
  const path = mkdtempSync(join(folder, "path-"));
  const argumentsFile = join(path, "arguments");
  writeFileSync(join(path, "samples"), samples);
  writeFileSync(join(path, "says"), `${says}\n`);
  const script = `#!/bin/sh\necho "$@" > ${argumentsFile}\ncat ${path}/says >&2\ncat ${path}/samples\n${last}\n`;
  writeFileSync(join(path, "arecord"), script);
  chmodSync(join(path, "arecord"), 0o755);
  process.env["PATH"] = `${path}:${realPath}`;
  return { arguments: () => (existsSync(argumentsFile) ? readFileSync(argumentsFile, "utf8").trim() : "") };
}

function opened(t: Test, options: Partial<AudioOptions> = {}) {
  const clock = new SimulatedClock();
  const events: string[] = [];
  let wake = () => {};
  const tell = (event: string) => {
    events.push(event);
    wake();
  };
  const transport = audioTransport({
    name: "jack",
    source: "hw:CARD=Jack",
    channels: 1,
    warn: ({ message }) => tell(`warned: ${message}`),
    clock,
    random: seededRandom(1),
    ...options,
  });
  transport.open({
    connected: () => tell("connected"),
    disconnected: (reason) => tell(`disconnected: ${reason}`),
    frame: (bytes) => tell(`frame: ${Buffer.from(bytes).toString("latin1")}`),
    misread: ({ code }: SwipewireError) => tell(code),
    unavailable: ({ message }) => tell(message),
  });
  t.teardown(() => transport.close());
  const until = async (count: number) => {
    while (events.length < count) await new Promise<void>((resolve) => (wake = resolve));
    return events;
  };
  return { transport, clock, events, until };
}

t.test("a swipe goes on as a plain line, and closing ends the recording", async (t) => {
  const arecord = recorder({ samples: recorded(swiped()) });
  const { until, transport, clock } = opened(t);
  t.strictSame(await until(2), ["connected", `frame: ${TRACK_2}\r`]);
  t.equal(
    arecord.arguments(),
    "-v -D hw:CARD=Jack -t raw -f S16_LE -c 1 -r 44100 --period-time=20000 --buffer-time=200000",
  );
  await transport.close();
  t.strictSame((await until(3)).slice(2), ["disconnected: closed"]);
  t.equal(clock.pending, 0, "no timer is left behind");
});

t.test("two tracks on a stereo input are one frame", async (t) => {
  const arecord = recorder({ samples: recorded(interleave(swiped({ track: 1 }), swiped())) });
  const { until } = opened(t, { channels: 2 });
  t.strictSame((await until(2))[1], `frame: ${TRACK_1}${TRACK_2}\r`);
  t.match(arecord.arguments(), / -c 2 /);
});

t.test("frames of the modem go on as they are, whatever is on the other channel", async (t) => {
  const sent = Uint8Array.from(Buffer.from(`${TRACK_2}\r`));
  const line = { sampleRate: RATE, baud: 1200, line: { gain: 0.5, snr: 20 } } as const;
  const say = (message: Parameters<typeof encodeModemMessage>[0]) => {
    const { messageKind, payload } = encodeModemMessage(message);
    return modemSignal(messageKind, payload, line, new Dice(3));
  };
  const frame = say({ type: "reader-frame", frame: SensitiveBytes.copyOf(sent) });
  const mono = [say({ type: "armed", sequence: 1, seconds: 30 }), frame, frame.subarray(0, frame.length / 2)];
  recorder({ samples: recorded(...mono, new Float32Array(RATE)) });
  const alone = opened(t, { baud: 1200, family: "ascii" });
  t.strictSame(await alone.until(3), ["connected", `frame: ${TRACK_2}\r`, "modem_frame_cut"]);
  recorder({ samples: recorded(interleave(frame, say({ type: "identify", sequence: 1 }))) });
  const both = opened(t, { baud: 1200, channels: 2 });
  t.strictSame(await both.until(2), ["connected", `frame: ${TRACK_2}\r`]);
});

t.test("an input that takes another rate than asked is read at its own", async (t) => {
  // At 8 kHz read as 44.1 kHz the noise ahead would be too short to know.
  const arecord = recorder({
    says: "  rate         : 8000\nSlave:\n  rate         : 48000",
    samples: recorded(swiped({ rate: 8000 })),
  });
  const { until } = opened(t, { sampleRate: 16_000 });
  t.strictSame((await until(2))[1], `frame: ${TRACK_2}\r`);
  t.match(arecord.arguments(), / -r 16000 /);
});

t.test("a swipe that failed says why", async (t) => {
  recorder({ samples: recorded(swiped({ stopsAt: 45 }), new Float32Array(RATE)) });
  const { until } = opened(t);
  t.strictSame(await until(2), ["connected", "swipe_stopped"]);
});

t.test("where samples were lost nothing is read across the gap", async (t) => {
  // Three characters less of the zeros at its end change neither its parity nor its LRC.
  const data = new TextEncoder().encode(";6224242300000069=30122200000000000?");
  const steady = { sampleRate: RATE, hand: { speed: 30 }, head: { pulseWidth: 0.07 }, line: { snr: 35 } };
  const signal = swipeSignal({ number: 2, data }, steady, new Dice(7));
  const bit = ((25.4 / 75) * RATE) / 300;
  const gap = Math.round(0.25 * RATE + ((2 + 7.44) * RATE) / 300 + 27 * 5 * bit);
  const [before, behind] = [signal.subarray(0, gap), signal.subarray(Math.round(gap + 3 * 5 * bit))];
  const heardAs = async (tells: boolean) => {
    const { until, transport } = opened(t, {
      async record(_input, { begins, report, lost }) {
        begins(RATE);
        setImmediate(() => {
          report(recorded(before));
          if (tells) lost?.();
          report(recorded(behind, new Float32Array(RATE)));
        });
        return { close: async () => {} };
      },
    });
    const [, event] = await until(2);
    await transport.close();
    return event;
  };
  t.equal(await heardAs(false), "frame: ;6224242300000069=30122200000000?\r");
  t.match(await heardAs(true), /^swipe_/);

  recorder({ says: `  rate         : ${RATE}\noverrun!!! (at least 20.000 ms long)`, samples: recorded(before) });
  const told = Promise.withResolvers<void>();
  const listener = { begins() {}, report() {}, failed() {}, lost: told.resolve };
  const capture = await openCapture({ source: "hw:CARD=Jack", channels: 1 }, listener, { clock: new SimulatedClock() });
  await told.promise;
  await capture.close();
});

t.test("a recording that ends is begun again", async (t) => {
  recorder({ samples: recorded(swiped()), last: "exit 1" });
  const { until, clock } = opened(t);
  t.strictSame(await until(3), ["connected", `frame: ${TRACK_2}\r`, "disconnected: unplugged"]);
  recorder({ samples: recorded(swiped()) });
  await clock.advance(Seconds(1));
  t.strictSame((await until(5)).slice(3), ["connected", `frame: ${TRACK_2}\r`]);
});

t.test("why an input cannot be opened is told", async (t) => {
  const reasons = [
    ["audio open error: No such device", "There is no sound input or output of that name."],
    ["audio open error: Device or resource busy", "Another program holds the sound input or output."],
    ["audio open error: Permission denied", "The daemon's user may not use the sound input or output."],
    ["pulse_connect: Unable to connect: Connection refused", "The sound server cannot be reached."],
    [
      "set_params:1352: Channels count non available",
      "The sound input or output has not this rate, or not so many channels.",
    ],
    ["Unknown PCM jack", "A program that a sound input or output needs is not there."],
    ["something new", "The recording from a sound input ended, or brought no samples."],
  ] as const;
  recorder({ last: reasons.map(([says], n) => `[ $3 = hw:${n} ] && echo '${says}' >&2`).join("\n") });
  await Promise.all(
    reasons.map(async ([, what], n) => {
      const { until } = opened(t, { source: `hw:${n}`, clock: systemClock });
      t.strictSame(await until(1), [`${what} (hw:${n})`]);
    }),
  );
});

t.test("an input too slow for the modem is told", async (t) => {
  // Its samples are there before it is known.
  const last = "echo '  rate         : 16000' >&2; exec sleep 600";
  recorder({ says: "", samples: recorded(new Float32Array(10_000)), last });
  const { until } = opened(t, { clock: systemClock, sampleRate: 16_000, baud: 9600 });
  t.match((await until(1))[0], "16000 Hz, 9600 Bd");
});

t.test("without arecord the input cannot be opened", async (t) => {
  process.env["PATH"] = folder;
  const { until } = opened(t, { clock: systemClock });
  t.strictSame(await until(1), ["A program that a sound input or output needs is not there. (arecord)"]);
});

t.test("an input that gives nothing has failed", async (t) => {
  recorder({});
  const { clock, events } = opened(t);
  while (events.length === 0) await clock.advance(Seconds(1));
  t.strictSame(events, [
    "The recording from a sound input ended, or brought no samples. (hw:CARD=Jack: no samples in 3 s)",
  ]);
});

t.test("closing waits for no input or output that is just being opened and gives nothing", async (t) => {
  const hasProcesses = () => process.getActiveResourcesInfo().includes("ProcessWrap");
  // Those of the tests before are on their way out.
  while (hasProcesses()) await settle();
  recorder({ says: "" });
  const silent = opened(t);
  t.ok(hasProcesses());
  await silent.transport.close();
  // Node lets go of a process that has ended at the end of a turn of its event loop.
  await settle();
  t.equal(silent.clock.pending, 0);
  t.notOk(hasProcesses(), "and arecord is gone");

  const path = mkdtempSync(join(folder, "path-"));
  writeFileSync(join(path, "aplay"), "#!/bin/sh\nexec sleep 600\n", { mode: 0o755 });
  process.env["PATH"] = `${path}:${realPath}`;
  const deaf = opened(t, { baud: 1200, output: "plughw:CARD=Jack" });
  await deaf.transport.close();
  await settle();
  t.equal(deaf.clock.pending, 0);
  t.notOk(hasProcesses(), "and aplay is gone");
  t.strictSame([...silent.events, ...deaf.events], []);
});

t.test("a gain that is set badly is told once, and again after a good swipe", async (t) => {
  const loud = swiped({ gain: 1.5 });
  recorder({ samples: recorded(loud, loud, swiped(), swiped({ gain: 8 }), swiped({ gain: 0.004 })) });
  const { until } = opened(t);
  const clipping = "A swipe was too loud for the sound input: its peaks are cut off.";
  t.strictSame(
    (await until(9)).filter((event) => !event.startsWith("frame")),
    [
      "connected",
      `warned: ${clipping} (jack: lower it by 6 dB)`,
      `warned: ${clipping} (jack: lower it by 12 dB)`,
      "warned: A swipe was very faint at the sound input. (jack: raise it by 36 dB)",
    ],
  );
});

t.test("an input that is muted is told", async (t) => {
  recorder({ samples: recorded(new Float32Array(5.1 * RATE)) });
  const { until } = opened(t);
  t.strictSame(await until(2), ["connected", "warned: A sound input gives nothing at all, not even noise. (jack)"]);
});

t.test("an input that brings sounds and no card is told once", async (t) => {
  const dice = new Dice(9);
  const bang = Float32Array.from({ length: RATE }, (_, n) => (n < 0.9 * RATE ? 0.001 : 0.2) * dice.gauss());
  recorder({ samples: recorded(...Array.from({ length: 30 }, () => bang), swiped()) });
  const events = (await opened(t).until(32)).slice(1);
  const strange = "warned: A sound input brings one sound after another that is no card. (jack)";
  t.equal(events.indexOf(strange), 23, "with the 24th");
  t.equal(events.lastIndexOf(strange), 23);
  t.equal(events.at(-1), `frame: ${TRACK_2}\r`);
});
