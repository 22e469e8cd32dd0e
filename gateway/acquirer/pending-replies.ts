import type { Clock, Duration } from "@swipewire/protocol/time";
import { AcquirerOutcomeUnknown, AcquirerTraceInUse } from "../errors.ts";

export interface Waiter<Reply> {
  resolve(reply: Reply): void;
  reject(error: unknown): void;
}

/** Requests that were sent and wait for their reply, by what a reply is known by. Any number may be under way. */
export class PendingReplies<Reply> {
  readonly #clock: Clock;
  readonly #waiting = new Map<string, Waiter<Reply>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * @returns the reply
   * @throws AcquirerTraceInUse when one with the same key waits already
   * @throws AcquirerOutcomeUnknown when none comes within `limit`, or the connection is lost
   */
  expect(key: string, limit: Duration): Promise<Reply> {
    if (this.#waiting.has(key)) throw new AcquirerTraceInUse();
    return new Promise((resolve, reject) => {
      const timer = this.#clock.after(limit, () => {
        this.#waiting.delete(key);
        reject(new AcquirerOutcomeUnknown({ detail: `no reply in ${limit} ms`, reversalReason: "98" }));
      });
      this.#waiting.set(key, {
        resolve: (reply) => {
          timer.cancel();
          resolve(reply);
        },
        reject: (error) => {
          timer.cancel();
          reject(error);
        },
      });
    });
  }

  /** Whoever waits under `key` waits no more: the caller settles it. */
  take(key: string): Waiter<Reply> | undefined {
    const waiter = this.#waiting.get(key);
    this.#waiting.delete(key);
    return waiter;
  }

  /** No reply can come any more. */
  abandonAll(): void {
    const waiters = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const waiter of waiters) {
      waiter.reject(new AcquirerOutcomeUnknown({ detail: "connection lost", reversalReason: "98" }));
    }
  }
}
