import { backoff } from "@swipewire/protocol/backoff";
import type { Random } from "@swipewire/protocol/random";
import { type Clock, Seconds, type Timer } from "@swipewire/protocol/time";
import type { Logger } from "pino";
import WebSocket, { type RawData } from "ws";
import { VoiceAriGarbled, VoiceAriRefused, VoiceAriUnreachable } from "../errors.ts";
import { type AriEvent, readAriEvent } from "./ari-event.ts";

/** No event of a channel is larger. */
const MAX_EVENT = 65_536;
const HANDSHAKE_TIMEOUT = Seconds(5);
const REQUEST_LIMIT = Seconds(5);
/** A line that is cut without a word is noticed within two of these. */
const PING_EVERY = Seconds(10);

export interface AriSettings {
  /** Of ARI, such as `http://127.0.0.1:8088/ari`, without credentials in it. */
  readonly url: string;
  readonly user: string;
  readonly password: string;
  /** The Stasis application: Asterisk lets one gateway at a time have it. */
  readonly app: string;
}

export interface AriConnectionOptions {
  readonly settings: AriSettings;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly on: {
    event(event: AriEvent): void;
    up(): void;
    down(): void;
  };
}

/** Asterisk's REST interface: requests one by one, and events over a WebSocket that is made again when it breaks. */
export class AriConnection {
  readonly #options: AriConnectionOptions;
  readonly #authorization: string;
  readonly #closing = new AbortController();
  #socket: WebSocket | undefined;
  #timer: Timer | undefined;
  #failures = 0;

  constructor(options: AriConnectionOptions) {
    this.#options = options;
    const { user, password } = options.settings;
    this.#authorization = `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
    this.#connect();
  }

  /** Whether events come. */
  get isUp(): boolean {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  /**
   * One request, with its parameters in the body: URLs get into logs, and phone numbers do not belong there.
   * @returns the HTTP status and the body, or undefined when there was no answer in time
   */
  async request(
    method: "GET" | "POST" | "DELETE",
    path: string,
    parameters?: object,
  ): Promise<{ readonly status: number; readonly text: string } | undefined> {
    const { clock, settings } = this.#options;
    const stop = new AbortController();
    const limit = clock.after(REQUEST_LIMIT, () => stop.abort());
    try {
      const response = await fetch(`${settings.url}/${path}`, {
        method,
        headers: {
          authorization: this.#authorization,
          ...(parameters === undefined ? {} : { "content-type": "application/json" }),
        },
        redirect: "error",
        signal: stop.signal,
        ...(parameters === undefined ? {} : { body: JSON.stringify(parameters) }),
      });
      return { status: response.status, text: await response.text() };
    } catch {
      return undefined;
    } finally {
      limit.cancel();
    }
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#timer?.cancel();
    const socket = this.#socket;
    if (!socket || socket.readyState === WebSocket.CLOSED) return;
    const closed = new Promise((resolve) => socket.once("close", resolve));
    socket.terminate();
    await closed;
  }

  #connect(): void {
    const { settings, clock, random, logger, on } = this.#options;
    const url = `${settings.url.replace(/^http/, "ws")}/events?app=${encodeURIComponent(settings.app)}`;
    const socket = new WebSocket(url, {
      headers: { authorization: this.#authorization },
      handshakeTimeout: HANDSHAKE_TIMEOUT,
      maxPayload: MAX_EVENT,
    });
    this.#socket = socket;
    let why: { readonly code: string; readonly status?: number } = { code: VoiceAriUnreachable.code };
    let opened = false;
    socket.on("open", () => {
      opened = true;
      this.#failures = 0;
      this.#watch(socket);
      logger.info("Asterisk is within reach");
      on.up();
    });
    socket.on("message", (data) => this.#receive(data));
    socket.on("unexpected-response", (_request, { statusCode = 0 }) => {
      why = { code: VoiceAriRefused.code, status: statusCode };
      socket.terminate();
    });
    // What went wrong shows in `close`, which always follows.
    socket.on("error", () => {});
    socket.on("close", () => {
      this.#timer?.cancel();
      if (opened) on.down();
      if (this.#closing.signal.aborted) return;
      logger.warn(why, "no connection to Asterisk; it will be made again");
      this.#timer = clock.after(backoff(this.#failures++, random), () => this.#connect());
    });
  }

  #watch(socket: WebSocket): void {
    let heard = true;
    socket.on("pong", () => {
      heard = true;
    });
    const ping = () => {
      if (!heard) {
        socket.terminate();
        return;
      }
      heard = false;
      socket.ping();
      this.#timer = this.#options.clock.after(PING_EVERY, ping);
    };
    this.#timer = this.#options.clock.after(PING_EVERY, ping);
  }

  #receive(data: RawData): void {
    let event: AriEvent | undefined;
    try {
      event = readAriEvent(data as Buffer);
    } catch {
      this.#options.logger.warn({ code: VoiceAriGarbled.code }, "an event of Asterisk was dropped");
      return;
    }
    if (event) this.#options.on.event(event);
  }
}
