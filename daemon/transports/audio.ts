import type { SwipewireError } from "@swipewire/protocol/failure";
import type { Random } from "@swipewire/protocol/random";
import { readerFamilies } from "@swipewire/protocol/readers/families";
import type { StreamEvent } from "@swipewire/protocol/readers/frame-stream";
import type { FixedFamily } from "@swipewire/protocol/readers/reader-frame";
import type { Clock } from "@swipewire/protocol/time";
import type { Baud } from "@swipewire/protocol/waveform/modem/modem-line";
import { AudioInputStrange } from "../errors.ts";
import { type AudioInput, isInputPresent, openCapture } from "./audio-capture.ts";
import { HeadReader } from "./audio-head.ts";
import { ModemHost } from "./audio-host.ts";
import { InputLevel } from "./audio-level.ts";
import { type ModemEar, ModemReader } from "./audio-modem.ts";
import { openPlayback } from "./audio-playback.ts";
import type { Heard, SoundReader } from "./audio-sound.ts";
import type { ReaderTransport } from "./reader-transport.ts";
import type { ReportFrames } from "./report-frames.ts";
import { ReportTransport } from "./report-transport.ts";

export interface AudioOptions extends AudioInput {
  readonly name: string;
  /** Of a reader with the framed modem; without it there is a bare head. */
  readonly baud?: Baud;
  /** Where a modem's reader is fed and armed: a stereo PCM of ALSA. Without it the reader is one that needs neither. */
  readonly output?: string;
  /** Of the frames that come over the modem; `ascii` unless told. */
  readonly family?: FixedFamily;
  /** Records; by `arecord` unless given. */
  readonly record?: typeof openCapture;
  /** Hears of a gain that is set badly, and of an input that seems to be another one. */
  readonly warn: (failure: SwipewireError) => void;
  readonly clock: Clock;
  readonly random: Random;
}

/** Hz. The lowest that the power tone goes with. */
const OUTPUT_RATE = 44_100;
/** One after another that are no cards: nobody swipes so often in vain. */
const STRANGE = 24;

/**
 * A bare head, or a reader with the framed modem, on a sound input. The input counts as a connected reader while it gives
 * samples: what is in its plug, nobody can tell.
 */
export function audioTransport(options: AudioOptions): ReaderTransport {
  const { name, family = "ascii", baud, output, record: capture = openCapture, clock, random, ...input } = options;
  const line = baud === undefined || output === undefined ? undefined : { sampleRate: OUTPUT_RATE, baud };
  const host = line && new ModemHost(line, clock);
  const frames = new SampledFrames(options, host);
  return new ReportTransport({
    name,
    codec: readerFamilies[family],
    frames,
    async open({ report, failed }, signal) {
      const record = () =>
        capture(
          input,
          { report, failed, begins: (sampleRate) => frames.begin(sampleRate), lost: () => frames.tear() },
          { clock, signal },
        );
      if (!host || output === undefined) return record();
      const take = (count: number) => host.take(count);
      const playback = await openPlayback({ output, sampleRate: OUTPUT_RATE, take, failed }, signal);
      const recording = await record().catch(async (error: unknown) => {
        await playback.close();
        throw error;
      });
      host.begin();
      return {
        async close() {
          host.end();
          await Promise.all([recording.close(), playback.close()]);
        },
      };
    },
    present: () => isInputPresent(input.source),
    clock,
    random,
  });
}

/** Pieces of samples in, frames out. */
class SampledFrames implements ReportFrames {
  readonly #options: Pick<AudioOptions, "name" | "channels" | "baud" | "warn">;
  readonly #host: ModemEar | undefined;
  #reader: SoundReader | undefined;
  #level: InputLevel | undefined;
  /** Sounds that were no card, since one was. */
  #strange = 0;
  /** Bytes of a frame of samples that was cut. */
  #rest = new Uint8Array();

  constructor(options: Pick<AudioOptions, "name" | "channels" | "baud" | "warn">, host: ModemEar | undefined) {
    this.#options = options;
    this.#host = host;
  }

  /** @throws WaveformInput | ModemInput */
  begin(sampleRate: number): void {
    this.wipe();
    const { name, channels, baud, warn } = this.#options;
    const format = { sampleRate, channels };
    this.#reader = baud === undefined ? new HeadReader(format) : new ModemReader({ ...format, baud }, this.#host);
    this.#level = new InputLevel(name, sampleRate, warn);
  }

  /** A swipe from both sides of a gap would lack bits, and zeros may be missing unnoticed: nothing of it is read. */
  tear(): void {
    this.#reader?.wipe();
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
    for (const { event, start, end, tellsGain } of heard) {
      if (tellsGain) this.#level?.judge(start, end);
      this.#strange = event.failure ? this.#strange + 1 : 0;
      const { name, warn } = this.#options;
      if (this.#strange === STRANGE) warn(new AudioInputStrange({ detail: name }));
    }
    return heard.map(({ event }) => event);
  }
}
