import { spawn } from "node:child_process";
import type { SwipewireError } from "@swipewire/protocol/failure";
import { AudioPlaybackFailed, AudioProgramMissing } from "../errors.ts";
import { failureFrom } from "./audio-failures.ts";
import type { ReportDevice } from "./report-transport.ts";

export interface AudioOutput {
  /** A PCM of ALSA: `hw:CARD=…`, `plughw:CARD=…`, or `pulse:<sink>`. */
  readonly output: string;
  readonly sampleRate: number;
  /** Left and right in turn; full scale is 1. Asked for a little ahead of the sound. */
  readonly take: (frames: number) => Float32Array;
  /** The playing has ended; told once. */
  readonly failed: () => void;
}

const PIECE_SECONDS = 0.02;
/** Microseconds. */
const PERIOD = 20_000;
const BUFFER = 100_000;

/**
 * Plays by `aplay` until it is closed. Resolves when the output takes samples.
 * @param signal ends the opening, as a failure
 * @throws an `audio_*` failure
 */
export async function openPlayback(
  { output, sampleRate, take, failed }: AudioOutput,
  signal: AbortSignal,
): Promise<ReportDevice> {
  const form = ["-t", "raw", "-f", "S16_LE", "-c", "2", "-r", `${sampleRate}`];
  const times = [`--period-time=${PERIOD}`, `--buffer-time=${BUFFER}`];
  const player = spawn("aplay", ["-q", "-D", output, ...form, ...times], {
    env: { ...process.env, LC_ALL: "C" },
    stdio: ["pipe", "ignore", "pipe"],
  });
  const ended = Promise.withResolvers<SwipewireError>();
  const began = Promise.withResolvers<undefined>();
  let lastWords = "";
  player.stderr.setEncoding("utf8").on("data", (words: string) => {
    lastWords = words;
  });
  const gone = new Promise<void>((resolve) => player.once("close", () => resolve()).once("error", () => resolve()));
  player.once("error", (cause) => ended.resolve(new AudioProgramMissing({ detail: "aplay", cause })));
  player.once("close", () => ended.resolve(failureFrom(lastWords, output, AudioPlaybackFailed)));
  // The pipe breaks when aplay ends, which is told above.
  player.stdin.on("error", () => {});
  const frames = Math.round(sampleRate * PIECE_SECONDS);
  const fill = () => {
    if (!player.stdin.writable) return;
    const samples = Int16Array.from(take(frames), (value) => Math.round(value * 32_767));
    if (player.stdin.write(new Uint8Array(samples.buffer))) setImmediate(fill);
  };
  // Pipe and program are full: what they take from now on is played.
  player.stdin.on("drain", () => {
    began.resolve(undefined);
    fill();
  });
  fill();
  const close = async () => {
    player.kill("SIGKILL");
    await gone;
  };
  const withdraw = () => player.kill("SIGKILL");
  if (signal.aborted) withdraw();
  signal.addEventListener("abort", withdraw);
  const failure = await Promise.race([began.promise, ended.promise]);
  signal.removeEventListener("abort", withdraw);
  if (failure) throw failure;
  void ended.promise.then(failed);
  return { close };
}
