import { type Clock, type Duration, Seconds, type Timer } from "@swipewire/protocol/time";
import type { ModemLine } from "@swipewire/protocol/waveform/modem/modem-line";
import type { ReaderMessage } from "@swipewire/protocol/waveform/modem/modem-message";
import { ModemOutput } from "@swipewire/protocol/waveform/modem/modem-output";

/** Of full scale: what a reader's input takes. */
const LEVEL = 0.8;
/** Bd: above it the tone would lie in the band of the frames. */
const FASTEST_POWERED = 4800;
/** The most that a message can say. */
const ARMED_SECONDS = 255;
/** Long before it is over. */
const ARM_AGAIN = Seconds(200);
/** A question waits in the sound output's buffers before it is heard, and its answer in the input's. */
const UNANSWERED = Seconds(2);
const MOST_TRIES = 3;
const GIVEN_UP = Seconds(30);

/** The host's side of the framed modem, on a headphone output: feeds the reader by the power tone and keeps it armed. */
export class ModemHost {
  readonly #output: ModemOutput;
  readonly #clock: Clock;
  #sequence = 0;
  #tries = 0;
  #timer: Timer | undefined;

  /** @throws ModemInput */
  constructor(line: ModemLine, clock: Clock) {
    this.#clock = clock;
    this.#output = new ModemOutput({ ...line, level: LEVEL });
    this.#output.powered = line.baud <= FASTEST_POWERED;
  }

  /** Samples for the output, left and right in turn. */
  take(frames: number): Float32Array {
    return this.#output.take(frames);
  }

  /** The output plays. */
  begin(): void {
    this.#arm();
  }

  hear(message: ReaderMessage): void {
    // It takes one swipe.
    if (message.type === "reader-frame") this.#arm();
    if (message.type !== "armed" || message.sequence !== this.#sequence) return;
    this.#again(ARM_AGAIN, () => this.#arm());
  }

  end(): void {
    this.#timer?.cancel();
  }

  #arm(): void {
    this.#sequence = (this.#sequence + 1) % 256;
    this.#tries = 0;
    this.#ask();
  }

  /** Under the same sequence, so that a reader that heard it before knows. */
  #ask(): void {
    this.#output.send({ type: "arm", sequence: this.#sequence, seconds: ARMED_SECONDS });
    const isLast = ++this.#tries >= MOST_TRIES;
    if (isLast) this.#again(GIVEN_UP, () => this.#arm());
    else this.#again(UNANSWERED, () => this.#ask());
  }

  #again(delay: Duration, action: () => void): void {
    this.#timer?.cancel();
    this.#timer = this.#clock.after(delay, action);
  }
}
