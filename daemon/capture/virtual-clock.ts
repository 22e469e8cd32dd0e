import type { Clock, Duration, Instant, Timer } from "@swipewire/protocol/time";

/** Turns of the event loop in which all that a timer woke goes on: streams and promises, no file and no network. */
const TURNS = 4;

interface Waiting {
  readonly at: Instant;
  readonly action: () => void;
}

/** Time that jumps from one timer to the next, so that a capture is read in the time that the decoders take. */
export class VirtualClock implements Clock {
  #now: Instant = 0;
  readonly #waiting = new Set<Waiting>();

  now(): Instant {
    return this.#now;
  }

  after(delay: Duration, action: () => void): Timer {
    const waiting = { at: this.#now + delay, action };
    this.#waiting.add(waiting);
    return { cancel: () => void this.#waiting.delete(waiting) };
  }

  /** Lets time pass until the promise is settled. */
  async during<T>(promise: Promise<T>): Promise<T> {
    let over = false;
    const end = () => {
      over = true;
    };
    promise.then(end, end);
    for (;;) {
      for (let turn = 0; turn < TURNS; turn++) await new Promise((resolve) => setImmediate(resolve));
      if (over) return promise;
      const next = [...this.#waiting].reduce<Waiting | undefined>(
        (first, other) => (first && first.at <= other.at ? first : other),
        undefined,
      );
      if (!next) continue;
      this.#waiting.delete(next);
      this.#now = Math.max(this.#now, next.at);
      next.action();
    }
  }
}
