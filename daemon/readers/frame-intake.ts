import type { Swipe } from "@swipewire/protocol/card/swipe";
import { SwipewireError } from "@swipewire/protocol/failure";
import type { ReaderPresence } from "@swipewire/protocol/messages/presence";
import { swipeFromFrame } from "@swipewire/protocol/readers/swipe-from-frame";
import type { Clock } from "@swipewire/protocol/time";
import type { Logger } from "pino";
import { ReaderFault } from "../errors.ts";
import type { ReaderTransport } from "../transports/reader-transport.ts";
import { Conduct } from "./conduct.ts";

export interface IntakeListener {
  readerChanged(reader: ReaderPresence): void;
  /** The swipe is the listener's, to wipe. */
  swiped(swipe: Swipe): void;
  /** A card was drawn, and what came of it is no swipe. */
  misread(failure: SwipewireError): void;
}

/** Where readers come from that are found while the daemon runs. */
export interface ReaderFinder {
  /**
   * Begins.
   * @param found for a transport that was not opened yet; it is closed by the finder
   */
  open(found: (transport: ReaderTransport) => void): void;
  /** Closes the transports too. */
  close(): Promise<void>;
}

export interface IntakeOptions {
  readonly transports: readonly ReaderTransport[];
  readonly finder?: ReaderFinder;
  readonly clock: Clock;
  readonly logger: Logger;
}

const NO_READER: ReaderPresence = { connected: false };

/** Takes frames from all transports, makes swipes of them, and keeps which reader is connected. */
export class FrameIntake {
  readonly #options: IntakeOptions;
  readonly #logger: Logger;
  readonly #connected = new Set<ReaderTransport>();
  readonly #dropped = new Map<string, number>();
  #presence = NO_READER;

  constructor(options: IntakeOptions) {
    this.#options = options;
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
    const { transports, finder } = this.#options;
    for (const transport of transports) this.#listenTo(transport, listener);
    finder?.open((transport) => this.#listenTo(transport, listener));
  }

  async close(): Promise<void> {
    const { transports, finder } = this.#options;
    await Promise.all([...transports.map((transport) => transport.close()), finder?.close()]);
  }

  #listenTo(transport: ReaderTransport, listener: IntakeListener): void {
    const facts = { reader: transport.name, family: transport.codec.family };
    const conduct = new Conduct(this.#options.clock);
    const judge = (wasFrame: boolean) => {
      const fault = transport.isolate && conduct.take(wasFrame);
      if (fault) transport.isolate?.(fault);
    };
    transport.open({
      connected: () => {
        this.#logger.info(facts, "reader connected");
        this.#connected.add(transport);
        this.#announce(listener);
      },
      disconnected: (reason) => {
        this.#logger.info({ ...facts, reason }, "reader disconnected");
        conduct.forget();
        this.#connected.delete(transport);
        this.#announce(listener);
      },
      frame: (bytes) => judge(this.#take(transport, bytes, listener)),
      misread: (failure) => {
        this.#misread(transport, failure, listener);
        judge(false);
      },
      unavailable: ({ code, message }) => this.#logger.warn({ ...facts, code }, message),
    });
  }

  #announce(listener: IntakeListener): void {
    const [first] = this.#connected;
    this.#presence = first ? { connected: true, family: first.codec.family, name: first.name } : NO_READER;
    listener.readerChanged(this.#presence);
  }

  /** @returns whether it was a swipe */
  #take(transport: ReaderTransport, bytes: Uint8Array, listener: IntakeListener): boolean {
    let swipe: Swipe;
    try {
      swipe = swipeFromFrame(transport.codec.decode(bytes));
    } catch (error) {
      this.#misread(transport, error instanceof SwipewireError ? error : new ReaderFault(), listener);
      return false;
    } finally {
      bytes.fill(0);
    }
    listener.swiped(swipe);
    return true;
  }

  #misread(transport: ReaderTransport, failure: SwipewireError, listener: IntakeListener): void {
    const count = (this.#dropped.get(failure.code) ?? 0) + 1;
    this.#dropped.set(failure.code, count);
    this.#logger.warn({ reader: transport.name, code: failure.code, dropped: count }, failure.message);
    listener.misread(failure);
  }
}
