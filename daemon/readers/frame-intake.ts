import type { Swipe } from "@swipewire/protocol/card/swipe";
import { SwipewireError } from "@swipewire/protocol/failure";
import type { ReaderPresence } from "@swipewire/protocol/messages/presence";
import { swipeFromFrame } from "@swipewire/protocol/readers/swipe-from-frame";
import type { Logger } from "pino";
import { ReaderFault } from "../errors.ts";
import type { ReaderTransport } from "../transports/reader-transport.ts";

export interface IntakeListener {
  readerChanged(reader: ReaderPresence): void;
  /** The swipe is the listener's, to wipe. */
  swiped(swipe: Swipe): void;
  /** A card was drawn, and what came of it is no swipe. */
  misread(failure: SwipewireError): void;
}

const NO_READER: ReaderPresence = { connected: false };

/** Takes frames from all transports, makes swipes of them, and keeps which reader is connected. */
export class FrameIntake {
  readonly #transports: readonly ReaderTransport[];
  readonly #logger: Logger;
  readonly #connected = new Set<ReaderTransport>();
  readonly #dropped = new Map<string, number>();
  #presence = NO_READER;

  constructor(options: { readonly transports: readonly ReaderTransport[]; readonly logger: Logger }) {
    this.#transports = options.transports;
    this.#logger = options.logger;
  }

  /** The reader that came first of those connected. */
  get presence(): ReaderPresence {
    return this.#presence;
  }

  /** How many frames were dropped so far, by failure code. */
  get dropped(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#dropped);
  }

  open(listener: IntakeListener): void {
    for (const transport of this.#transports) {
      const facts = { reader: transport.name, family: transport.codec.family };
      transport.open({
        connected: () => {
          this.#logger.info(facts, "reader connected");
          this.#connected.add(transport);
          this.#announce(listener);
        },
        disconnected: (reason) => {
          this.#logger.info({ ...facts, reason }, "reader disconnected");
          this.#connected.delete(transport);
          this.#announce(listener);
        },
        frame: (bytes) => this.#take(transport, bytes, listener),
        misread: (failure) => this.#misread(transport, failure, listener),
        unavailable: ({ code, message }) => this.#logger.warn({ ...facts, code }, message),
      });
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#transports.map((transport) => transport.close()));
  }

  #announce(listener: IntakeListener): void {
    const [first] = this.#connected;
    this.#presence = first ? { connected: true, family: first.codec.family, name: first.name } : NO_READER;
    listener.readerChanged(this.#presence);
  }

  #take(transport: ReaderTransport, bytes: Uint8Array, listener: IntakeListener): void {
    let swipe: Swipe;
    try {
      swipe = swipeFromFrame(transport.codec.decode(bytes));
    } catch (error) {
      this.#misread(transport, error instanceof SwipewireError ? error : new ReaderFault(), listener);
      return;
    } finally {
      bytes.fill(0);
    }
    listener.swiped(swipe);
  }

  #misread(transport: ReaderTransport, failure: SwipewireError, listener: IntakeListener): void {
    const count = (this.#dropped.get(failure.code) ?? 0) + 1;
    this.#dropped.set(failure.code, count);
    this.#logger.warn({ reader: transport.name, code: failure.code, dropped: count }, failure.message);
    listener.misread(failure);
  }
}
