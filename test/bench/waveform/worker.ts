import { parentPort } from "node:worker_threads";
import type { TrackNumber } from "@swipewire/protocol/readers/reader-frame";
import { conditions } from "./conditions.ts";
import { type Outcome, seedOf, tryOne } from "./grid.ts";
import { type Heard, listen, type SoundName } from "./no-cards.ts";

export type Job =
  | {
      readonly kind: "swipe";
      readonly condition: number;
      readonly track: TrackNumber;
      readonly seed: number;
      readonly n: number;
    }
  | { readonly kind: "sound"; readonly sound: SoundName; readonly seconds: number; readonly seed: number };

export type Done = { readonly job: Job } & (
  | { readonly kind: "swipe"; readonly outcome: Outcome }
  | { readonly kind: "sound"; readonly heard: Heard }
);

function done(job: Job): Done {
  if (job.kind === "sound") return { job, kind: "sound", heard: listen(job.sound, job.seconds, job.seed) };
  const condition = conditions[job.condition];
  if (!condition) throw new Error(`no condition ${job.condition}`);
  return { job, kind: "swipe", outcome: tryOne(condition, job.track, seedOf(condition, job.track, job.seed, job.n)) };
}

const port = parentPort;
if (!port) throw new Error("started by run.ts alone");
port.on("message", (jobs: readonly Job[]) => port.postMessage(jobs.map(done)));
