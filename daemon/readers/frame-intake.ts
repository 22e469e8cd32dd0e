import type { Swipe } from "@swipewire/protocol/card/swipe";
import { SwipewireError } from "@swipewire/protocol/failure";
import type { ReaderPresence } from "@swipewire/protocol/messages/presence";
import type { ReaderStatus } from "@swipewire/protocol/messages/terminal-status";
import { swipeFromFrame } from "@swipewire/protocol/readers/swipe-from-frame";
import { type Clock, isoTime } from "@swipewire/protocol/time";
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

/** What a reader that was found was taken for and why, and where it is plugged in. */
export type ReaderPlace = Required<Pick<ReaderStatus, "profile" | "port" | "recognised">>;

export interface FinderListener {
  /**
   * The transport was not opened yet; it is closed by the finder.
   * @param place as it is known so far: more is when the transport has connected
   */
  found(transport: ReaderTransport, place: () => ReaderPlace): void;
  /** A reader that no transport can be made for; told once while it is plugged in. */
  unfit(reader: Pick<ReaderStatus, "name" | "family">, place: ReaderPlace, failure: SwipewireError): void;
}

/** Where readers come from that are found while the daemon runs. */
export interface ReaderFinder {
  /** Begins. */
  open(listener: FinderListener): void;
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
/** Readers that were here once are remembered for people to see; not without end. */
const MOST_REMEMBERED = 32;
/** Misread one after another, each is a warning; beyond, as of a microphone taken for a reader, whenever they doubled. */
const MOST_IN_A_ROW = 16;

/** Takes frames from all transports, makes swipes of them, and keeps how each reader stands. */
export class FrameIntake {
  readonly #options: IntakeOptions;
  readonly #logger: Logger;
  readonly #connected = new Set<ReaderTransport>();
  /** By name. */
  readonly #known = new Map<string, ReaderStatus>();
  readonly #dropped = new Map<string, number>();
  /** Misread since a swipe, by reader. */
  readonly #inARow = new WeakMap<ReaderTransport, number>();
  #presence = NO_READER;

  constructor(options: IntakeOptions) {
    this.#options = options;
    this.#logger = options.logger;
  }

  /** The reader that came first of those connected. */
  get presence(): ReaderPresence {
    return this.#presence;
  }

  /** Every reader that is here, was, or is to be; the newest last. */
  get readers(): readonly ReaderStatus[] {
    return [...this.#known.values()];
  }

  /** How many frames were dropped so far, by failure code. */
  get dropped(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#dropped);
  }

  open(listener: IntakeListener): void {
    const { transports, finder } = this.#options;
    for (const transport of transports) this.#listenTo(transport, listener);
    finder?.open({
      found: (transport, place) => this.#listenTo(transport, listener, place),
      unfit: (reader, place, { code, message }) => {
        this.#remember({ ...reader, ...place, connected: false, problem: code });
        this.#logger.warn({ reader: reader.name, code }, message);
      },
    });
  }

  async close(): Promise<void> {
    const { transports, finder } = this.#options;
    await Promise.all([...transports.map((transport) => transport.close()), finder?.close()]);
  }

  #listenTo(transport: ReaderTransport, listener: IntakeListener, place?: () => ReaderPlace): void {
    const { name } = transport;
    const facts = () => ({ reader: name, family: transport.codec.family });
    const { lastDisconnect } = this.#known.get(name) ?? {};
    this.#remember({
      name,
      family: transport.codec.family,
      ...place?.(),
      connected: false,
      ...(lastDisconnect && { lastDisconnect }),
    });
    const conduct = new Conduct(this.#options.clock);
    const judge = (wasFrame: boolean) => {
      const fault = transport.isolate && conduct.take(wasFrame);
      if (fault) transport.isolate?.(fault);
    };
    transport.open({
      connected: () => {
        const { family } = transport.codec;
        const { recognised } = place?.() ?? {};
        const { asked, says } = recognised ?? {};
        this.#logger.info({ ...facts(), ...(asked && { asked }), ...(says && { says }) }, "reader connected");
        const since = this.#now();
        const found = recognised && { recognised };
        this.#note(name, ({ problem, ...known }) => ({ ...known, family, ...found, connected: true, since }));
        this.#connected.add(transport);
        this.#announce(listener);
      },
      disconnected: (reason) => {
        this.#logger.info({ ...facts(), reason }, "reader disconnected");
        const at = this.#now();
        this.#note(name, (known) => ({ ...known, connected: false, since: at, lastDisconnect: { reason, at } }));
        conduct.forget();
        this.#connected.delete(transport);
        this.#announce(listener);
      },
      frame: (bytes) => judge(this.#take(transport, bytes, listener)),
      misread: (failure) => {
        this.#misread(transport, failure, listener);
        judge(false);
      },
      unavailable: ({ code, message }) => {
        this.#logger.warn({ ...facts(), code }, message);
        this.#note(name, (known) => ({ ...known, problem: code }));
      },
    });
  }

  #now(): string {
    return isoTime(this.#options.clock.now());
  }

  #remember(reader: ReaderStatus): void {
    // The newest is the last.
    this.#known.delete(reader.name);
    this.#known.set(reader.name, reader);
    for (const [name, { connected }] of this.#known) {
      if (this.#known.size <= MOST_REMEMBERED) break;
      if (!connected) this.#known.delete(name);
    }
  }

  #note(name: string, change: (known: ReaderStatus) => ReaderStatus): void {
    const known = this.#known.get(name);
    if (known) this.#known.set(name, change(known));
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
    this.#inARow.delete(transport);
    // By whom, and nothing of the card.
    this.#logger.info({ reader: transport.name, family: transport.codec.family }, "swipe read");
    listener.swiped(swipe);
    return true;
  }

  #misread(transport: ReaderTransport, failure: SwipewireError, listener: IntakeListener): void {
    const count = (this.#dropped.get(failure.code) ?? 0) + 1;
    this.#dropped.set(failure.code, count);
    const inARow = (this.#inARow.get(transport) ?? 0) + 1;
    this.#inARow.set(transport, inARow);
    const isTold = inARow <= MOST_IN_A_ROW || Number.isInteger(Math.log2(inARow));
    const facts = { reader: transport.name, code: failure.code, dropped: count, inARow };
    this.#logger[isTold ? "warn" : "debug"](facts, failure.message);
    listener.misread(failure);
  }
}
