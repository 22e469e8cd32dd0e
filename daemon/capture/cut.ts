import { HeadReader } from "../transports/audio-head.ts";
import { ModemReader } from "../transports/audio-modem.ts";
import { type AudioReader, inPieces, type Recording, samplesOf } from "./recording.ts";

/** Seconds around what was heard: the decoders listen to the noise before it, and wait for the silence after it. */
const BEFORE = 0.5;
const AFTER = 0.5;

/**
 * The stretch of a recorded sound in which cards or frames were read; its pieces are copies. What else the input gave may be
 * a card that nobody could read. Without pieces where nothing was read.
 */
export function cutToSwipes(reader: AudioReader, { pieces }: Pick<Recording, "pieces">): Recording {
  const { sampleRate, channels, baud } = reader;
  const format = { sampleRate, channels };
  const decoder = baud === undefined ? new HeadReader(format) : new ModemReader({ ...format, baud });
  const samples = samplesOf(pieces);
  const heard = [...decoder.push(samples), ...decoder.flush()];
  decoder.wipe();
  for (const { event } of heard) event.frame?.fill(0);
  const read = heard.filter(({ event }) => event.frame);
  const first = Math.min(...read.map(({ start }) => start)) - BEFORE * sampleRate;
  const last = Math.max(...read.map(({ end }) => end)) + AFTER * sampleRate;
  const stretch =
    read.length === 0
      ? new Int16Array()
      : samples.slice(Math.max(0, Math.floor(first)) * channels, Math.ceil(last) * channels);
  samples.fill(0);
  const cut = inPieces(stretch, format);
  stretch.fill(0);
  return { reader, pieces: cut };
}
