import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { Worker } from "node:worker_threads";
import type { TrackNumber } from "@swipewire/protocol/readers/reader-frame";
import { conditions } from "./conditions.ts";
import { cleanSpeed, type Outcome } from "./grid.ts";
import { askedSounds, idleSpeed, type SoundName, sounds } from "./no-cards.ts";
import { besideReference } from "./reference.ts";
import { asPicture, asTable, halfPoint, quantile, type Tally, wrongOf } from "./report.ts";
import { addUp, runsIn } from "./tally.ts";
import type { Done, Job } from "./worker.ts";

const SOUND_SECONDS = 60;
/** Few enough that workers end together, many enough that messages cost nothing. */
const BATCH = 4;
/** Seconds in which whoever swiped wants an answer. */
const SOON = 0.25;
const PROGRESS_MILLISECONDS = 30_000;

const allSounds = { ...sounds, ...askedSounds };

const USAGE = `npm run bench -- waveform [options]
  --swipes N        of each condition and track (default 4)
  --tracks 2,1      which tracks
  --conditions x,y  those whose group or name contains one of these
  --seed S          (default 1)
  --noise-hours H   so many hours of each sound that holds no card
  --sounds x,y      which of them (default the first ${Object.keys(sounds).length}): ${Object.keys(sounds).join(", ")}, and what
                    Debian packages are needed for: ${Object.keys(askedSounds).join(", ")}
  --tally F.jsonl   adds the run to what runs with other seeds gave, and prints the sum: long runs in pieces
  --workers N       threads (default 1)
  --picture F.svg   draws the rates`;

/**
 * How many simulated swipes are read, under each condition; what is accepted and wrong; how fast. 20,000 swipes of the grid
 * are `--swipes 139`, the harsh mix `--conditions "harsh mix" --swipes 3000`. Exit status 1 when anything wrong was accepted.
 */
