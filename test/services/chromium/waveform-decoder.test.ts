import { spawn } from "node:child_process";
import { once } from "node:events";
import { globSync, readFileSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { stripTypeScriptTypes } from "node:module";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { text } from "node:stream/consumers";
import { type Recording, readWav } from "@swipewire/protocol/waveform/wav";
import { WaveformDecoder } from "@swipewire/protocol/waveform/waveform-decoder";
import { testCard } from "@swipewire/simulator/cards/test-cards";
import { Dice } from "@swipewire/simulator/waveform/dice";
import { interleave, swipeSignal } from "@swipewire/simulator/waveform/swipe-signal";
import t, { type Test } from "tap";
import { told } from "./told.ts";

const root = join(import.meta.dirname, "../../..");
const PAGE =
  '<!doctype html><meta charset="utf-8"><title>decoder</title><script type="module" src="/page.js"></script>';

/** Two tracks on a stereo input, which no recording has yet. */
function stereo(): Recording {
  const [one, two] = testCard("unionpay-debit").tracks;
  if (!one || !two) throw new Error("the card has too few tracks");
  const conditions = { sampleRate: 44_100, hand: { speed: 30 }, head: { pulseWidth: 0.07 }, line: { snr: 35 } };
  const [left, right] = [one, two].map((track, n) => swipeSignal(track, conditions, new Dice(n)));
  if (!left || !right) throw new Error("two tracks are two signals");
  return { sampleRate: conditions.sampleRate, channels: 2, samples: interleave(left, right) };
}

/** What the page asks for; modules are the sources themselves, without their types. */
async function serve(t: Test, recordings: readonly Recording[]) {
  const answer = Promise.withResolvers<string>();
  const server = createServer(async (request, response) => {
    const path = request.url ?? "/";
    if (path === "/") response.setHeader("content-type", "text/html").end(PAGE);
    else if (path === "/recordings") {
      response.end(JSON.stringify(recordings.map(({ samples, ...format }) => ({ ...format, samples: [...samples] }))));
    } else if (path === "/answer") {
      answer.resolve(await text(request));
      response.end();
    } else {
      const file = /^\/(protocol\/[a-z0-9/-]+\.ts)$/.exec(path)?.[1];
      const own = ["told.ts", "page.js", "worker.js", "worklet.js"].find((name) => path === `/${name}`);
      if (file === undefined && own === undefined) {
        response.writeHead(404).end();
        return;
      }
      const source = await readFile(file ? join(root, file) : join(import.meta.dirname, own ?? ""), "utf8");
      response.setHeader("content-type", "text/javascript");
      response.end(path.endsWith(".ts") ? stripTypeScriptTypes(source) : source);
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.teardown(() => {
    server.close();
    server.closeAllConnections();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, answer: answer.promise };
}

async function openInChromium(t: Test, url: string): Promise<{ readonly gone: Promise<unknown> }> {
  const profile = await mkdtemp(join(tmpdir(), "swipewire-chromium-"));
  // Its own sandbox does not run as root, which CI is.
  const flags = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", `--user-data-dir=${profile}`];
  const chromium = spawn("chromium", [...flags, url], { stdio: "ignore", detached: true });
  const gone = once(chromium, "exit");
  t.teardown(async () => {
    // With all its processes.
    if (chromium.exitCode === null && chromium.pid !== undefined) process.kill(-chromium.pid, "SIGKILL");
    await gone;
    await rm(profile, { recursive: true, force: true, maxRetries: 5 });
  });
  return { gone };
}

t.test("Chromium hears in every recording what Node hears, in a worker and as live sound", async (t) => {
  const files = globSync("test/fixtures/recordings/*.wav", { cwd: root }).sort();
  t.ok(files.length >= 3);
  const recordings = [...files.map((file) => readWav(readFileSync(join(root, file)))), stereo()];
  const { url, answer } = await serve(t, recordings);
  const { gone } = await openInChromium(t, url);
  const came = await Promise.race([answer, gone.then(() => '{"error":"chromium ended"}')]);
  const { results = [], error } = JSON.parse(came);
  t.equal(error, undefined);
  t.equal(results.length, recordings.length);
  for (const [n, { sampleRate, channels, samples }] of recordings.entries()) {
    const decoder = new WaveformDecoder({ sampleRate, channels: channels === 2 ? 2 : 1 });
    const here = JSON.parse(JSON.stringify(told([...decoder.push(samples), ...decoder.flush()])));
    const name = basename(files[n] ?? "stereo");
    t.ok(here.length > 0, name);
    t.strictSame(results[n], { worker: here, worklet: here }, name);
  }
});
