import { SwipewireError } from "@swipewire/protocol/failure";
import type { StreamEvent } from "@swipewire/protocol/readers/frame-stream";
import { encodeNativeFrame, type NativeEvent, NativeStream } from "@swipewire/protocol/readers/native-frame";
import type { Clock } from "@swipewire/protocol/time";
import { encodeModemMessage, readReaderMessage } from "@swipewire/protocol/waveform/modem/modem-message";
import { ReaderArming } from "./reader-arming.ts";

/** A stream of bytes to and from a reader with the native frame: gives the frames of its swipes, and keeps it armed. */
export class NativeLink {
  readonly #stream = new NativeStream();
  readonly #arming: ReaderArming;

  /** @param write takes what is for the reader */
  constructor(write: (bytes: Uint8Array) => void, clock: Clock) {
    this.#arming = new ReaderArming((message) => {
      const { messageKind, payload } = encodeModemMessage(message);
      write(encodeNativeFrame(messageKind, payload));
    }, clock);
  }

  /** The reader can hear. */
  begin(): void {
    this.#arming.begin();
  }

  /** Takes copies; the bytes stay the caller's to overwrite. */
  push(bytes: Uint8Array): StreamEvent[] {
    return this.#swipes(this.#stream.push(bytes));
  }

  /** Nothing was added for a while: what was begun is no frame. */
  flush(): StreamEvent[] {
    return this.#swipes(this.#stream.flush());
  }

  /** The reader is gone: forgets what was begun, and tells nobody. */
  end(): void {
    this.#arming.end();
    this.#stream.wipe();
  }

  #swipes(events: readonly NativeEvent[]): StreamEvent[] {
    return events.flatMap((event): StreamEvent[] => {
      if (!event.frame) {
        this.#arming.missed();
        return [{ failure: event.failure }];
      }
      try {
        const message = readReaderMessage(event.frame);
        if (!message) return [];
        this.#arming.hear(message);
        if (message.type !== "reader-frame") return [];
        using frame = message.frame;
        return [{ frame: frame.use((bytes) => Uint8Array.from(bytes)) }];
      } catch (failure) {
        if (!(failure instanceof SwipewireError)) throw failure;
        return [{ failure }];
      }
    });
  }
}
