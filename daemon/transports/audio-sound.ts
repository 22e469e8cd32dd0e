import type { StreamEvent } from "@swipewire/protocol/readers/frame-stream";

/** What came of a stretch of sound. */
export interface Heard {
  readonly event: StreamEvent;
  /** In frames of samples since the first. */
  readonly start: number;
  readonly end: number;
  /** It was a card or a reader for sure, so that its loudness tells how the gain is set. */
  readonly tellsGain: boolean;
}

/** Makes frames of a sound input's samples, which come in pieces of any size; they stay the caller's to wipe. */
export interface SoundReader {
  push(samples: Int16Array): Heard[];
  /** No more samples come for now. */
  flush(): Heard[];
  wipe(): void;
}
