import { type Clock, Seconds, type Timer } from "@swipewire/protocol/time";
import type { Logger } from "pino";
import { whereabouts } from "../whereabouts.ts";
import type { Orders } from "./orders.ts";

const SWEEP_EVERY = Seconds(30);

/**
 * Lets orders expire. Nothing waits for it: whoever reads an order looks at its time too. The sweep frees the codes.
 */
export class OrderExpiry {
  readonly #orders: Orders;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #timer: Timer | undefined;
  #sweep: Promise<void> = Promise.resolve();

  constructor({ orders, clock, logger }: { orders: Orders; clock: Clock; logger: Logger }) {
    this.#orders = orders;
    this.#clock = clock;
    this.#logger = logger;
  }

  start(): void {
    this.#timer = this.#clock.after(SWEEP_EVERY, () => {
      this.#sweep = this.#run();
      this.start();
    });
  }

  async close(): Promise<void> {
    this.#timer?.cancel();
    await this.#sweep;
  }

  async #run(): Promise<void> {
    try {
      const expired = await this.#orders.expireOverdue();
      if (expired > 0) this.#logger.info({ expired }, "orders expired");
    } catch (error) {
      this.#logger.error(whereabouts(error), "orders could not be expired");
    }
  }
}
