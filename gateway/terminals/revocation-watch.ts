import { type Clock, Seconds, type Timer } from "@swipewire/protocol/time";
import type { Logger } from "pino";
import { whereabouts } from "../whereabouts.ts";
import type { Terminals } from "./terminals.ts";

const LOOK_EVERY = Seconds(2);

/** Finds out which terminals another process revoked (a command of the CLI), so that their connections are cut. */
export class RevocationWatch {
  readonly #terminals: Pick<Terminals, "announceRevocations">;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #timer: Timer | undefined;
  #look: Promise<void> = Promise.resolve();

  constructor({ terminals, clock, logger }: { terminals: Terminals; clock: Clock; logger: Logger }) {
    this.#terminals = terminals;
    this.#clock = clock;
    this.#logger = logger;
  }

  start(): void {
    this.#timer = this.#clock.after(LOOK_EVERY, () => {
      this.#look = this.#terminals
        .announceRevocations()
        .catch((error) => this.#logger.error(whereabouts(error), "revoked terminals could not be looked for"));
      this.start();
    });
  }

  async close(): Promise<void> {
    this.#timer?.cancel();
    await this.#look;
  }
}
