import { encodeNativeFrame, NativeStream } from "@swipewire/protocol/readers/native-frame";
import type { TrackNumber } from "@swipewire/protocol/readers/reader-frame";
import { SensitiveBytes } from "@swipewire/protocol/sensitive-bytes";
import { type Clock, type Instant, Seconds } from "@swipewire/protocol/time";
import {
  encodeModemMessage,
  type HostMessage,
  type ReaderMessage,
  readHostMessage,
} from "@swipewire/protocol/waveform/modem/modem-message";
import type { TestCard } from "../cards/test-cards.ts";
import type { CommandSide, Heard } from "./command-side.ts";
import type { VirtualReader } from "./virtual-reader.ts";

export interface NativeReaderMake {
  readonly model: string;
  readonly serial: string;
  readonly firmware: string;
}

/** A reader with the native frame: it says who it is, and takes a card while it is armed. */
export class NativeReader implements VirtualReader, CommandSide {
  readonly #inner: VirtualReader;
  readonly #make: NativeReaderMake;
  readonly #clock: Clock;
  readonly #ear = new NativeStream();
  #armedUntil: Instant = 0;
  #armed = Promise.withResolvers<void>();

  /** @param inner what it puts into its frames */
  constructor(inner: VirtualReader, make: NativeReaderMake, clock: Clock) {
    this.#inner = inner;
    this.#make = make;
    this.#clock = clock;
  }

  get family(): VirtualReader["family"] {
    return this.#inner.family;
  }

  get commands(): CommandSide {
    return this;
  }

  /** Resolves once it would take a card, as its lamp shows a person. */
  async ready(): Promise<void> {
    while (!this.#isArmed) await this.#armed.promise;
  }

  get #isArmed(): boolean {
    return this.#clock.now() < this.#armedUntil;
  }

  hear(bytes: Uint8Array): Heard | undefined {
    const replies = this.#ear.push(bytes).flatMap(({ frame }) => {
      // What is damaged the host asks again.
      const message = frame && readHostMessage(frame);
      return message ? [...framed(this.#answer(message))] : [];
    });
    return replies.length === 0 ? undefined : { reply: Uint8Array.from(replies) };
  }

  nextFrame(card: TestCard, unreadable?: readonly TrackNumber[]): Uint8Array {
    if (!this.#isArmed) return new Uint8Array();
    this.#armedUntil = 0;
    using frame = new SensitiveBytes(this.#inner.nextFrame(card, unreadable));
    return framed({ type: "reader-frame", frame });
  }

  #answer(message: HostMessage): ReaderMessage {
    const { sequence } = message;
    if (message.type === "identify") return { type: "identity", sequence, ...this.#make };
    this.#armedUntil = this.#clock.now() + Seconds(message.seconds);
    this.#armed.resolve();
    this.#armed = Promise.withResolvers();
    return { type: "armed", sequence, seconds: message.seconds };
  }
}

function framed(message: ReaderMessage): Uint8Array {
  const { messageKind, payload } = encodeModemMessage(message);
  try {
    return encodeNativeFrame(messageKind, payload);
  } finally {
    payload.fill(0);
  }
}
