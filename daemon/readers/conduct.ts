import type { SwipewireError } from "@swipewire/protocol/failure";
import { type Clock, type Instant, Seconds } from "@swipewire/protocol/time";
import { ReaderFlooding, ReaderUnreadable } from "../errors.ts";

/** Nobody draws a card faster. */
const MOST = 20;
const SPAN = Seconds(2);
/** Nobody draws a card so badly, so often. */
const MOST_MISREAD = 12;
const MISREAD_SPAN = Seconds(30);

/** Judges what a reader sends, by its count alone. */
export class Conduct {
  readonly #clock: Clock;
  #events: Instant[] = [];
  #misread: Instant[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A frame or something that was none. @returns what is wrong with the reader, if that was too much */
  take(wasFrame: boolean): SwipewireError | undefined {
    const now = this.#clock.now();
    this.#events = [...this.#events.filter((at) => now - at < SPAN), now];
    this.#misread = wasFrame ? [] : [...this.#misread.filter((at) => now - at < MISREAD_SPAN), now];
    const fault =
      this.#events.length > MOST
        ? new ReaderFlooding({ detail: `more than ${MOST} in ${SPAN / 1000} s` })
        : this.#misread.length > MOST_MISREAD
          ? new ReaderUnreadable({ detail: `more than ${MOST_MISREAD} in ${MISREAD_SPAN / 1000} s` })
          : undefined;
    if (fault) this.forget();
    return fault;
  }

  /** The reader is another one, or begins anew. */
  forget(): void {
    this.#events = [];
    this.#misread = [];
  }
}
