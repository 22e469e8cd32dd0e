import { type Clock, type Duration, Seconds, type Timer } from "@swipewire/protocol/time";
import type { HostMessage, ReaderMessage } from "@swipewire/protocol/waveform/modem/modem-message";

/** The most that a message can say. */
const ARMED_SECONDS = 255;
/** Long before it is over. */
const ARM_AGAIN = Seconds(200);
/** On a sound output a question waits in buffers before it is heard, and its answer in the input's. */
const UNANSWERED = Seconds(2);
const MOST_TRIES = 3;
const GIVEN_UP = Seconds(30);

/** Keeps a reader armed that takes a card only when it is told to, over the framed modem or the native frame. */
export class ReaderArming {
  readonly #send: (message: HostMessage) => void;
  readonly #clock: Clock;
  #sequence = 0;
  #tries = 0;
  /** As far as it has said. */
  #isArmed = false;
  #timer: Timer | undefined;

  constructor(send: (message: HostMessage) => void, clock: Clock) {
    this.#send = send;
    this.#clock = clock;
  }

  /** The reader can hear. */
  begin(): void {
    this.#arm();
  }

  hear(message: ReaderMessage): void {
    // It takes one swipe.
    if (message.type === "reader-frame") this.#arm();
    if (message.type !== "armed" || message.sequence !== this.#sequence) return;
    this.#isArmed = true;
    this.#again(ARM_AGAIN, () => this.#arm());
  }

  /** Something came that could not be read: it may have been the one swipe. A question that is open is asked again anyway. */
  missed(): void {
    if (this.#isArmed) this.#arm();
  }

  end(): void {
    this.#timer?.cancel();
  }

  #arm(): void {
    this.#isArmed = false;
    this.#sequence = (this.#sequence + 1) % 256;
    this.#tries = 0;
    this.#ask();
  }

  /** Under the same sequence, so that a reader that heard it before knows. */
  #ask(): void {
    this.#send({ type: "arm", sequence: this.#sequence, seconds: ARMED_SECONDS });
    const isLast = ++this.#tries >= MOST_TRIES;
    if (isLast) this.#again(GIVEN_UP, () => this.#arm());
    else this.#again(UNANSWERED, () => this.#ask());
  }

  #again(delay: Duration, action: () => void): void {
    this.#timer?.cancel();
    this.#timer = this.#clock.after(delay, action);
  }
}
