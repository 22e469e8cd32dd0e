import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { HeadReader } from "@swipewire/daemon/transports/audio-head";
import { SensitiveBytes } from "@swipewire/protocol/sensitive-bytes";
import { readWav } from "@swipewire/protocol/waveform/wav";
import { playHead } from "@swipewire/simulator/script/play-head";
import type { ReaderScript } from "@swipewire/simulator/script/reader-script";
import { WavLine } from "@swipewire/simulator/waveform/wav-line";
import t from "tap";
import { areOutcomes, exampleFile, examples } from "./outcomes.ts";

const SIMULATOR = join(import.meta.dirname, "../../../simulator/bin/swipewire-sim.js");

/** What the daemon's head reader makes of a recording, in pieces as `arecord` brings them. */
function told(samples: Float32Array, sampleRate: number): string[] {
  const head = new HeadReader({ sampleRate, channels: 1 });
  const words = Int16Array.from(samples, (sample) => Math.round(sample * 32_767));
  const piece = sampleRate / 50;
  const heard = Array.from({ length: Math.ceil(words.length / piece) }, (_, n) =>
    head.push(words.slice(n * piece, (n + 1) * piece)),
  ).flat();
  return [...heard, ...head.flush()].map(({ event: { frame, failure } }) => {
    new SensitiveBytes(frame ?? new Uint8Array()).wipe();
    return failure ? failure.code : "swipe";
  });
}

async function recorded(script: ReaderScript) {
  const line = new WavLine();
  await playHead(script, { line, clock: line });
  return line;
}

const ofHeads = examples.filter(({ script }) => script.outcomes.head);
const lacked: readonly string[] = new WavLine().lacks;

for (const { name, script } of ofHeads.filter(({ script }) => !script.steps.some((step) => lacked.includes(step.do)))) {
  t.test(`${name} as a recording: ${script.about}`, async (t) => {
    const { samples, sampleRate } = await recorded(script);
    areOutcomes(t, ["connected", ...told(samples, sampleRate)], script.outcomes.head ?? [], "head");
  });
}

t.test("a recording waits as long as its script does, and the same seed gives the same", async (t) => {
  const card = "visa-no-pin" as const;
  const wait = { do: "wait", ms: 5000 } as const;
  const script: ReaderScript = { about: "x", seed: 3, steps: [{ do: "swipe", card }, wait], outcomes: {} };
  const { samples, sampleRate } = await recorded(script);
  t.ok(samples.length / sampleRate > 5.5);
  t.strictSame((await recorded(script)).samples, samples);
});

t.test("what a bare head or its line has nothing for is refused before anything is played", async (t) => {
  const card = "visa-no-pin" as const;
  const swipe = { do: "swipe", card } as const;
  const steps: ReaderScript["steps"] = [
    ...(["short-report", "wrong-length", "ksn-repeated", "ksn-going-back", "stall"] as const).map(
      (lie) => ({ do: lie, card }) as const,
    ),
    { do: "flood", card, times: 5 },
    { do: "stuck-report", card, times: 3 },
    { do: "swipe", card, unreadable: [2] },
    { do: "pulled", card, after: 10 },
    { do: "plug" },
  ];
  for (const step of steps) {
    const line = new WavLine();
    const script: ReaderScript = { about: "x", seed: 1, steps: [swipe, step], outcomes: {} };
    await t.rejects(playHead(script, { line, clock: line }), { code: "lie_unfit" }, step.do);
    t.equal(line.samples.length, 0);
  }
});

t.test("typed to the command line, cards and scripts are recorded, and what does not fit is named", async (t) => {
  const wav = join(t.testdir(), "head.wav");
  const typed = ["visa-no-pin", `play ${exampleFile("double-swipe.json")}`];
  const unfit = [`play ${exampleFile("pulled-head.json")}`, `play ${exampleFile("flood.json")}`, "nobody"];
  const { status, stdout, stderr } = spawnSync(process.execPath, [SIMULATOR, "reader", "--audio", wav], {
    input: [...typed, ...unfit, ""].join("\n"),
    encoding: "utf8",
  });
  t.equal(status, 1);
  t.match(stdout, /^swiped visa-no-pin: \d\.\d\d s$/m);
  t.match(stdout, /^played .*double-swipe.json: connected swipe swipe swipe$/m);
  t.match(stderr, /\(pulled, head\); nothing was swiped\n.*\(flood, head\); nothing.*\n.*no test card of that name/);
  const { sampleRate, samples } = readWav(readFileSync(wav));
  t.strictSame(told(samples, sampleRate), ["swipe", "swipe", "swipe", "swipe"]);
  const wrong = spawnSync(process.execPath, [SIMULATOR, "reader", "--audio", "hw:CARD=PCH"], { encoding: "utf8" });
  t.equal(wrong.status, 2);
  t.match(wrong.stderr, /ends in \.wav, or pulse:<sink>/);
});
