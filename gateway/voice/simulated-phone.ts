import { checker } from "@swipewire/protocol/messages/parse";
import { PhoneEvent, type PhoneRequest } from "@swipewire/protocol/messages/simulated-phone";
import { type Random, randomUuid } from "@swipewire/protocol/random";
import { type Clock, Millis, Seconds, type Timer } from "@swipewire/protocol/time";
import type { Logger } from "pino";
import WebSocket, { type RawData } from "ws";
import type { Call, CallEvent, Prompt, VoiceChannel } from "./voice-channel.ts";

/** No event is larger. */
const MAX_EVENT = 1_024;
const FIRST_RECONNECT_MS = 250;
const LONGEST_RECONNECT = Seconds(10);
const HANDSHAKE_TIMEOUT = Seconds(5);

const checkEvent = checker(PhoneEvent);

export interface SimulatedPhoneLinkOptions {
  /** Of the phone simulator, `ws://`. */
  readonly url: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/**
 * The voice channel of tests and demos: calls the phones of the simulator over a WebSocket that is made again whenever it
 * breaks. While it is down calls end as unreachable.
 */
export class SimulatedPhoneLink implements VoiceChannel {
  readonly #options: SimulatedPhoneLinkOptions;
  readonly #calls = new Map<string, (event: CallEvent) => void>();
  readonly #connected = Promise.withResolvers<void>();
  #socket: WebSocket | undefined;
  #reconnect: Timer | undefined;
  #failedAttempts = 0;
  #closed = false;

  constructor(options: SimulatedPhoneLinkOptions) {
    this.#options = options;
    this.#connect();
  }

  /** Resolves when the first connection is made. */
  get connected(): Promise<void> {
    return this.#connected.promise;
  }

  call(to: string, prompt: Prompt, on: (event: CallEvent) => void): Call {
    const call = randomUuid(this.#options.random);
    this.#calls.set(call, on);
    this.send({ do: "call", call, to, prompt }).catch(() =>
      this.#dispatch(call, { kind: "ended", cause: "unreachable" }),
    );
    return {
      hangup: () => {
        if (!this.#calls.has(call)) return;
        this.send({ do: "hangup", call }).catch(() => {});
        // Not waited for: the payer's end may hear of it late or never.
        queueMicrotask(() => this.#dispatch(call, { kind: "ended", cause: "hangup" }));
      },
    };
  }

  /** Resolves when the request was handed to the network; rejects when there is no connection. */
  send(request: PhoneRequest): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#socket?.readyState !== WebSocket.OPEN) reject(new Error("not connected"));
      else this.#socket.send(JSON.stringify(request), (failure) => (failure ? reject(failure) : resolve()));
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#reconnect?.cancel();
    this.#endCalls();
    const socket = this.#socket;
    if (!socket || socket.readyState === WebSocket.CLOSED) return;
    const closed = new Promise((resolve) => socket.once("close", resolve));
    socket.terminate();
    await closed;
  }

  #connect(): void {
    const socket = new WebSocket(this.#options.url, { maxPayload: MAX_EVENT, handshakeTimeout: HANDSHAKE_TIMEOUT });
    this.#socket = socket;
    socket.on("open", () => {
      this.#failedAttempts = 0;
      this.#connected.resolve();
    });
    socket.on("message", (data) => this.#receive(data));
    // What went wrong shows in `close`, which always follows.
    socket.on("error", () => {});
    socket.on("close", () => {
      this.#endCalls();
      if (this.#closed) return;
      const wait = Math.min(FIRST_RECONNECT_MS * 2 ** this.#failedAttempts++, LONGEST_RECONNECT);
      this.#reconnect = this.#options.clock.after(Millis(wait), () => this.#connect());
    });
  }

  #receive(data: RawData): void {
    const bytes = data as Buffer;
    try {
      const event = checkEvent(JSON.parse(bytes.toString()));
      if (event.event === "key") this.#dispatch(event.call, { kind: "key", key: event.key.charCodeAt(0) });
      else if (event.event === "ended") this.#dispatch(event.call, { kind: "ended", cause: event.cause });
      else this.#dispatch(event.call, { kind: event.event });
    } catch {
      this.#options.logger.warn("a message of the phone simulator was dropped: it does not match its schema");
    } finally {
      // It may have held a digit of a PIN.
      bytes.fill(0);
    }
  }

  #dispatch(call: string, event: CallEvent): void {
    const on = this.#calls.get(call);
    if (event.kind === "ended") this.#calls.delete(call);
    on?.(event);
  }

  #endCalls(): void {
    for (const call of [...this.#calls.keys()]) this.#dispatch(call, { kind: "ended", cause: "unreachable" });
  }
}
