import type { DownMessage, UpMessage } from "@swipewire/protocol/messages/terminal-link";
import { type Clock, type Duration, Millis, Seconds, type Timer } from "@swipewire/protocol/time";

/** Between the sendings of one message: doubling, then steady. */
const FIRST_PAUSE = Seconds(1);
const LONGEST_PAUSE = Seconds(8);

/** What ends the sending of a message. `left`: did any of it leave this process? */
export type Sent =
  | { readonly kind: "acknowledged" }
  | { readonly kind: "answered"; readonly by: DownMessage }
  | { readonly kind: "refused"; readonly code: string }
  /** Its `until` has passed. */
  | { readonly kind: "expired"; readonly left: boolean }
  | { readonly kind: "withdrawn"; readonly left: boolean };

interface Unsettled {
  readonly message: UpMessage;
  /** Does an acknowledgement end it, or only its repeats? */
  readonly ends: "acknowledgement" | "answer";
  readonly settle: (sent: Sent) => void;
  readonly expiry: Timer;
  repeat?: Timer;
  pause: Duration;
  left: boolean;
  acknowledged: boolean;
}

/**
 * Repeats each message, under its one id, until the gateway itself acknowledges or answers it, or until its time is
 * over. Held in memory only.
 */
export class RepeatingSender {
  readonly #clock: Clock;
  readonly #publish: (message: UpMessage) => boolean;
  readonly #unsettled = new Map<string, Unsettled>();

  /** @param options.publish false when nothing left this process */
  constructor(options: { readonly clock: Clock; publish(message: UpMessage): boolean }) {
    this.#clock = options.clock;
    this.#publish = options.publish;
  }

  /** Messages that are neither settled nor over. */
  get unsettled(): number {
    return this.#unsettled.size;
  }

  /** The message of this id, while it waits. */
  waiting(id: string): UpMessage | undefined {
    return this.#unsettled.get(id)?.message;
  }

  send(message: UpMessage, ends: Unsettled["ends"], signal?: AbortSignal): Promise<Sent> {
    if (signal?.aborted) return Promise.resolve({ kind: "withdrawn", left: false });
    return new Promise((resolve) => {
      const withdraw = () => unsettled.settle({ kind: "withdrawn", left: unsettled.left });
      const unsettled: Unsettled = {
        message,
        ends,
        pause: FIRST_PAUSE,
        left: false,
        acknowledged: false,
        expiry: this.#clock.after(Millis(Math.max(0, Date.parse(message.until) - this.#clock.now())), () =>
          unsettled.settle({ kind: "expired", left: unsettled.left }),
        ),
        settle: (sent) => {
          this.#unsettled.delete(message.id);
          unsettled.expiry.cancel();
          unsettled.repeat?.cancel();
          signal?.removeEventListener("abort", withdraw);
          resolve(sent);
        },
      };
      this.#unsettled.set(message.id, unsettled);
      signal?.addEventListener("abort", withdraw, { once: true });
      this.#sendOnce(unsettled);
    });
  }

  /** The gateway acknowledged a message. An id that is not waited for is a repeat, and no news. */
  acknowledge(id: string): void {
    const unsettled = this.#unsettled.get(id);
    if (!unsettled) return;
    if (unsettled.ends === "acknowledgement") unsettled.settle({ kind: "acknowledged" });
    unsettled.acknowledged = true;
    unsettled.repeat?.cancel();
  }

  answer(id: string, by: DownMessage): void {
    this.#unsettled.get(id)?.settle({ kind: "answered", by });
  }

  refuse(id: string, code: string): void {
    this.#unsettled.get(id)?.settle({ kind: "refused", code });
  }

  /** News of a payment answers whatever waits for news of it. */
  heardOf(payment: string, by: DownMessage): void {
    for (const unsettled of [...this.#unsettled.values()]) {
      const { type, body } = unsettled.message;
      if ((type === "swipe.submit" || type === "payment.query") && body.payment === payment) {
        unsettled.settle({ kind: "answered", by });
      }
    }
  }

  /** Sends all that waits at once: the gateway has just come within reach. */
  repeatAll(): void {
    for (const unsettled of [...this.#unsettled.values()]) {
      if (unsettled.acknowledged) continue;
      unsettled.pause = FIRST_PAUSE;
      this.#sendOnce(unsettled);
    }
  }

  /** Withdraws all that waits. */
  close(): void {
    for (const unsettled of [...this.#unsettled.values()]) {
      unsettled.settle({ kind: "withdrawn", left: unsettled.left });
    }
  }

  #sendOnce(unsettled: Unsettled): void {
    unsettled.repeat?.cancel();
    if (this.#publish(unsettled.message)) unsettled.left = true;
    // The answer may have come already.
    if (this.#unsettled.get(unsettled.message.id) !== unsettled) return;
    unsettled.repeat = this.#clock.after(unsettled.pause, () => this.#sendOnce(unsettled));
    unsettled.pause = Millis(Math.min(unsettled.pause * 2, LONGEST_PAUSE));
  }
}
