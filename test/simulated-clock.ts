import type { Clock, Duration, Instant, Timer } from "@swipewire/protocol/time";

/** A clock that stands still until it is told to advance. */
export class SimulatedClock implements Clock {
  #now: Instant;
  #timers: { readonly at: Instant; readonly action: () => void }[] = [];

  constructor(now: Instant = Date.parse("2026-11-01T12:00:00.000Z")) {
    this.#now = now;
  }

  now(): Instant {
    return this.#now;
  }

  after(delay: Duration, action: () => void): Timer {
    const timer = { at: this.#now + delay, action };
    this.#timers.push(timer);
    return {
      cancel: () => {
        this.#timers = this.#timers.filter((other) => other !== timer);
      },
    };
  }

  /** Timers that have not fired yet. */
  get pending(): number {
    return this.#timers.length;
  }

  /** Fires what falls due in the next `span`, in order, and lets what it woke go on before the next fires. */
  async advance(span: Duration): Promise<void> {
    const end = this.#now + span;
    for (;;) {
      await settle();
      const next = this.#timers.filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at)[0];
      if (!next) break;
      this.#timers = this.#timers.filter((timer) => timer !== next);
      this.#now = Math.max(this.#now, next.at);
      next.action();
    }
    this.#now = end;
    await settle();
  }
}

/** Lets every promise that can go on do so. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
}
