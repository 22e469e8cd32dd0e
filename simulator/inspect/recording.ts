import { maskTrack } from "@swipewire/protocol/card/masking";
import { WavUnreadable } from "@swipewire/protocol/errors";
import type { TrackNumber } from "@swipewire/protocol/readers/reader-frame";
import type { Recording } from "@swipewire/protocol/waveform/wav";
import { WaveformDecoder } from "@swipewire/protocol/waveform/waveform-decoder";
import type { ReadBasis } from "@swipewire/protocol/waveform/waveform-event";
import { isTestTrack } from "../cards/shown-in-full.ts";

export interface InspectedSwipe {
  /** Seconds. */
  readonly start: number;
  readonly end: number;
  readonly tracks: readonly InspectedRead[];
  /** Of a failed one: its code, and what to do. */
  readonly failure?: { readonly code: string; readonly what: string; readonly todo: string };
}

export interface InspectedRead {
  readonly number: TrackNumber;
  readonly channel: number;
  readonly direction: string;
  readonly basis: ReadBasis;
  readonly residual: number;
  readonly votes: number;
  /** cm/s. */
  readonly speeds: readonly number[];
  /** In full for test cards only; absent where nothing may be shown. */
  readonly text?: string;
  readonly isTestCard: boolean;
}

/** The best run of flux changes of a swipe, for its drawing. Holds card data where a card was read. */
export interface DrawnRun {
  readonly channel: number;
  /** In samples of the recording; of each flux change. */
  readonly places: readonly number[];
  readonly bits: readonly { readonly start: number; readonly end: number; readonly bit: number }[];
  readonly start: number;
  readonly end: number;
  /** Where a track was read: the first bit of its characters, and the one behind its LRC. */
  readonly characters?: { readonly first: number; readonly end: number };
}

export interface InspectedRecording {
  readonly seconds: number;
  readonly sampleRate: number;
  readonly channels: number;
  readonly swipes: readonly InspectedSwipe[];
  readonly runs: readonly DrawnRun[];
}

/** Decodes a recording as the daemon would. @throws WavUnreadable | WaveformInput */
export function inspectSamples({ sampleRate, channels, samples }: Recording): InspectedRecording {
  if (channels !== 1 && channels !== 2) throw new WavUnreadable({ detail: `${channels} channels` });
  const runs: DrawnRun[] = [];
  const decoder = new WaveformDecoder({
    sampleRate,
    channels,
    observe: (channel, origin, _voter, { bits, edges, middles }, reads) => {
      const [read] = reads;
      const start = origin + (edges[0] ?? 0);
      const end = origin + (edges[bits.length] ?? 0);
      const rival = runs.findIndex((run) => run.channel === channel && run.start < end && start < run.end);
      const other = runs[rival];
      const isBetter = !other || (read ? !other.characters : !other.characters && other.bits.length < bits.length);
      if (!isBetter) return;
      const places = [...edges, ...middles].filter((at) => !Number.isNaN(at)).map((at) => origin + at);
      const run: DrawnRun = {
        channel,
        start,
        end,
        places: places.sort((a, b) => a - b),
        bits: Array.from(bits, (bit, n) => ({
          start: origin + (edges[n] ?? 0),
          end: origin + (edges[n + 1] ?? 0),
          bit,
        })),
        ...(read && { characters: { first: read.firstBit, end: read.endBit } }),
      };
      runs.splice(rival < 0 ? runs.length : rival, rival < 0 ? 0 : 1, run);
    },
  });
  const swipes = [...decoder.push(samples), ...decoder.flush()].map((event): InspectedSwipe => {
    const at = { start: event.start / sampleRate, end: event.end / sampleRate };
    if (event.kind === "failure") {
      const { code, text } = event.failure;
      return { ...at, tracks: [], failure: { code, what: text.what, todo: text.todo } };
    }
    return {
      ...at,
      tracks: event.tracks.map(({ number, data, ...rest }) => {
        const isTestCard = data.use((bytes) => isTestTrack(number, bytes));
        const text = data.use((bytes) => (isTestCard ? String.fromCharCode(...bytes) : maskTrack(number, bytes)));
        data.wipe();
        return { number, ...rest, isTestCard, ...(text !== undefined && { text }) };
      }),
    };
  });
  decoder.wipe();
  return { seconds: samples.length / channels / sampleRate, sampleRate, channels, swipes, runs };
}

/** For a person at a terminal. */
export function recordingAsText({ seconds, sampleRate, channels, swipes }: InspectedRecording): string {
  const lines = [`${seconds.toFixed(2)} s, ${sampleRate} Hz, ${channels === 1 ? "one channel" : "two channels"}`];
  if (swipes.length === 0) lines.push("nothing was swiped");
  for (const { start, end, tracks, failure } of swipes) {
    lines.push("", `${start.toFixed(3)} to ${end.toFixed(3)} s`);
    for (const { number, text, direction, speeds, residual, votes, basis } of tracks) {
      lines.push(`  ${number}  ${text ?? "not shown"}`);
      lines.push(`     ${direction}, ${Math.min(...speeds)} to ${Math.max(...speeds)} cm/s`);
      lines.push(
        `     believed by ${basis}: residual ${(residual * 100).toFixed(1)} % of a bit, ${votes} filters agree`,
      );
    }
    if (failure) lines.push(`  ${failure.code}: ${failure.what}`, `     ${failure.todo}`);
  }
  return `${lines.join("\n")}\n`;
}
