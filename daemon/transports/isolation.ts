import { backoff } from "@swipewire/protocol/backoff";
import type { Random } from "@swipewire/protocol/random";
import { type Clock, type Duration, type Instant, Minutes } from "@swipewire/protocol/time";

/** The first pause is some eight seconds. */
const FIRST = 4;
const BEHAVED = Minutes(5);

/** How long a reader that misbehaves is left alone: longer each time, and as at first after it behaved for a while. */
export class Isolation {
  readonly #clock: Clock;
  readonly #random: Random;
  #count = 0;
  #last: Instant = 0;

  constructor({ clock, random }: { readonly clock: Clock; readonly random: Random }) {
    this.#clock = clock;
    this.#random = random;
  }

  next(): Duration {
    const now = this.#clock.now();
    if (now - this.#last > BEHAVED) this.#count = 0;
    this.#last = now;
    return backoff(FIRST + this.#count++, this.#random);
  }
}
