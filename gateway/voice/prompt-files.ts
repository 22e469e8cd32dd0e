import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Duration, Seconds } from "@swipewire/protocol/time";
import { VoicePromptUnusable } from "../errors.ts";
import type { Prompt } from "./voice-channel.ts";

/** Those we ship, made by `make-prompts.sh`. */
export const SHIPPED_PROMPTS = join(import.meta.dirname, "prompts");

/** What goes into G.711 unchanged. */
const SAMPLE_RATE = 8_000;
const BYTES_PER_SECOND = SAMPLE_RATE * 2;
const PAUSE = Seconds(8);
const LINEAR_PCM = 1;
const HEADER = 44;

/**
 * A recording of a prompt, `<folder>/<language>/<prompt>.wav`: WAV with 8 kHz, mono, 16-bit linear PCM.
 * @returns its samples
 * @throws VoicePromptUnusable
 */
export async function readPrompt(folder: string, language: string, prompt: Prompt): Promise<Buffer> {
  const file = join(folder, language, `${prompt}.wav`);
  let wav: Buffer;
  try {
    wav = await readFile(file);
  } catch (cause) {
    const { code = "unreadable" } = cause as NodeJS.ErrnoException;
    throw new VoicePromptUnusable({ detail: `${file}: ${code}`, cause });
  }
  const unusable = (what: string) => new VoicePromptUnusable({ detail: `${file}: ${what}` });
  if (wav.toString("latin1", 0, 4) !== "RIFF" || wav.toString("latin1", 8, 12) !== "WAVE") throw unusable("no WAV");
  const format = chunk(wav, "fmt ");
  if (!format || format.length < 16) throw unusable("no format in it");
  const [encoding, channels, rate, bits] = [
    format.readUInt16LE(0),
    format.readUInt16LE(2),
    format.readUInt32LE(4),
    format.readUInt16LE(14),
  ];
  if (encoding !== LINEAR_PCM || channels !== 1 || rate !== SAMPLE_RATE || bits !== 16) {
    throw unusable(`encoding ${encoding}, ${channels} channels, ${rate} Hz, ${bits} bits`);
  }
  const samples = chunk(wav, "data");
  if (!samples || samples.length < 2) throw unusable("no sound in it");
  return samples.subarray(0, samples.length & ~1);
}

/** A RIFF chunk is a name of four letters, a 32-bit length, and its content, padded to an even length. */
function chunk(wav: Buffer, name: string): Buffer | undefined {
  for (let at = 12; at + 8 <= wav.length; ) {
    const length = wav.readUInt32LE(at + 4);
    if (wav.toString("latin1", at, at + 4) === name) return wav.subarray(at + 8, at + 8 + length);
    at += 8 + length + (length % 2);
  }
  return undefined;
}

/**
 * A WAV file as long as the longest call, for a call is over when its file is. The prompt comes again and again, with
 * pauses: where the network opens the line before the payer picks up, nobody hears it the first time.
 */
export function promptForCall(samples: Buffer, length: Duration): Buffer {
  const sound = Buffer.alloc(Math.ceil(length / 1_000) * BYTES_PER_SECOND);
  const pause = (PAUSE / 1_000) * BYTES_PER_SECOND;
  for (let at = 0; at < sound.length; at += samples.length + pause) samples.copy(sound, at);
  const header = Buffer.alloc(HEADER);
  header.write("RIFF", 0, "latin1");
  header.writeUInt32LE(HEADER - 8 + sound.length, 4);
  header.write("WAVEfmt ", 8, "latin1");
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(LINEAR_PCM, 20);
  header.writeUInt16LE(1, 22);
  header.writeUInt32LE(SAMPLE_RATE, 24);
  header.writeUInt32LE(BYTES_PER_SECOND, 28);
  header.writeUInt16LE(2, 32);
  header.writeUInt16LE(16, 34);
  header.write("data", 36, "latin1");
  header.writeUInt32LE(sound.length, 40);
  return Buffer.concat([header, sound]);
}
