import type { ReaderQuestion } from "@swipewire/protocol/readers/reader-questions";
import type { SerialLine } from "./serial.ts";

/** What comes of a serial reader that is being asked: answers, or what a card that is drawn meanwhile gives. */
export class SerialAnswers {
  readonly #port: SerialLine;
  readonly #question: ReaderQuestion;
  #held: Buffer = Buffer.alloc(0);
  #answered: ((response: Uint8Array) => void) | undefined;
  readonly #hear = (piece: Buffer) => {
    const held = Buffer.concat([this.#held, piece]);
    this.#held.fill(0);
    piece.fill(0);
    this.#held = held;
    this.#look();
  };

  constructor(port: SerialLine, question: ReaderQuestion) {
    this.#port = port;
    this.#question = question;
    port.on("data", this.#hear);
  }

  /** Never resolves where nothing comes. */
  exchange(request: Uint8Array): Promise<Uint8Array> {
    this.#held = Buffer.alloc(0);
    return new Promise((resolve, reject) => {
      this.#answered = resolve;
      this.#port.write(Buffer.from(request), (error) => {
        if (error) reject(error);
      });
    });
  }

  /** Hears no more. @returns what came since the last request, its answer too; the caller's to overwrite */
  end(): Buffer {
    this.#port.off("data", this.#hear);
    const held = this.#held;
    this.#held = Buffer.alloc(0);
    return held;
  }

  #look(): void {
    const whole = this.#held.length > 0 && this.#question.isWhole(this.#held);
    if (!whole || !this.#answered) return;
    this.#answered(Uint8Array.from(this.#held));
    this.#answered = undefined;
  }
}
