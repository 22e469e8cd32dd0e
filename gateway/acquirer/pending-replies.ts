import type { Clock, Duration } from "@swipewire/protocol/time";
import { AcquirerOutcomeUnknown, AcquirerTraceInUse } from "../errors.ts";

export interface Waiter<Reply> {
  resolve(reply: Reply): void;
  reject(error: unknown): void;
}

/** How many answered requests are remembered. A second copy of a reply comes soon after the first. */
const REMEMBERED = 10_000;

/** Requests that were sent and wait for their reply, by what a reply is known by. Any number may be under way. */
export class PendingReplies<Reply> {
  readonly #clock: Clock;
  readonly #waiting = new Map<string, Waiter<Reply>>();
  /** In the order of their replies. */
  readonly #answered = new Set<string>();

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
    this.#answered.delete(key);
    return new Promise((resolve, reject) => {
      const timer = this.#clock.after(limit, () => {
        this.#waiting.delete(key);
        reject(new AcquirerOutcomeUnknown({ detail: `no reply in ${limit} ms`, reversalReason: "98" }));
      });
      this.#waiting.set(key, {
        resolve: (reply) => {
          timer.cancel();
          this.#remember(key);
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

  /** Was the last request of that key answered by a reply that was taken? */
  isAnswered(key: string): boolean {
    return this.#answered.has(key);
  }

  /** No reply can come any more. */
  abandonAll(): void {
    const waiters = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const waiter of waiters) {
      waiter.reject(new AcquirerOutcomeUnknown({ detail: "connection lost", reversalReason: "98" }));
    }
  }

  #remember(key: string): void {
    this.#answered.add(key);
    const [oldest] = this.#answered;
    if (this.#answered.size > REMEMBERED && oldest !== undefined) this.#answered.delete(oldest);
  }
}