export async function waveform(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      swipes: { type: "string", default: "4" },
      tracks: { type: "string", default: "2,1" },
      conditions: { type: "string", default: "" },
      seed: { type: "string", default: "1" },
      "noise-hours": { type: "string", default: "0" },
      sounds: { type: "string", default: Object.keys(sounds).join(",") },
      tally: { type: "string" },
      workers: { type: "string", default: "1" },
      picture: { type: "string" },
      help: { type: "boolean" },
    },
  });
  if (values.help) {
    process.stdout.write(`${USAGE}\n`);
    return;
  }
  const seed = Number(values.seed);
  const swipes = Number(values.swipes);
  const tracks = values.tracks.split(",").map(Number) as TrackNumber[];
  const wanted = values.conditions.split(",");
  const chosen = conditions
    .map((condition, index) => ({ condition, index }))
    .filter(({ condition }) => wanted.some((part) => `${condition.group}: ${condition.name}`.includes(part)));
  const tallies: Tally[] = chosen.flatMap(({ condition }) =>
    tracks.map((track) => ({ condition, track, outcomes: [] })),
  );

  const heardSounds = values.sounds.split(",").filter((name): name is SoundName => Object.hasOwn(allSounds, name));
  if (heardSounds.length !== values.sounds.split(",").length) throw new Error(`no such sound: ${values.sounds}`);
  // What is measured, but for what changes nothing of it.
  const run = JSON.stringify([seed, swipes, tracks, values.conditions, values["noise-hours"], values.sounds]);
  if (values.tally && runsIn(values.tally).some((other) => other.run === run)) {
    throw new Error(`${values.tally} has this run already: take another seed`);
  }

  const jobs: Job[] = [];
  for (let n = 0; n < swipes; n++) {
    for (const { index } of chosen) {
      for (const track of tracks) jobs.push({ kind: "swipe", condition: index, track, seed, n });
    }
  }
  const minutes = Math.ceil((Number(values["noise-hours"]) * 3600) / SOUND_SECONDS);
  for (let n = 0; n < minutes; n++) {
    for (const sound of heardSounds) {
      jobs.push({ kind: "sound", sound, seconds: SOUND_SECONDS, seed: seed * 1_000_003 + n });
    }
  }

  const heard = Object.fromEntries(
    (minutes > 0 ? heardSounds : []).map((name) => [
      name,
      { seconds: 0, swipes: 0, refused: [] as string[], taken: 0, slowest: 0 },
    ]),
  );
  let count = 0;
  let wrong = 0;
  let told = performance.now();
  await runAll(jobs, Number(values.workers), (done) => {
    count++;
    if (done.kind === "sound" && done.job.kind === "sound") {
      const sum = heard[done.job.sound];
      if (!sum) return;
      sum.seconds += done.heard.signal;
      sum.swipes += done.heard.swipes;
      sum.refused.push(...done.heard.refused);
      sum.taken += done.heard.taken;
      sum.slowest = Math.max(sum.slowest, done.heard.taken);
      wrong += done.heard.swipes;
      if (done.heard.swipes > 0) process.stderr.write(`WRONG: ${JSON.stringify(done.job)}\n`);
    } else if (done.kind === "swipe" && done.job.kind === "swipe") {
      const { track } = done.job;
      const condition = conditions[done.job.condition];
      tallies.find((tally) => tally.condition === condition && tally.track === track)?.outcomes.push(done.outcome);
      wrong += done.outcome.wrong;
      if (done.outcome.wrong > 0) {
        process.stderr.write(`WRONG: ${condition?.group}: ${condition?.name} ${JSON.stringify(done.job)}\n`);
      }
    }
    if (performance.now() - told > PROGRESS_MILLISECONDS) {
      told = performance.now();
      process.stderr.write(`${count} of ${jobs.length}, ${wrong} wrong\n`);
    }
  });

  const say = (line: string) => process.stdout.write(`${line}\n`);
  if (swipes > 0) {
    const outcomes = tallies.flatMap((tally) => tally.outcomes);
    say(`Node ${process.version}, ${process.arch}; seed ${seed}, ${swipes} swipes of each condition and track\n`);
    say(`${asTable(tallies, tracks)}\n`);
    for (const track of tracks) {
      const point = halfPoint(tallies.filter((tally) => tally.track === track));
      if (!Number.isNaN(point)) say(`track ${track}: half are read at ${point.toFixed(1)} dB`);
    }
    const comparison = besideReference(tallies, chosen.length === conditions.length);
    if (comparison) say(`\n${comparison}\n`);
    say(`${wrongOf(outcomes)} wrong accepts in ${outcomes.length} swipes`);
    const speed = (of: typeof outcomes) => of.map(({ signal, taken }) => signal / taken);
    const times = (value: number) => `${value.toFixed(value < 20 ? 1 : 0)} times`;
    say("speed, CPU time of one core, as a multiple of real time:");
    say(`  clean swipes ${times(cleanSpeed())}`);
    say(
      `  all swipes, median ${times(quantile(speed(outcomes), 0.5))}, slowest 5 % at ${times(quantile(speed(outcomes), 0.05))}`,
    );
    say(`  silence ${times(idleSpeed(0.5 / 32_768))}, steady noise ${times(idleSpeed(0.01))}`);
    const answered = outcomes.filter(({ delay }) => !Number.isNaN(delay));
    const within = (of: (outcome: Outcome) => number) => {
      const all = answered.map((outcome) => of(outcome) * 1000);
      const [median, most, longest] = [0.5, 0.95, 1].map((share) => quantile(all, share).toFixed(0));
      return `median ${median} ms, 95 % within ${most} ms, all within ${longest} ms`;
    };
    say("answer, counted from the last flux change:");
    say(`  signal that goes by until the swipe is over: ${within(({ delay }) => delay)}`);
    say(`  CPU time of one core from then on: ${within(({ work }) => work)}`);
    say(`  both: ${within(({ delay, work }) => delay + work)}`);
    const soon = answered.filter(({ delay, work }) => delay + work <= SOON).length;
    say(`  both within ${SOON * 1000} ms: ${soon} of ${answered.length}`);
    if (values.picture) {
      writeFileSync(values.picture, asPicture(tallies, tracks, `Swipes read, ${swipes} of each condition and track`));
    }
  }
  if (minutes > 0) {
    for (const [name, { seconds, swipes, refused, taken, slowest }] of Object.entries(heard)) {
      const codes = [...Map.groupBy(refused, (code) => code)].map(([code, all]) => `${all.length} ${code}`);
      say(
        `${name}: ${(seconds / 3600).toFixed(2)} h, ${swipes} accepted, ${refused.length} refused (${codes.join(", ")}), ${(seconds / taken).toFixed(0)} times real time, the slowest minute ${(SOUND_SECONDS / slowest).toFixed(0)} times`,
      );
    }
  }
  if (values.tally) {
    const outcomes = tallies.flatMap((tally) => tally.outcomes);
    say(
      addUp(values.tally, {
        run,
        swipes: outcomes.length,
        right: outcomes.filter(({ right }) => right).length,
        wrong: wrongOf(outcomes),
        sounds: Object.fromEntries(
          Object.entries(heard).map(([name, { seconds, swipes }]) => [name, { seconds, accepted: swipes }]),
        ),
      }),
    );
  }
  process.exitCode = wrong === 0 ? 0 : 1;
}

async function runAll(jobs: readonly Job[], workers: number, take: (done: Done) => void): Promise<void> {
  let next = 0;
  await Promise.all(
    Array.from({ length: Math.max(1, workers) }, async () => {
      const worker = new Worker(new URL("worker.ts", import.meta.url));
      await new Promise<void>((resolve, reject) => {
        const feed = () => {
          if (next >= jobs.length) return resolve();
          worker.postMessage(jobs.slice(next, next + BATCH));
          next += BATCH;
        };
        worker.on("message", (done: Done[]) => {
          for (const one of done) take(one);
          feed();
        });
        worker.on("error", reject);
        feed();
      });
      await worker.terminate();
    }),
  );
}
