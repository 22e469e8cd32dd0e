import { type Random, randomUuid } from "@swipewire/protocol/random";
import { type Clock, type Duration, Millis, Seconds, type Timer } from "@swipewire/protocol/time";
import type { Logger } from "pino";
import type { Store } from "../store/store.ts";
import { whereabouts } from "../whereabouts.ts";
import type { PaymentRow } from "./payment-record.ts";
import { progressNames } from "./states.ts";

/** How long a payment stays its process's own after that was last heard of. */
const LEASE: Duration = Seconds(30);
const RENEW_EVERY = Millis(LEASE / 3);

export interface LeasesOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Names this gateway among those that share the store; a process that starts takes over what an earlier one left. */
  readonly instance: string;
}

/** What happened to the payments of this process while it looked away. */
export interface LeaseNews {
  /** Left by other processes, and this one's from now on. */
  readonly takenOver: readonly PaymentRow[];
  /** Of this process, as they stand: whatever it works on and is not here is another's now. */
  readonly owned: readonly PaymentRow[];
}

/**
 * Sees to it that one process owns a payment. Track and PIN are in its memory alone, so nobody can go on with a payment for
 * it; others may only end it, and only when it has not been heard of for the length of a lease. A transition of a payment
 * names the owner, so that a process which was thought dead and is not can do no more to it. Clocks of machines that share
 * a store must not differ by more than a few seconds.
 */
export class Leases {
  readonly owner: string;
  readonly #options: LeasesOptions;
  #timer: Timer | undefined;
  #look: Promise<void> = Promise.resolve();
  #closed = false;
  /** Owners known to be gone, as long as theirs are not taken over. */
  #predecessors: string | undefined;

  constructor(options: LeasesOptions) {
    this.#options = options;
    this.#predecessors = `${options.instance}/`;
    this.owner = this.#predecessors + randomUuid(options.random);
  }

  /** What a new payment of this process has in its row. */
  claim(): { owner: string; leased_until: number } {
    return { owner: this.owner, leased_until: this.#options.clock.now() + LEASE };
  }

  /**
   * Takes over what earlier processes of this instance left, and whatever has no living owner; the first time before it
   * resolves, and from then on as often as the leases are renewed.
   */
  start(on: (news: LeaseNews) => Promise<void>): Promise<void> {
    if (!this.#closed) {
      this.#timer = this.#options.clock.after(RENEW_EVERY, () => void this.start(on));
      this.#look = this.#renew(on).catch((error: unknown) => {
        this.#options.logger.error(whereabouts(error), "leases could not be renewed");
      });
    }
    return this.#look;
  }

  /** Lets others have what is left. Call when nothing works on it any more. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#timer?.cancel();
    await this.#look;
    await this.#options.store
      .updateTable("payments")
      .set({ leased_until: 0 })
      .where("owner", "=", this.owner)
      .where("state", "in", progressNames)
      .execute();
  }

  async #renew(on: (news: LeaseNews) => Promise<void>): Promise<void> {
    const { store } = this.#options;
    const owned = await store
      .updateTable("payments")
      .set(this.claim())
      .where("owner", "=", this.owner)
      .where("state", "in", progressNames)
      .returningAll()
      .execute();
    const takenOver = await this.#takeOver();
    if (!this.#closed) await on({ owned, takenOver });
  }

  async #takeOver(): Promise<PaymentRow[]> {
    const { store, clock } = this.#options;
    const predecessors = this.#predecessors;
    const takenOver = await store
      .updateTable("payments")
      .set(this.claim())
      .where("state", "in", progressNames)
      .where((e) =>
        e.or([
          e("owner", "is", null),
          e("leased_until", "<", clock.now()),
          ...(predecessors === undefined ? [] : [e("owner", "like", `${predecessors}%`)]),
        ]),
      )
      .where((e) => e.or([e("owner", "is", null), e("owner", "<>", this.owner)]))
      .returningAll()
      .execute();
    this.#predecessors = undefined;
    return takenOver;
  }
}
