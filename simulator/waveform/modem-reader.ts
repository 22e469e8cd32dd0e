import { SensitiveBytes } from "@swipewire/protocol/sensitive-bytes";
import { ModemDecoder } from "@swipewire/protocol/waveform/modem/modem-decoder";
import { modulate } from "@swipewire/protocol/waveform/modem/modem-encoder";
import type { ModemLine } from "@swipewire/protocol/waveform/modem/modem-line";
import {
  encodeModemMessage,
  type ReaderMessage,
  readHostMessage,
} from "@swipewire/protocol/waveform/modem/modem-message";

export interface ModemReaderMake extends ModemLine {
  readonly model: string;
  readonly serial: string;
  readonly firmware: string;
}

/** Seconds from a question to its answer: the line is the host's until its frame has wholly gone by. */
const ANSWER_AFTER = 0.02;

/** A reader with a modem, on the audio plug: hears the headphone's right channel, says what the microphone line carries. */
export class ModemReader {
  readonly #make: ModemReaderMake;
  readonly #ear: ModemDecoder;
  /** Samples heard so far: the reader's clock. */
  #now = 0;
  #armedUntil = 0;

  constructor(make: ModemReaderMake) {
    this.#make = make;
    this.#ear = new ModemDecoder({ sampleRate: make.sampleRate, baud: make.baud });
  }

  get isArmed(): boolean {
    return this.#now < this.#armedUntil;
  }

  /** @returns the signals of its answers, in their order, each with the pause ahead of it */
  hear(samples: Float32Array): Float32Array[] {
    const events = this.#ear.push(samples);
    this.#now += samples.length;
    return events.flatMap((event) => {
      const asked = event.kind === "frame" ? readHostMessage(event) : undefined;
      if (!asked) return [];
      const { sequence } = asked;
      if (asked.type === "identify") {
        const { model, serial, firmware } = this.#make;
        return [this.#answer({ type: "identity", sequence, model, serial, firmware })];
      }
      this.#armedUntil = this.#now + asked.seconds * this.#make.sampleRate;
      return [this.#answer({ type: "armed", sequence, seconds: asked.seconds })];
    });
  }

  /** A card is swiped: the signal of its frame. `undefined`: the reader is not armed. */
  swipe(frame: Uint8Array): Float32Array | undefined {
    if (!this.isArmed) return undefined;
    this.#armedUntil = 0;
    using bytes = SensitiveBytes.copyOf(frame);
    return this.#say({ type: "reader-frame", frame: bytes });
  }

  #answer(message: ReaderMessage): Float32Array {
    const pause = Math.round(ANSWER_AFTER * this.#make.sampleRate);
    const signal = this.#say(message);
    const answer = new Float32Array(pause + signal.length);
    answer.set(signal, pause);
    return answer;
  }

  #say(message: ReaderMessage): Float32Array {
    const { messageKind, payload } = encodeModemMessage(message);
    const signal = modulate(messageKind, payload, this.#make);
    payload.fill(0);
    return signal;
  }
}
