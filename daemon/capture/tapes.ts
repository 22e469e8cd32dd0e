import { profileOf, type ReaderProfile } from "@swipewire/protocol/readers/profiles";
import type { Clock, Instant } from "@swipewire/protocol/time";
import type { DeviceSource } from "../readers/device-source.ts";
import { type AudioOptions, audioTransport } from "../transports/audio.ts";
import { openCapture } from "../transports/audio-capture.ts";
import type { ReaderTransport } from "../transports/reader-transport.ts";
import { type SerialOptions, SerialTransport } from "../transports/serial.ts";
import { serialPort } from "../transports/serial-port.ts";
import type { Piece, Recording } from "./recording.ts";

/** Of an input that gives samples all the time, the last seconds. */
const SOUND_SECONDS = 30;
/** In bytes. No reader sends as much of some cards. */
const MOST = 1_000_000;

/** What one reader sent since it was opened; the oldest is let go of. */
class Tape implements Recording {
  #reader: Recording["reader"];
  readonly #most: number;
  readonly #clock: Clock;
  readonly #kept: { readonly at: Instant; readonly bytes: Uint8Array }[] = [];
  #length = 0;

  constructor(reader: Recording["reader"], clock: Clock) {
    this.#reader = reader;
    this.#clock = clock;
    this.#most = reader.transport === "audio" ? 2 * reader.channels * reader.sampleRate * SOUND_SECONDS : MOST;
  }

  get reader(): Recording["reader"] {
    return this.#reader;
  }

  /** It said that it is another one than it was taken for. */
  is(reader: Recording["reader"]): void {
    this.#reader = reader;
  }

  get pieces(): readonly Piece[] {
    const first = this.#kept[0]?.at ?? 0;
    return this.#kept.map(({ at, bytes }) => ({ ms: at - first, bytes }));
  }

  /** Takes a copy. */
  add(bytes: Uint8Array): void {
    this.#kept.push({ at: this.#clock.now(), bytes: Uint8Array.from(bytes) });
    this.#length += bytes.length;
    while (this.#length > this.#most) this.#drop();
  }

  clear(): void {
    while (this.#kept.length > 0) this.#drop();
  }

  #drop(): void {
    const oldest = this.#kept.shift();
    this.#length -= oldest?.bytes.length ?? 0;
    oldest?.bytes.fill(0);
  }
}

/** Listens in between readers and their decoders. */
export class Tapes {
  readonly #clock: Clock;
  readonly #profiles: readonly ReaderProfile[];
  readonly #tapes: Tape[] = [];

  /** @param options.profiles as the registry has them */
  constructor(options: { readonly clock: Clock; readonly profiles: readonly ReaderProfile[] }) {
    this.#clock = options.clock;
    this.#profiles = options.profiles;
  }

  /** Of readers that sent something; whoever takes them wipes them. */
  get recordings(): readonly Recording[] {
    return this.#tapes.filter(({ pieces }) => pieces.length > 0);
  }

  /** Overwrites what readers sent so far. Of sound everything but the swipes is cut away in the end. */
  forget(): void {
    for (const tape of this.#tapes) if (tape.reader.transport !== "audio") tape.clear();
  }

  source(source: DeviceSource): DeviceSource {
    return {
      list: () => source.list(),
      addressOf: (path) => source.addressOf(path),
      watch: (changed) => source.watch(changed),
      open: async (device, listener) => {
        const profile = profileOf(device, this.#profiles);
        if (!profile) throw new TypeError("a device that no profile fits was opened");
        const answers: Uint8Array[] = [];
        const tape = this.#tape({ transport: "usb", device, profile, answers });
        const opened = await source.open(device, {
          report: (bytes) => {
            tape.add(bytes);
            listener.report(bytes);
          },
          failed: () => listener.failed(),
        });
        const { exchange } = opened;
        if (!exchange) return opened;
        return {
          close: () => opened.close(),
          exchange: async (request) => {
            const answer = await exchange.call(opened, request);
            answers.push(Uint8Array.from(answer));
            return answer;
          },
        };
      },
    };
  }

  serial(options: SerialOptions): SerialTransport {
    const { family, framing, baudRate, told, port: make = serialPort } = options;
    const line = { transport: "serial", baudRate, ...(framing && { framing }) } as const;
    let tape: Tape | undefined;
    return new SerialTransport({
      ...options,
      told: (asked) => {
        // Its answers are none of what it sends by itself.
        tape?.clear();
        if (asked.outcome === "answered") tape?.is({ ...line, family: asked.family });
        told?.(asked);
      },
      port: (settings) => {
        const port = make(settings);
        const opened = this.#tape({ ...line, family });
        tape = opened;
        // Before the transport, which overwrites what it has read.
        port.on("data", (bytes: Uint8Array) => opened.add(bytes));
        return port;
      },
    });
  }

  audio(options: AudioOptions): ReaderTransport {
    const { baud, family, channels, record = openCapture } = options;
    return audioTransport({
      ...options,
      record: (input, listener, around) => {
        let tape: Tape | undefined;
        const begins = (sampleRate: number) => {
          tape = this.#tape({
            transport: "audio",
            ...(baud !== undefined && { baud }),
            ...(family !== undefined && { family }),
            sampleRate,
            channels,
          });
          listener.begins(sampleRate);
        };
        const report = (bytes: Uint8Array) => {
          tape?.add(bytes);
          listener.report(bytes);
        };
        return record(input, { begins, report, failed: () => listener.failed() }, around);
      },
    });
  }

  #tape(reader: Recording["reader"]): Tape {
    const tape = new Tape(reader, this.#clock);
    this.#tapes.push(tape);
    return tape;
  }
}
