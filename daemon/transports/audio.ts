import type { SwipewireError } from "@swipewire/protocol/failure";
import type { Random } from "@swipewire/protocol/random";
import { readerFamilies } from "@swipewire/protocol/readers/families";
import type { StreamEvent } from "@swipewire/protocol/readers/frame-stream";
import type { FixedFamily } from "@swipewire/protocol/readers/reader-frame";
import type { Clock } from "@swipewire/protocol/time";
import type { Baud } from "@swipewire/protocol/waveform/modem/modem-line";
import { type AudioInput, isInputPresent, openCapture } from "./audio-capture.ts";
import { HeadReader } from "./audio-head.ts";
import { InputLevel } from "./audio-level.ts";
import { ModemReader } from "./audio-modem.ts";
import type { Heard, SoundReader } from "./audio-sound.ts";
import type { ReaderTransport } from "./reader-transport.ts";
import type { ReportFrames } from "./report-frames.ts";
import { ReportTransport } from "./report-transport.ts";

export interface AudioOptions extends AudioInput {
  readonly name: string;
  /** Of a reader with the framed modem; without it there is a bare head. */
  readonly baud?: Baud;
  /** Of the frames that come over the modem; `ascii` unless told. */
  readonly family?: FixedFamily;
  /** Hears of a gain that is set badly. */
  readonly warn: (failure: SwipewireError) => void;
  readonly clock: Clock;
  readonly random: Random;
}

/**
 * A bare head, or a reader with the framed modem, on a sound input. The input counts as a connected reader while it gives
 * samples: what is in its plug, nobody can tell.
 */
export function audioTransport(options: AudioOptions): ReaderTransport {
  const { name, family = "ascii", clock, random, ...input } = options;
  const frames = new SampledFrames(options);
  return new ReportTransport({
    name,
    codec: readerFamilies[family],
    frames,
    open: ({ report, failed }) =>
      openCapture(input, { report, failed, begins: (sampleRate) => frames.begin(sampleRate) }, clock),
    present: () => isInputPresent(input.source),
    clock,
    random,
  });
}

/** Pieces of samples in, frames out. */
class SampledFrames implements ReportFrames {
  readonly #options: Pick<AudioOptions, "name" | "channels" | "baud" | "warn">;
  #reader: SoundReader | undefined;
  #level: InputLevel | undefined;
  /** Bytes of a frame of samples that was cut. */
  #rest = new Uint8Array();

  constructor(options: Pick<AudioOptions, "name" | "channels" | "baud" | "warn">) {
    this.#options = options;
  }

  /** @throws WaveformInput | ModemInput */
  begin(sampleRate: number): void {
    this.wipe();
    const { name, channels, baud, warn } = this.#options;
    const format = { sampleRate, channels };
    this.#reader = baud === undefined ? new HeadReader(format) : new ModemReader({ ...format, baud });
    this.#level = new InputLevel(name, sampleRate, warn);
  }

  push(piece: Uint8Array): StreamEvent[] {
    const { channels } = this.#options;
    const bytes = new Uint8Array(this.#rest.length + piece.length);
    bytes.set(this.#rest);
    bytes.set(piece, this.#rest.length);
    const whole = bytes.length - (bytes.length % (2 * channels));
    this.#rest = bytes.slice(whole);
    const samples = new Int16Array(bytes.buffer, 0, whole / 2);
    this.#level?.push(samples, channels);
    const heard = this.#reader?.push(samples) ?? [];
    bytes.fill(0);
    return this.#judged(heard);
  }

  flush(): StreamEvent[] {
    return this.#judged(this.#reader?.flush() ?? []);
  }

  wipe(): void {
    this.#reader?.wipe();
    this.#rest.fill(0);
    this.#rest = new Uint8Array();
  }

  #judged(heard: readonly Heard[]): StreamEvent[] {
    for (const { start, end, tellsGain } of heard) if (tellsGain) this.#level?.judge(start, end);
    return heard.map(({ event }) => event);
  }
}
