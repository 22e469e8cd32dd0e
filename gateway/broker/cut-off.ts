import { type Clock, type Instant, Seconds, type Timer } from "@swipewire/protocol/time";
import { connectAsync } from "mqtt";
import type { Logger } from "pino";
import { whereabouts } from "../whereabouts.ts";
import type { MqttCredentials } from "./embedded-broker.ts";

/** A broker that lets it in again is told again no sooner. */
const PAUSE = Seconds(2);
const PATIENCE = Seconds(8);

export interface CutOffOptions {
  /** Of the broker, as the gateway reaches it. */
  readonly url: string;
  /** The gateway's own. */
  readonly credentials: MqttCredentials;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Has a broker elsewhere end a terminal's connection. There is no word for that in MQTT, but a broker has to end the older
 * of two connections with one client id (MQTT 3.1.1 3.1.4-2), and the gateway may call itself as it likes.
 */
export class CutOff {
  readonly #options: CutOffOptions;
  readonly #last = new Map<string, Instant>();
  readonly #next = new Map<string, Timer>();

  constructor(options: CutOffOptions) {
    this.#options = options;
  }

  /** A revoked terminal is there: at once, or as soon as the pause since the last time is over. */
  cut(terminal: string): void {
    const { clock } = this.#options;
    if (this.#next.has(terminal)) return;
    const last = this.#last.get(terminal) ?? Number.NEGATIVE_INFINITY;
    const act = () => {
      this.#next.delete(terminal);
      this.#last.set(terminal, clock.now());
      void this.#cut(terminal);
    };
    if (clock.now() - last >= PAUSE) act();
    else this.#next.set(terminal, clock.after(PAUSE, act));
  }

  close(): void {
    for (const timer of this.#next.values()) timer.cancel();
  }

  async #cut(terminal: string): Promise<void> {
    const { url, credentials, logger } = this.#options;
    try {
      const options = { ...credentials, clientId: terminal, connectTimeout: PATIENCE, reconnectPeriod: 0 };
      const client = await connectAsync(url, { ...options, protocolVersion: 4, clean: true }, false);
      await client.endAsync(true);
      logger.info({ terminal }, "terminal cut off");
    } catch (failure) {
      logger.warn({ terminal, ...whereabouts(failure) }, "a revoked terminal could not be cut off");
    }
  }
}
