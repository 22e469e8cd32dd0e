import type { Clock, Instant } from "@swipewire/protocol/time";
import type { Logger } from "pino";
import type { Store } from "../store/store.ts";
import { reconcile } from "./reconciliation.ts";

export interface OwnReconciliationOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly timeZone: string;
}

export interface LastReconciliation {
  readonly at: Instant;
  readonly differs: boolean;
  /** Minor units. */
  readonly difference: number;
}

/** The comparisons of ledger and bank that the running gateway makes by itself. */
export class OwnReconciliation {
  readonly #options: OwnReconciliationOptions;
  #last: LastReconciliation | undefined;

  constructor(options: OwnReconciliationOptions) {
    this.#options = options;
  }

  get last(): LastReconciliation | undefined {
    return this.#last;
  }

  async run(): Promise<void> {
    const { store, clock, logger, timeZone } = this.#options;
    const at = clock.now();
    const { day, differs, difference } = await reconcile(store, { timeZone, now: at });
    this.#last = { at, differs, difference };
    if (differs) logger.error({ day, difference }, "ledger and bank differ");
    else logger.info({ day }, "ledger and bank agree");
  }
}
