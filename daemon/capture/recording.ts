import type { ReaderProfile } from "@swipewire/protocol/readers/profiles";
import { idText } from "@swipewire/protocol/readers/profiles";
import type {
  CapturedAudioReader,
  CapturedSerialReader,
  ReaderCapture,
} from "@swipewire/protocol/readers/reader-capture";
import { type Instant, isoTime } from "@swipewire/protocol/time";
import { readWav, writeWav } from "@swipewire/protocol/waveform/wav";
import type Type from "typebox";
import { CaptureFileUnreadable } from "../errors.ts";
import type { PluggedDevice } from "../readers/device-source.ts";

export interface UsbReader {
  readonly transport: "usb";
  readonly device: PluggedDevice;
  readonly profile: ReaderProfile;
  /** What it said when it was asked what it sends, as it travels. */
  readonly answers: readonly Uint8Array[];
}
export type SerialReader = Type.Static<typeof CapturedSerialReader>;
export interface AudioReader extends Type.Static<typeof CapturedAudioReader> {
  readonly sampleRate: number;
  readonly channels: 1 | 2;
}

/** A report, some bytes of a serial line, or samples: 16-bit little-endian, interleaved, whole frames. */
export interface Piece {
  /** Since the first piece, in milliseconds. */
  readonly ms: number;
  readonly bytes: Uint8Array;
}

/** What a reader sent, in memory. It may be any card's, so whoever has it wipes it. */
export interface Recording {
  readonly reader: UsbReader | SerialReader | AudioReader;
  readonly pieces: readonly Piece[];
}

export function wipeRecording({ pieces }: Pick<Recording, "pieces">): void {
  for (const { bytes } of pieces) bytes.fill(0);
}

const PIECE_SECONDS = 0.02;
const FULL_SCALE = 32_768;
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const fromHex = (text: string) => Uint8Array.from(Buffer.from(text, "hex"));

/** The file's content. Strings are made of it, which nobody can wipe: of test cards only. */
export function captureOf({ reader, pieces }: Recording, takenAt: Instant, about?: string): ReaderCapture {
  const head = { v: 1, ...(about !== undefined && { about }), takenAt: isoTime(takenAt) } as const;
  if (reader.transport === "audio") {
    const { sampleRate, channels, ...told } = reader;
    const samples = Float32Array.from(samplesOf(pieces), (sample) => sample / FULL_SCALE);
    return { ...head, reader: told, wav: Buffer.from(writeWav({ sampleRate, channels, samples })).toString("base64") };
  }
  const sent = pieces.map(({ ms, bytes }) => ({ ms, bytes: hex(bytes) }));
  if (reader.transport === "serial") return { ...head, reader, pieces: sent };
  const { profile, answers } = reader;
  const { shownAs, vendorId, productId, usagePage, reportDescriptor } = reader.device;
  if (shownAs === "serial") throw new TypeError("a serial port among the devices that send reports");
  const device = {
    shownAs,
    vendorId: idText(vendorId),
    productId: idText(productId),
    ...(usagePage !== undefined && { usagePage: idText(usagePage) }),
    ...(reportDescriptor && { reportDescriptor: hex(reportDescriptor) }),
  };
  return { ...head, reader: { transport: "usb", device, profile, answers: answers.map(hex) }, pieces: sent };
}

/** @throws CaptureFileUnreadable | WavUnreadable */
export function recordingOf(capture: ReaderCapture): Recording {
  if ("wav" in capture) return soundOf(capture.reader, fromBase64(capture.wav));
  const pieces = capture.pieces.map(({ ms, bytes }) => ({ ms, bytes: fromHex(bytes) }));
  if (capture.reader.transport === "serial") return { reader: capture.reader, pieces };
  const { device, profile, answers } = capture.reader;
  const { shownAs, vendorId, productId, usagePage, reportDescriptor } = device;
  const shown: PluggedDevice = {
    shownAs,
    address: "capture",
    port: "capture",
    vendorId: Number.parseInt(vendorId, 16),
    productId: Number.parseInt(productId, 16),
    ...(usagePage !== undefined && { usagePage: Number.parseInt(usagePage, 16) }),
    ...(reportDescriptor !== undefined && { reportDescriptor: fromHex(reportDescriptor) }),
  };
  return { reader: { transport: "usb", device: shown, profile, answers: answers.map(fromHex) }, pieces };
}

function soundOf(told: Type.Static<typeof CapturedAudioReader>, wav: Uint8Array): Recording {
  const { sampleRate, channels, samples } = readWav(wav);
  if (channels !== 1 && channels !== 2) throw new CaptureFileUnreadable({ detail: `${channels} channels` });
  const whole = Int16Array.from(samples, (sample) => Math.round(sample * FULL_SCALE));
  const pieces = inPieces(whole, { sampleRate, channels });
  return { reader: { ...told, sampleRate, channels }, pieces };
}

/** Samples as a sound input gives them. */
export function inPieces(
  samples: Int16Array,
  { sampleRate, channels }: Pick<AudioReader, "sampleRate" | "channels">,
): Piece[] {
  const step = Math.ceil(sampleRate * PIECE_SECONDS) * channels;
  return Array.from({ length: Math.ceil(samples.length / step) }, (_, n) => ({
    ms: Math.round((1000 * n * step) / channels / sampleRate),
    bytes: new Uint8Array(samples.slice(n * step, (n + 1) * step).buffer),
  }));
}

/** All samples of a sound input, interleaved. */
export function samplesOf(pieces: readonly Piece[]): Int16Array {
  const bytes = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.bytes.length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece.bytes, at);
    at += piece.bytes.length;
  }
  return new Int16Array(bytes.buffer, 0, Math.floor(bytes.length / 2));
}

const fromBase64 = (text: string) => Uint8Array.from(Buffer.from(text, "base64"));
