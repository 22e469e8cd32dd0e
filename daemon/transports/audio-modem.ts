import { SwipewireError } from "@swipewire/protocol/failure";
import { ModemDecoder } from "@swipewire/protocol/waveform/modem/modem-decoder";
import type { ModemEvent } from "@swipewire/protocol/waveform/modem/modem-event";
import type { ModemLine } from "@swipewire/protocol/waveform/modem/modem-line";
import { readReaderMessage } from "@swipewire/protocol/waveform/modem/modem-message";
import type { Heard, SoundReader } from "./audio-sound.ts";

/** A reader with the framed modem, on the first channel. What else it says than frames of its family is read over. */
export class ModemReader implements SoundReader {
  readonly #decoder: ModemDecoder;
  readonly #channels: number;

  /** @throws ModemInput */
  constructor({ channels, ...line }: ModemLine & { readonly channels: number }) {
    this.#decoder = new ModemDecoder(line);
    this.#channels = channels;
  }

  push(samples: Int16Array): Heard[] {
    if (this.#channels === 1) return this.#decoder.push(samples).flatMap(heard);
    const first = samples.filter((_, n) => n % this.#channels === 0);
    const events = this.#decoder.push(first);
    first.fill(0);
    return events.flatMap(heard);
  }

  flush(): Heard[] {
    return this.#decoder.flush().flatMap(heard);
  }

  wipe(): void {
    this.#decoder.wipe();
  }
}

const heard = (event: ModemEvent): Heard[] => {
  const extent = { start: event.start, end: event.end, tellsGain: true };
  if (event.kind === "failure") return [{ event: { failure: event.failure }, ...extent }];
  try {
    const message = readReaderMessage(event);
    if (message?.type !== "reader-frame") return [];
    using frame = message.frame;
    return [{ event: { frame: frame.use((bytes) => Uint8Array.from(bytes)) }, ...extent }];
  } catch (failure) {
    if (!(failure instanceof SwipewireError)) throw failure;
    return [{ event: { failure }, ...extent }];
  }
};
