import type { Random } from "@swipewire/protocol/random";
import { type Clock, Millis, sleep } from "@swipewire/protocol/time";

const PACKET = Millis(20);
/** Samples of 8 kHz in a packet's time. */
const STEP = 160;
/** Packets of a key before its end: 80 ms. */
const UPDATES = 4;
/** RFC 4733 2.5.1.4: the last one is sent three times. */
const ENDS = 3;
/** Packets of silence between two keys. */
const PAUSE = 4;
const PCMU = 0;
const SILENCE = Buffer.alloc(STEP, 0xff);
const VERSION = 0x80;
const MARKER = 0x80;
const END = 0x80;
/** -10 dBm0. */
const VOLUME = 10;
/** RFC 4733 3.2, table 3. */
const EVENTS = "0123456789*#";

/** A line that loses, doubles and swaps packets, each by this chance from 0 to 1. */
export interface RoughLine {
  readonly loss: number;
  /** Most packets lost one after the other; any number without. */
  readonly longestLoss?: number;
  readonly doubling: number;
  readonly swapping: number;
  readonly random: Random;
}

export interface RtpKeysOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly payloadType: number;
  readonly send: (packet: Buffer) => void;
  /** Ends the stream. */
  readonly signal: AbortSignal;
  readonly line?: RoughLine;
}

/** What a payer's phone sends: silence, and keys as telephone events (RFC 4733) in the same RTP stream. */
export class RtpKeys {
  readonly #options: RtpKeysOptions;
  readonly #source: number;
  #sequence: number;
  #timestamp: number;
  #pressed: { readonly event: number; readonly since: number; packets: number; readonly done: () => void } | undefined;
  /** The packet that the next one overtakes. */
  #overtaken: Buffer | undefined;
  /** Packets lost since the last one that arrived. */
  #lost = 0;

  constructor(options: RtpKeysOptions) {
    this.#options = options;
    const start = Buffer.from(options.random.bytes(10));
    this.#source = start.readUInt32BE(0);
    this.#timestamp = start.readUInt32BE(4);
    this.#sequence = start.readUInt16BE(8);
    this.#run().catch(() => {});
  }

  /** Resolves when the next key may be pressed, not before. */
  press(key: string): Promise<void> {
    return new Promise((done) => {
      this.#pressed = { event: EVENTS.indexOf(key), since: this.#timestamp, packets: 0, done };
    });
  }

  async #run(): Promise<void> {
    for (;;) {
      await sleep(this.#options.clock, PACKET, this.#options.signal);
      this.#timestamp = (this.#timestamp + STEP) >>> 0;
      this.#carry(this.#next());
    }
  }

  #next(): Buffer {
    const pressed = this.#pressed;
    if (!pressed) return this.#packet(PCMU, this.#timestamp, SILENCE);
    const { event, since, done } = pressed;
    const at = ++pressed.packets;
    if (at > UPDATES + ENDS) {
      if (at === UPDATES + ENDS + PAUSE) {
        this.#pressed = undefined;
        done();
      }
      return this.#packet(PCMU, this.#timestamp, SILENCE);
    }
    const body = Buffer.of(event, (at > UPDATES ? END : 0) | VOLUME, 0, 0);
    body.writeUInt16BE(Math.min(at, UPDATES) * STEP, 2);
    return this.#packet((at === 1 ? MARKER : 0) | this.#options.payloadType, since, body);
  }

  #packet(type: number, timestamp: number, body: Buffer): Buffer {
    const header = Buffer.alloc(12);
    header[0] = VERSION;
    header[1] = type;
    header.writeUInt16BE(this.#sequence, 2);
    header.writeUInt32BE(timestamp, 4);
    header.writeUInt32BE(this.#source, 8);
    this.#sequence = (this.#sequence + 1) & 0xffff;
    return Buffer.concat([header, body]);
  }

  #carry(packet: Buffer): void {
    const { send, line } = this.#options;
    if (!line) {
      send(packet);
      return;
    }
    const [lost = 0, doubled = 0, swapped = 0] = [...line.random.bytes(3)].map((byte) => byte / 256);
    if (lost < line.loss && this.#lost < (line.longestLoss ?? Number.POSITIVE_INFINITY)) {
      this.#lost++;
      return;
    }
    this.#lost = 0;
    if (this.#overtaken === undefined && swapped < line.swapping) {
      this.#overtaken = packet;
      return;
    }
    send(packet);
    if (doubled < line.doubling) send(packet);
    if (this.#overtaken) send(this.#overtaken);
    this.#overtaken = undefined;
  }
}
