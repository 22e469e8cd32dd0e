import { Duplex } from "node:stream";
import type { Swipe } from "@swipewire/protocol/card/swipe";
import { wipeSwipe } from "@swipewire/protocol/card/swipe";
import { SwipewireError } from "@swipewire/protocol/failure";
import type { Random } from "@swipewire/protocol/random";
import type { ReaderCodec } from "@swipewire/protocol/readers/reader-frame";
import { swipeFromFrame } from "@swipewire/protocol/readers/swipe-from-frame";
import { type Clock, Millis, Seconds, sleep, type Timer } from "@swipewire/protocol/time";
import { pino } from "pino";
import { ReaderProfileUnfit } from "../errors.ts";
import type { DeviceSource } from "../readers/device-source.ts";
import { ReaderRegistry } from "../readers/reader-registry.ts";
import { audioTransport } from "../transports/audio.ts";
import type { ReaderListener, ReaderTransport } from "../transports/reader-transport.ts";
import type { ReportDevice } from "../transports/report-transport.ts";
import { type SerialLine, SerialTransport } from "../transports/serial.ts";
import type { Piece, Recording, UsbReader } from "./recording.ts";
import { VirtualClock } from "./virtual-clock.ts";

/** After the last piece: what was begun and not ended is told of a second later. */
const REST = Seconds(2);
/** A reader may be opened some moments before it sends. */
const LEAD = Seconds(1);

/** What came of a stretch of a recording. */
export type ReplayedEvent =
  | { readonly swipe: Swipe; readonly frame: Uint8Array; readonly codec: ReaderCodec; readonly failure?: never }
  | { readonly failure: SwipewireError; readonly swipe?: never };

export function wipeEvents(events: readonly ReplayedEvent[]): void {
  for (const event of events) {
    if (!event.swipe) continue;
    wipeSwipe(event.swipe);
    event.frame.fill(0);
  }
}

/**
 * Sends a recording through the transport and the decoders that it came through, at its own pace in virtual time. The
 * events are the caller's to wipe, as the recording stays.
 */
export async function replay(recording: Recording, random: Random): Promise<readonly ReplayedEvent[]> {
  const clock = new VirtualClock();
  return clock.during(play(recording, clock, random));
}

async function play(recording: Recording, clock: Clock, random: Random): Promise<readonly ReplayedEvent[]> {
  const events: ReplayedEvent[] = [];
  const listen = (transport: ReaderTransport) => transport.open(listenerFor(transport, events));
  const player = { pieces: recording.pieces, clock, random };
  const reader =
    recording.reader.transport === "usb"
      ? openUsb(recording.reader, player, listen, (failure) => events.push({ failure }))
      : openLine(recording, player, listen);
  const last = recording.pieces.at(-1)?.ms ?? 0;
  await sleep(clock, Millis(LEAD + last + REST));
  await reader.close();
  return events;
}

function listenerFor(transport: ReaderTransport, events: ReplayedEvent[]): ReaderListener {
  return {
    connected: () => {},
    disconnected: () => {},
    frame: (frame) => {
      const { codec } = transport;
      try {
        events.push({ swipe: swipeFromFrame(codec.decode(frame)), frame, codec });
      } catch (failure) {
        frame.fill(0);
        if (!(failure instanceof SwipewireError)) throw failure;
        events.push({ failure });
      }
    },
    misread: (failure) => events.push({ failure }),
    unavailable: (failure) => events.push({ failure }),
  };
}

interface Player {
  readonly pieces: readonly Piece[];
  readonly clock: Clock;
  readonly random: Random;
}

/** Hands on copies of the pieces in their time. @returns what ends it */
function send({ pieces, clock }: Player, take: (bytes: Uint8Array) => void): () => void {
  const timers = pieces.map(
    ({ ms, bytes }): Timer => clock.after(Millis(LEAD + ms), () => take(Uint8Array.from(bytes))),
  );
  return () => {
    for (const timer of timers) timer.cancel();
  };
}

function openUsb(
  { device, profile, answers }: UsbReader,
  player: Player,
  listen: (transport: ReaderTransport) => void,
  unfit: (failure: SwipewireError) => void,
): { close(): Promise<void> } {
  const source: DeviceSource = {
    list: async () => [device],
    addressOf: async (path) => path,
    open: async (_, listener): Promise<ReportDevice> => {
      const end = send(player, (bytes) => listener.report(bytes));
      const left = answers.values();
      return {
        close: async () => end(),
        exchange: async () => {
          const { value } = left.next();
          if (!value) throw new Error("the reader gave no more answers");
          return Uint8Array.from(value);
        },
      };
    },
    watch: async () => () => {},
  };
  const registry = new ReaderRegistry({ source, profiles: [profile], ...player, logger: pino({ level: "silent" }) });
  let found = false;
  registry.open({
    found: (transport) => {
      found = true;
      listen(transport);
    },
    unfit: (_reader, _place, failure) => {
      found = true;
      unfit(failure);
    },
  });
  return {
    async close() {
      await registry.close();
      if (!found) unfit(new ReaderProfileUnfit({ detail: "its profile is another device's" }));
    },
  };
}

function openLine(
  { reader }: Recording,
  player: Player,
  listen: (transport: ReaderTransport) => void,
): ReaderTransport {
  if (reader.transport === "usb") throw new TypeError("a USB reader is no line");
  const { clock, random } = player;
  const common = { name: "capture", clock, random };
  const transport =
    reader.transport === "serial"
      ? new SerialTransport({ ...reader, ...common, path: "capture", port: () => new PlayedLine(player) })
      : audioTransport({
          ...reader,
          ...common,
          source: "capture",
          warn: () => {},
          record: async (_, listener) => {
            listener.begins(reader.sampleRate);
            const end = send(player, (bytes) => listener.report(bytes));
            return { close: async () => end() };
          },
        });
  listen(transport);
  return transport;
}

/** A serial port that gives what was recorded. */
class PlayedLine extends Duplex implements SerialLine {
  readonly #player: Player;
  #end = () => {};
  isOpen = false;

  constructor(player: Player) {
    super({ read: () => {}, write: (_bytes, _encoding, done) => done() });
    this.#player = player;
  }

  open(opened: (error: Error | null) => void): void {
    this.isOpen = true;
    this.#end = send(this.#player, (bytes) => this.push(Buffer.from(bytes.buffer)));
    setImmediate(() => opened(null));
  }

  close(closed?: () => void): void {
    this.isOpen = false;
    this.#end();
    this.emit("close");
    closed?.();
  }
}
