import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createInterface } from "node:readline";
import { SwipewireError } from "@swipewire/protocol/failure";
import { type Clock, Seconds, type Timer } from "@swipewire/protocol/time";
import { AudioCaptureFailed, AudioDeviceMissing, AudioProgramMissing } from "../errors.ts";
import { failureFrom } from "./audio-failures.ts";
import { hasPulseSource, PulseWatch, pulseSourceRate } from "./audio-pulse.ts";
import type { ReportDevice, ReportListener } from "./report-transport.ts";

export interface AudioInput {
  /** A PCM of ALSA: `hw:CARD=…`, `plughw:CARD=…`, or `pulse:<source>` for one of PulseAudio's or PipeWire's. */
  readonly source: string;
  /** Hz. Without it a source's own rate is taken, and elsewhere {@link USUAL_RATE}. */
  readonly sampleRate?: number;
  readonly channels: 1 | 2;
}

export interface CaptureListener extends ReportListener {
  /**
   * Before the first piece of samples, which are 16-bit little-endian, interleaved.
   * @throws a failure of Swipewire's, where nothing can be read at that rate
   */
  begins(sampleRate: number): void;
  /** Samples were lost: what follows does not join what came before. */
  lost?(): void;
}

const USUAL_RATE = 44_100;
/** Microseconds: pieces of 20 ms, and what may be missed by a busy machine. */
const PERIOD = 20_000;
const BUFFER = 200_000;
/** An input that gives no samples for so long has failed. */
const STALL = Seconds(3);
/** Characters of what arecord said last. */
const LAST_WORDS = 2000;

const pulseName = (source: string) => /^pulse:(.+)/.exec(source)?.[1];

/** Is the input still there? */
export async function isInputPresent(source: string): Promise<boolean> {
  const pulse = pulseName(source);
  if (pulse !== undefined) return hasPulseSource(pulse);
  const card = /^[a-z]+:(?:CARD=)?([^,]+)/.exec(source)?.[1] ?? "";
  return existsSync(`/proc/asound/${/^\d+$/.test(card) ? `card${card}` : card}`);
}

/**
 * Records from a sound input by `arecord`, which speaks to sound cards and sound servers alike. Resolves with the first
 * samples.
 * @param around.signal ends the opening, as a failure
 * @throws an `audio_*` failure, or what `begins` throws
 */
export async function openCapture(
  input: AudioInput,
  listener: CaptureListener,
  { clock, signal }: { readonly clock: Clock; readonly signal?: AbortSignal },
): Promise<ReportDevice> {
  const { source, channels } = input;
  const pulse = pulseName(source);
  const watch = pulse === undefined ? undefined : new PulseWatch(pulse);
  let rate = input.sampleRate ?? USUAL_RATE;
  try {
    if (pulse !== undefined) rate = input.sampleRate ?? (await pulseSourceRate(pulse, signal));
  } catch (error) {
    watch?.close();
    throw error;
  }
  const asked = ["-v", "-D", source, "-t", "raw", "-f", "S16_LE", "-c", `${channels}`, "-r", `${rate}`];
  const recorder = spawn("arecord", [...asked, `--period-time=${PERIOD}`, `--buffer-time=${BUFFER}`], {
    env: { ...process.env, LC_ALL: "C" },
    stdio: ["ignore", "pipe", "pipe"],
  });

  const ended = Promise.withResolvers<SwipewireError>();
  const began = Promise.withResolvers<undefined>();
  let lastWords = "";
  let hasBegun = false;
  let isHeard = false;
  let stall: Timer | undefined;

  const gone = new Promise<void>((resolve) => recorder.once("close", () => resolve()).once("error", () => resolve()));
  recorder.once("error", (cause) => ended.resolve(new AudioProgramMissing({ detail: "arecord", cause })));
  recorder.once("close", () => ended.resolve(failureFrom(lastWords, source, AudioCaptureFailed)));
  createInterface(recorder.stderr).on("line", (line) => {
    lastWords = `${lastWords}${line}\n`.slice(-LAST_WORDS);
    if (line.startsWith("overrun")) listener.lost?.();
    // An input may take another rate than it was asked for. The first setup told of is that of what arrives here.
    const actual = /^ +rate +: (\d+)$/.exec(line)?.[1];
    if (hasBegun || actual === undefined) return;
    hasBegun = true;
    try {
      listener.begins(Number(actual));
    } catch (error) {
      if (!(error instanceof SwipewireError)) throw error;
      ended.resolve(error);
    }
    recorder.stdout.on("readable", () => {
      if (recorder.stdout.readableLength > 0) began.resolve(undefined);
    });
  });
  const listenOn = () => {
    stall = clock.after(STALL, () => {
      if (!isHeard) ended.resolve(new AudioCaptureFailed({ detail: `${source}: no samples in ${STALL / 1000} s` }));
      isHeard = false;
      listenOn();
    });
  };
  listenOn();

  const close = async () => {
    stall?.cancel();
    watch?.close();
    // With samples that nobody reads it would not be gone.
    recorder.stdout.destroy();
    recorder.kill("SIGKILL");
    await gone;
  };
  const withdraw = () => recorder.kill("SIGKILL");
  if (signal?.aborted) withdraw();
  signal?.addEventListener("abort", withdraw);
  const failure = await Promise.race([began.promise, ended.promise]);
  signal?.removeEventListener("abort", withdraw);
  if (failure) {
    await close();
    throw failure;
  }
  if (recorder.pid !== undefined) {
    watch?.watch(recorder.pid, () => ended.resolve(new AudioDeviceMissing({ detail: source })));
  }
  // Flows from the next tick on, when whoever waits for this has been told.
  recorder.stdout.removeAllListeners("readable").on("data", (piece: Buffer) => {
    isHeard = true;
    listener.report(piece);
  });
  recorder.stdout.resume();
  void ended.promise.then(() => listener.failed());
  return { close };
}
