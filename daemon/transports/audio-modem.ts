import { SwipewireError } from "@swipewire/protocol/failure";
import { ModemDecoder } from "@swipewire/protocol/waveform/modem/modem-decoder";
import type { ModemEvent } from "@swipewire/protocol/waveform/modem/modem-event";
import type { ModemLine } from "@swipewire/protocol/waveform/modem/modem-line";
import { type ReaderMessage, readReaderMessage } from "@swipewire/protocol/waveform/modem/modem-message";
import type { Heard, SoundReader } from "./audio-sound.ts";

/** Who is told of what a reader says, and of what could not be read. */
export interface ModemEar {
  hear(message: ReaderMessage): void;
  missed(): void;
}

const NOBODY: ModemEar = { hear: () => {}, missed: () => {} };

/** A reader with the framed modem, on the first channel. */
export class ModemReader implements SoundReader {
  readonly #decoder: ModemDecoder;
  readonly #channels: number;
  readonly #host: ModemEar;

  /**
   * @param host hears all that the reader says; the frame of a swipe is not its own. Absent where nobody arms the reader
   * @throws ModemInput
   */
  constructor({ channels, ...line }: ModemLine & { readonly channels: number }, host: ModemEar = NOBODY) {
    this.#decoder = new ModemDecoder(line);
    this.#channels = channels;
    this.#host = host;
  }

  push(samples: Int16Array): Heard[] {
    if (this.#channels === 1) return this.#heard(this.#decoder.push(samples));
    const first = samples.filter((_, n) => n % this.#channels === 0);
    const events = this.#decoder.push(first);
    first.fill(0);
    return this.#heard(events);
  }

  flush(): Heard[] {
    return this.#heard(this.#decoder.flush());
  }

  wipe(): void {
    this.#decoder.wipe();
  }

  #heard(events: readonly ModemEvent[]): Heard[] {
    return events.flatMap((event): Heard[] => {
      const extent = { start: event.start, end: event.end, tellsGain: true };
      if (event.kind === "failure") {
        this.#host.missed();
        return [{ event: { failure: event.failure }, ...extent }];
      }
      try {
        const message = readReaderMessage(event);
        if (!message) return [];
        this.#host.hear(message);
        if (message.type !== "reader-frame") return [];
        using frame = message.frame;
        return [{ event: { frame: frame.use((bytes) => Uint8Array.from(bytes)) }, ...extent }];
      } catch (failure) {
        if (!(failure instanceof SwipewireError)) throw failure;
        return [{ event: { failure }, ...extent }];
      }
    });
  }
}
