import { open, writeFile } from "node:fs/promises";
import type { Baud } from "@swipewire/protocol/waveform/modem/modem-line";
import { readWav } from "@swipewire/protocol/waveform/wav";
import { InspectInputTooLarge, InspectInputUnreadable } from "../errors.ts";
import { framesAsJson, framesAsText, inspectModem } from "./modem-recording.ts";
import { inspectSamples, recordingAsText } from "./recording.ts";
import { drawRecording } from "./recording-drawing.ts";

/** Ten minutes of stereo at 48 kHz and 16 bits. */
const LIMIT = 120_000_000;

/** `inspect --wav`: exit status 0 where all that was swiped could be read, and something was. */
export async function inspectRecording(path: string, drawing: string | undefined, json: boolean): Promise<void> {
  const bytes = await readLimited(path);
  const recording = readWav(bytes);
  try {
    const inspected = inspectSamples(recording);
    const { runs: _runs, ...told } = inspected;
    process.stdout.write(json ? `${JSON.stringify(told, null, 2)}\n` : recordingAsText(inspected));
    if (drawing !== undefined) await writeFile(drawing, drawRecording(recording, inspected));
    process.exitCode = inspected.swipes.length > 0 && inspected.swipes.every(({ failure }) => !failure) ? 0 : 1;
  } finally {
    bytes.fill(0);
    recording.samples.fill(0);
  }
}

/** `inspect --wav --modem`: exit status 0 where all frames could be read, and there was one. */
export async function inspectModemRecording(path: string, baud: Baud, json: boolean): Promise<void> {
  const bytes = await readLimited(path);
  const recording = readWav(bytes);
  try {
    const frames = inspectModem(recording, baud);
    process.stdout.write(json ? framesAsJson(frames) : framesAsText(frames));
    process.exitCode = frames.length > 0 && frames.every(({ failure }) => !failure) ? 0 : 1;
  } finally {
    bytes.fill(0);
    recording.samples.fill(0);
  }
}

async function readLimited(path: string): Promise<Uint8Array> {
  try {
    await using file = await open(path);
    const { size } = await file.stat();
    if (size > LIMIT) throw new InspectInputTooLarge({ detail: `more than ${LIMIT} bytes` });
    return await file.readFile();
  } catch (cause) {
    if (cause instanceof InspectInputTooLarge) throw cause;
    throw new InspectInputUnreadable({ detail: (cause as NodeJS.ErrnoException).code ?? "no data", cause });
  }
}
