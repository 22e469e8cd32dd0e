import type { Clock, Duration, Timer } from "@swipewire/protocol/time";
import type { Logger } from "pino";
import { whereabouts } from "./whereabouts.ts";

export interface RoundsOptions {
  /** From the end of a round to the next one. */
  readonly every: Duration;
  readonly work: () => Promise<unknown>;
  /** For the log, where a round fails; the next one comes all the same. */
  readonly failed: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Does something again and again, such as looking for what a command of the CLI changed, another process. */
export class Rounds {
  readonly #options: RoundsOptions;
  #timer: Timer | undefined;
  #round: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(options: RoundsOptions) {
    this.#options = options;
  }

  start(): void {
    const { clock, every } = this.#options;
    this.#timer = clock.after(every, () => {
      this.#round = this.#run();
    });
  }

  /** Resolves when the round under way is over. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#timer?.cancel();
    await this.#round;
  }

  async #run(): Promise<void> {
    const { work, failed, logger } = this.#options;
    try {
      await work();
    } catch (error) {
      logger.error(whereabouts(error), failed);
    }
    if (!this.#closed) this.start();
  }
}
