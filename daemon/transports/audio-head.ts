import { SwipeClipped, SwipeTooWeak } from "@swipewire/protocol/errors";
import { asciiLines } from "@swipewire/protocol/readers/ascii-lines";
import type { ReaderTrack, TrackNumber } from "@swipewire/protocol/readers/reader-frame";
import { WaveformDecoder } from "@swipewire/protocol/waveform/waveform-decoder";
import type { WaveformEvent, WaveformTrack } from "@swipewire/protocol/waveform/waveform-event";
import type { Heard, SoundReader } from "./audio-sound.ts";

/** A bare head: each swipe becomes a frame of plain lines, as the family `ascii` has them. */
export class HeadReader implements SoundReader {
  readonly #decoder: WaveformDecoder;

  /** @throws WaveformInput */
  constructor(format: { readonly sampleRate: number; readonly channels: 1 | 2 }) {
    this.#decoder = new WaveformDecoder(format);
  }

  push(samples: Int16Array): Heard[] {
    return this.#decoder.push(samples).map(heard);
  }

  flush(): Heard[] {
    return this.#decoder.flush().map(heard);
  }

  wipe(): void {
    this.#decoder.wipe();
  }
}

const heard = (event: WaveformEvent): Heard => {
  const { start, end } = event;
  if (event.kind === "swipe") return { event: { frame: lineOf(event.tracks) }, start, end, tellsGain: true };
  const { failure } = event;
  const tellsGain = failure instanceof SwipeClipped || failure instanceof SwipeTooWeak;
  return { event: { failure }, start, end, tellsGain };
};

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
