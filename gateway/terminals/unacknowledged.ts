import type { DownMessage } from "@swipewire/protocol/messages/terminal-link";
import { type Clock, Millis, type Timer } from "@swipewire/protocol/time";

const FIRST_REPEAT_MS = 2_000;
const LONGEST_REPEAT_MS = 60_000;

interface Entry {
  readonly terminal: string;
  readonly message: DownMessage;
  readonly until: number;
  repeats: number;
  timer: Timer | undefined;
}

/**
 * Messages that their terminal has not acknowledged yet. Each is sent at once and repeated by its id, ever more slowly,
 * until acknowledged or out of date.
 */
export class UnacknowledgedMessages {
  readonly #clock: Clock;
  readonly #send: (terminal: string, message: DownMessage) => void;
  readonly #entries = new Map<string, Entry>();

  constructor(clock: Clock, send: (terminal: string, message: DownMessage) => void) {
    this.#clock = clock;
    this.#send = send;
  }

  /** Sends a message; one about a payment takes the place of earlier ones, and nothing takes the place of a result. */
  add(terminal: string, message: DownMessage): void {
    const payment = paymentOf(message);
    for (const { message: earlier } of payment === undefined ? [] : this.#entries.values()) {
      if (paymentOf(earlier) !== payment) continue;
      if (earlier.type === "payment.result" && message.type === "payment.state") return;
      this.#remove(earlier.id);
    }
    this.#remove(message.id);
    const entry: Entry = { terminal, message, until: Date.parse(message.until), repeats: 0, timer: undefined };
    this.#entries.set(message.id, entry);
    this.#sendNow(entry);
  }

  acknowledge(terminal: string, id: string): void {
    if (this.#entries.get(id)?.terminal === terminal) this.#remove(id);
  }

  /** Sends again now what is owed to `terminal`, or to all: it is back, and need not wait for the next repeat. */
  sendAgain(terminal?: string): void {
    for (const entry of this.#entries.values()) {
      if (terminal === undefined || entry.terminal === terminal) this.#sendNow(entry);
    }
  }

  close(): void {
    for (const id of this.#entries.keys()) this.#remove(id);
  }

  #sendNow(entry: Entry): void {
    entry.timer?.cancel();
    if (this.#clock.now() >= entry.until) {
      this.#remove(entry.message.id);
      return;
    }
    this.#send(entry.terminal, entry.message);
    const wait = Millis(Math.min(FIRST_REPEAT_MS * 2 ** entry.repeats++, LONGEST_REPEAT_MS));
    entry.timer = this.#clock.after(wait, () => this.#sendNow(entry));
  }

  #remove(id: string): void {
    this.#entries.get(id)?.timer?.cancel();
    this.#entries.delete(id);
  }
}

function paymentOf(message: DownMessage): string | undefined {
  return message.type === "payment.state" || message.type === "payment.result" ? message.body.payment : undefined;
}
