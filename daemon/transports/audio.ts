import { SwipeClipped, SwipeTooWeak } from "@swipewire/protocol/errors";
import type { SwipewireError } from "@swipewire/protocol/failure";
import type { Random } from "@swipewire/protocol/random";
import { asciiLines } from "@swipewire/protocol/readers/ascii-lines";
import type { StreamEvent } from "@swipewire/protocol/readers/frame-stream";
import type { ReaderTrack, TrackNumber } from "@swipewire/protocol/readers/reader-frame";
import type { Clock } from "@swipewire/protocol/time";
import { WaveformDecoder } from "@swipewire/protocol/waveform/waveform-decoder";
import type { WaveformEvent, WaveformTrack } from "@swipewire/protocol/waveform/waveform-event";
import { type AudioInput, isInputPresent, openCapture } from "./audio-capture.ts";
import { InputLevel } from "./audio-level.ts";
import type { ReaderTransport } from "./reader-transport.ts";
import type { ReportFrames } from "./report-frames.ts";
import { ReportTransport } from "./report-transport.ts";

export interface AudioOptions extends AudioInput {
  readonly name: string;
  /** Hears of a gain that is set badly. */
  readonly warn: (failure: SwipewireError) => void;
  readonly clock: Clock;
  readonly random: Random;
}

/**
 * A bare head on a sound input. What is read off it goes on as plain lines, family `ascii`. The input counts as a connected
 * reader while it gives samples: whether a head is in its plug, nobody can tell.
 */
export function audioTransport({ name, warn, clock, random, ...input }: AudioOptions): ReaderTransport {
  const swipes = new SampledSwipes(name, input.channels, warn);
  return new ReportTransport({
    name,
    codec: asciiLines,
    frames: swipes,
    open: ({ report, failed }) =>
      openCapture(input, { report, failed, begins: (sampleRate) => swipes.begin(sampleRate) }, clock),
    present: () => isInputPresent(input.source),
    clock,
    random,
  });
}

/** Pieces of samples in, lines of tracks out. */
class SampledSwipes implements ReportFrames {
  readonly #name: string;
  readonly #channels: 1 | 2;
  readonly #warn: (failure: SwipewireError) => void;
  #decoder: WaveformDecoder | undefined;
  #level: InputLevel | undefined;
  /** Bytes of a frame of samples that was cut. */
  #rest = new Uint8Array();

  constructor(name: string, channels: 1 | 2, warn: (failure: SwipewireError) => void) {
    this.#name = name;
    this.#channels = channels;
    this.#warn = warn;
  }

  /** @throws WaveformInput */
  begin(sampleRate: number): void {
    this.wipe();
    this.#decoder = new WaveformDecoder({ sampleRate, channels: this.#channels });
    this.#level = new InputLevel(this.#name, sampleRate, this.#warn);
  }

  push(piece: Uint8Array): StreamEvent[] {
    const size = 2 * this.#channels;
    const bytes = new Uint8Array(this.#rest.length + piece.length);
    bytes.set(this.#rest);
    bytes.set(piece, this.#rest.length);
    const whole = bytes.length - (bytes.length % size);
    this.#rest = bytes.slice(whole);
    const samples = new Int16Array(bytes.buffer, 0, whole / 2);
    this.#level?.push(samples, this.#channels);
    const events = this.#decoder?.push(samples) ?? [];
    bytes.fill(0);
    return events.map((event) => this.#frameOf(event));
  }

  flush(): StreamEvent[] {
    return (this.#decoder?.flush() ?? []).map((event) => this.#frameOf(event));
  }

  wipe(): void {
    this.#decoder?.wipe();
    this.#rest.fill(0);
    this.#rest = new Uint8Array();
  }

  #frameOf(event: WaveformEvent): StreamEvent {
    const wasCard = event.kind === "swipe" || GAIN_FAILURES.some((Failure) => event.failure instanceof Failure);
    if (wasCard) this.#level?.judge(event.start, event.end);
    return event.kind === "swipe" ? { frame: lineOf(event.tracks) } : { failure: event.failure };
  }
}

const GAIN_FAILURES = [SwipeClipped, SwipeTooWeak];

/** The tracks are wiped. */
function lineOf(read: readonly WaveformTrack[]): Uint8Array {
  const trackOf = (number: TrackNumber): ReaderTrack => {
    const track = read.find((track) => track.number === number);
    return track ? { number, state: "read", clear: track.data } : { number, state: "blank" };
  };
  const frame = asciiLines.encode({
    family: "ascii",
    encoding: "undetermined",
    tracks: [trackOf(1), trackOf(2), trackOf(3)],
    checks: [],
  });
  for (const { data } of read) data.wipe();
  return frame;
}
