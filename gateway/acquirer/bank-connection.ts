import type { Duplex } from "node:stream";
import { backoff } from "@swipewire/protocol/backoff";
import { FrameReader, frame } from "@swipewire/protocol/iso8583/framing";
import type { Random } from "@swipewire/protocol/random";
import { type Clock, Seconds, type Timer } from "@swipewire/protocol/time";
import type { Logger } from "pino";
import { type Dial, tlsFailure, upEvent } from "./dial.ts";

const CONNECT_LIMIT = Seconds(10);

export interface BankConnectionOptions {
  readonly dial: Dial;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

export interface BankConnectionEvents {
  /** Connected; messages can be sent. */
  up(): void;
  /** Not connected any more. A new attempt follows by itself. */
  down(): void;
  /** One whole message, without its length. */
  message(bytes: Uint8Array): void;
  /** TLS failed, or the stream could not be followed; the connection is over. */
  fault(error: unknown): void;
}

/** One connection to the bank that comes back when it is lost. Knows frames, and nothing of what is in them. */
export class BankConnection {
  readonly #options: BankConnectionOptions;
  readonly #on: BankConnectionEvents;
  #socket: Duplex | undefined;
  #connected = false;
  #retry: Timer | undefined;
  /** In a row, since the last {@link confirm}. */
  #failures = 0;
  #closed = false;

  constructor(options: BankConnectionOptions, on: BankConnectionEvents) {
    this.#options = options;
    this.#on = on;
    this.#connect();
  }

  /** Would {@link send} hand its bytes over? */
  get writable(): boolean {
    return this.#connected && this.#socket?.writable === true;
  }

  /**
   * Hands a message to the socket, only when {@link writable}. From then on it may have reached the bank.
   * @param message without its length; stays the caller's to wipe, as the copy sent is wiped here
   */
  send(message: Uint8Array): void {
    const framed = frame(message);
    this.#socket?.write(framed, () => framed.fill(0));
  }

  /** The other side is the bank and takes us: the next failure is the first one again. */
  confirm(): void {
    this.#failures = 0;
  }

  /** Gives this connection up; another follows after a while. */
  drop(): void {
    this.#socket?.destroy();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#retry?.cancel();
    const socket = this.#socket;
    if (!socket) return;
    const gone = new Promise((resolve) => socket.once("close", resolve));
    socket.destroy();
    await gone;
  }

  #connect(): void {
    const { dial, clock, logger } = this.#options;
    const reader = new FrameReader();
    const socket = dial();
    this.#socket = socket;
    const limit = clock.after(CONNECT_LIMIT, () => socket.destroy());
    socket.once(upEvent(socket), () => {
      limit.cancel();
      this.#connected = true;
      logger.info("connected to the bank");
      this.#on.up();
    });
    socket.on("data", (piece) => {
      try {
        for (const message of reader.push(piece)) if (!socket.destroyed) this.#on.message(message);
      } catch (error) {
        this.#on.fault(error);
        socket.destroy();
      }
    });
    // A stream in memory has two halves that end by themselves.
    socket.on("end", () => socket.destroy());
    socket.on("error", (error: NodeJS.ErrnoException) => {
      const failure = tlsFailure(socket, error);
      if (failure) this.#on.fault(failure);
      else logger.warn({ reason: error.code }, "the bank's line failed");
    });
    socket.on("close", () => {
      limit.cancel();
      reader.clear();
      this.#socket = undefined;
      const wasConnected = this.#connected;
      this.#connected = false;
      if (wasConnected) this.#on.down();
      if (!this.#closed) this.#connectLater();
    });
  }

  #connectLater(): void {
    const { clock, random, logger } = this.#options;
    const delay = backoff(this.#failures++, random);
    logger.info({ delay }, "not connected to the bank, next attempt follows");
    this.#retry = clock.after(delay, () => this.#connect());
  }
}
