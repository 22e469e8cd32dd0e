import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readWav, writeWav } from "@swipewire/protocol/waveform/wav";
import { randomTrack } from "@swipewire/simulator/cards/random-card";
import { inspectSamples } from "@swipewire/simulator/inspect/recording";
import { drawRecording } from "@swipewire/simulator/inspect/recording-drawing";
import { Dice } from "@swipewire/simulator/waveform/dice";
import { swipeSignal } from "@swipewire/simulator/waveform/swipe-signal";
import t from "tap";

const RECORDINGS = join(import.meta.dirname, "../fixtures/recordings");
const SIM = join(import.meta.dirname, "../../simulator/bin/swipewire-sim.js");

t.test("every recording reads as the file beside it says", async (t) => {
  const names = readdirSync(RECORDINGS).filter((name) => name.endsWith(".wav"));
  t.ok(names.length >= 3);
  for (const name of names) {
    const expected = JSON.parse(readFileSync(join(RECORDINGS, name.replace(/\.wav$/, ".json")), "utf8"));
    const { swipes } = inspectSamples(readWav(readFileSync(join(RECORDINGS, name))));
    t.strictSame(
      swipes.map(({ tracks, failure }) => (failure ? failure.code : tracks.map(({ text }) => text))),
      expected.swipes,
      name,
    );
  }
});

t.test("the command line writes a swipe, reads it and draws it", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "swipewire-"));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const wav = join(folder, "swipe.wav");
  const svg = join(folder, "swipe.svg");
  const sim = (...args: string[]) => spawnSync(process.execPath, [SIM, ...args], { encoding: "utf8" });
  t.equal(sim("swipe", "--audio", wav, "--track", "1+2", "--backwards").status, 0);
  const { status, stdout } = sim("inspect", "--wav", wav, "--svg", svg, "--json");
  t.equal(status, 0);
  const [swipe] = JSON.parse(stdout).swipes;
  t.strictSame(
    swipe.tracks.map(({ number, direction }: { number: number; direction: string }) => [number, direction]),
    [
      [1, "backward"],
      [2, "backward"],
    ],
  );
  t.ok(existsSync(svg));
  const drawing = readFileSync(svg, "utf8");
  t.match(drawing, /6224242300000069=30122200000000000/);
  const characters = drawing.match(/font-size="12">[^<]+</g) ?? [];
  const all = swipe.tracks.reduce((sum: number, { text }: { text: string }) => sum + text.length + 1, 0);
  t.equal(characters.length, all, "each character of both tracks, and their LRCs");
  t.equal(sim("inspect", "--wav", svg).status, 2, "what is no recording is wrong usage");
});

t.test("of any but a test card neither characters nor bits are drawn", async (t) => {
  const dice = new Dice(5);
  const data = randomTrack(2, dice);
  const samples = swipeSignal(
    { number: 2, data },
    { sampleRate: 16_000, hand: { speed: 30 }, head: { pulseWidth: 0.07 }, line: { snr: 30 } },
    dice,
  );
  const recording = readWav(writeWav({ sampleRate: 16_000, channels: 1, samples }));
  const inspected = inspectSamples(recording);
  t.equal(inspected.swipes[0]?.tracks.length, 1);
  const pan = String.fromCharCode(...data.subarray(1, data.indexOf(0x3d)));
  const drawing = drawRecording(recording, inspected);
  t.notMatch(drawing + JSON.stringify(inspected.swipes), pan);
  t.match(drawing, `${pan.slice(0, 6)}*`);
  const points = /points="([^"]+)"/.exec(drawing)?.[1]?.split(" ").length ?? 0;
  t.ok(points > 0 && points < 60, `${points} points for hundreds of bits`);
  t.notMatch(drawing, "<polyline", "no fine signal");
  t.notMatch(drawing, "text-anchor", "no bits");
});

t.test("what is not a recording ends in a typed failure", async (t) => {
  const whole = writeWav({ sampleRate: 8000, channels: 1, samples: new Float32Array(100) });
  for (const bytes of [new Uint8Array(0), new Uint8Array(100), whole.slice(0, 40)]) {
    t.throws(() => readWav(bytes), { code: "wav_unreadable" });
  }
  t.equal(readWav(whole.slice(0, 60)).samples.length, 8, "one that was cut off is read as far as it goes");
});
