import { WavUnreadable } from "../errors.ts";

/** Samples of a sound, and their rate. */
export interface Recording {
  /** Hz. */
  readonly sampleRate: number;
  readonly channels: number;
  /** Interleaved; full scale is 1. */
  readonly samples: Float32Array;
}

const HEADER = 44;
const PCM = 1;
const FLOAT = 3;
const EXTENSIBLE = 0xfffe;
const tag = (view: DataView, at: number) => String.fromCharCode(...[0, 1, 2, 3].map((n) => view.getUint8(at + n)));

/** A RIFF WAVE file of 16-bit samples; what is beyond full scale is cut off. */
export function writeWav({ sampleRate, channels, samples }: Recording): Uint8Array {
  const bytes = new Uint8Array(HEADER + 2 * samples.length);
  const view = new DataView(bytes.buffer);
  const put = (at: number, text: string) => bytes.set(new TextEncoder().encode(text), at);
  put(0, "RIFF");
  view.setUint32(4, bytes.length - 8, true);
  put(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, PCM, true);
  view.setUint16(22, channels, true);
  view.setUint32(24, sampleRate, true);
  view.setUint32(28, 2 * channels * sampleRate, true);
  view.setUint16(32, 2 * channels, true);
  view.setUint16(34, 16, true);
  put(36, "data");
  view.setUint32(40, 2 * samples.length, true);
  samples.forEach((sample, n) => {
    view.setInt16(HEADER + 2 * n, Math.max(-32_768, Math.min(32_767, Math.round(sample * 32_768))), true);
  });
  return bytes;
}

/**
 * Reads PCM of 8, 16, 24 and 32 bits and floats of 32. A file that was cut off, as recorders leave it when they are killed,
 * is read as far as it goes.
 *
 * @throws WavUnreadable
 */
export function readWav(bytes: Uint8Array): Recording {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 12 || tag(view, 0) !== "RIFF" || tag(view, 8) !== "WAVE") {
    throw new WavUnreadable({ detail: "no RIFF WAVE header" });
  }
  let format: { kind: number; channels: number; sampleRate: number; bits: number } | undefined;
  for (let at = 12; at + 8 <= bytes.length; ) {
    const name = tag(view, at);
    const length = view.getUint32(at + 4, true);
    const body = at + 8;
    if (name === "fmt " && length >= 16 && body + 16 <= bytes.length) {
      const kind = view.getUint16(body, true);
      const isExtended = kind === EXTENSIBLE && length >= 26 && body + 26 <= bytes.length;
      format = {
        kind: isExtended ? view.getUint16(body + 24, true) : kind,
        channels: view.getUint16(body + 2, true),
        sampleRate: view.getUint32(body + 4, true),
        bits: view.getUint16(body + 14, true),
      };
    }
    if (name === "data") {
      if (!format) throw new WavUnreadable({ detail: "samples before their format" });
      const { channels, sampleRate } = format;
      const read = sampleReader(format.kind, format.bits);
      if (!read || channels < 1) {
        throw new WavUnreadable({ detail: `format ${format.kind}, ${format.bits} bits, ${channels} channels` });
      }
      const size = format.bits / 8;
      const frames = Math.floor(Math.min(length, bytes.length - body) / (size * channels));
      const samples = new Float32Array(frames * channels);
      for (let n = 0; n < samples.length; n++) samples[n] = read(view, body + n * size);
      return { sampleRate, channels, samples };
    }
    at = body + length + (length % 2);
  }
  throw new WavUnreadable({ detail: "no samples" });
}

function sampleReader(kind: number, bits: number): ((view: DataView, at: number) => number) | undefined {
  if (kind === FLOAT && bits === 32) return (view, at) => view.getFloat32(at, true);
  if (kind !== PCM) return undefined;
  if (bits === 8) return (view, at) => (view.getUint8(at) - 128) / 128;
  if (bits === 16) return (view, at) => view.getInt16(at, true) / 32_768;
  if (bits === 24) return (view, at) => (view.getUint16(at, true) / 256 + view.getInt8(at + 2) * 256) / 32_768;
  if (bits === 32) return (view, at) => view.getInt32(at, true) / 2 ** 31;
  return undefined;
}
