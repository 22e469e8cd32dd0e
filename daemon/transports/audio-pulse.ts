import { type ChildProcessByStdio, execFile, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { promisify } from "node:util";
import { checker } from "@swipewire/protocol/messages/parse";
import Type from "typebox";
import { AudioDeviceMissing, AudioProgramMissing, AudioServerUnreachable } from "../errors.ts";

/** What of `pactl --format=json list` is needed. */
const checkSources = checker(
  Type.Array(Type.Object({ index: Type.Integer(), name: Type.String(), sample_specification: Type.String() })),
);
const checkOutputs = checker(
  Type.Array(Type.Object({ source: Type.Integer(), properties: Type.Record(Type.String(), Type.String()) })),
);

const UNHEARD_MS = 5000;
/** A subscription takes as long as one of them. */
const MOST_LOOKS = 50;
const run = promisify(execFile);
/** In other languages pactl writes numbers that are no JSON. */
const env = () => ({ ...process.env, LC_ALL: "C" });

async function list<T>(what: string, check: (value: unknown) => T, signal?: AbortSignal): Promise<T> {
  try {
    const options = { env: env(), timeout: UNHEARD_MS, ...(signal && { signal }) };
    const { stdout } = await run("pactl", ["--format=json", "list", what], options);
    return check(JSON.parse(stdout));
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") throw new AudioProgramMissing({ detail: "pactl", cause });
    throw new AudioServerUnreachable({ cause });
  }
}

/**
 * The rate that a source records at, so that nothing is resampled.
 * @param signal ends the asking, as a failure
 * @throws AudioDeviceMissing | AudioProgramMissing | AudioServerUnreachable
 */
export async function pulseSourceRate(name: string, signal?: AbortSignal): Promise<number> {
  const source = (await list("sources", checkSources, signal)).find((source) => source.name === name);
  if (!source) throw new AudioDeviceMissing({ detail: name });
  return Number(/(\d+)Hz$/.exec(source.sample_specification)?.[1]);
}

/** Does the sound server run, and has it that source? */
export async function hasPulseSource(name: string): Promise<boolean> {
  const sources = await list("sources", checkSources).catch(() => []);
  return sources.some((source) => source.name === name);
}

/**
 * PulseAudio moves a recording to another source when its own goes away, and tells the program nothing: this watches that a
 * process still records from the source it was started for.
 */
export class PulseWatch {
  readonly #source: string;
  readonly #subscription: ChildProcessByStdio<null, Readable, null>;
  #lost: (() => void) | undefined;
  #isSubscribed = false;
  #looking = false;
  #again = false;

  constructor(source: string) {
    this.#source = source;
    this.#subscription = spawn("pactl", ["subscribe"], { env: env(), stdio: ["ignore", "pipe", "ignore"] });
    this.#subscription.on("error", () => this.#lost?.()).on("close", () => this.#lost?.());
  }

  /** @param lost the process does not record from the source, or nobody can tell any more */
  watch(processId: number, lost: () => void): void {
    this.#lost = lost;
    if (this.#subscription.pid === undefined || this.#subscription.exitCode !== null) lost();
    createInterface(this.#subscription.stdout).on("line", (line) => {
      if (this.#isSubscribed && !line.includes(" on source-output ")) return;
      this.#isSubscribed = true;
      void this.#look(processId);
    });
    void this.#look(processId);
  }

  close(): void {
    this.#lost = undefined;
    this.#subscription.kill("SIGKILL");
  }

  async #look(processId: number): Promise<void> {
    this.#again = true;
    if (this.#looking) return;
    this.#looking = true;
    for (let looks = 0; this.#again && this.#lost; looks++) {
      // Nothing tells when a subscription begins. Whoever asks is an event too: what happens is heard once that is.
      this.#again = !this.#isSubscribed;
      const isWell = await this.#recordsFromSource(processId).catch(() => false);
      if (!isWell || looks > MOST_LOOKS) this.#lost?.();
    }
    this.#looking = false;
  }

  async #recordsFromSource(processId: number): Promise<boolean> {
    const [sources, outputs] = await Promise.all([list("sources", checkSources), list("source-outputs", checkOutputs)]);
    const output = outputs.find(({ properties }) => properties["application.process.id"] === String(processId));
    return sources.some(({ index, name }) => index === output?.source && name === this.#source);
  }
}
