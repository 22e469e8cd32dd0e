import { type Clock, Seconds, type Timer } from "@swipewire/protocol/time";
import type { AriEvent } from "./ari-event.ts";
import { LimitedCall } from "./limited-call.ts";
import type { CallEndCause, CallEvent } from "./voice-channel.ts";

/** Between two times the prompt is played: where the network opens the line early, nobody hears the first. */
const PAUSE = Seconds(8);

export interface AriCallOptions {
  readonly clock: Clock;
  readonly on: (event: CallEvent) => void;
  /** Has Asterisk play the prompt. */
  readonly play: () => void;
  /** Has Asterisk end the channel. */
  readonly hangUp: () => void;
}

/** One call through Asterisk, from dialling on. */
export class AriCall {
  readonly #options: AriCallOptions;
  readonly #call: LimitedCall;
  #pause: Timer | undefined;

  constructor(options: AriCallOptions) {
    this.#options = options;
    this.#call = new LimitedCall(options);
  }

  /** @param event of its channel */
  take(event: Exclude<AriEvent, { kind: "replaced" }>): void {
    if (event.kind === "ringing") this.#call.ringing();
    else if (event.kind === "answered") {
      this.#call.answered();
      if (this.#call.stage === "answered") this.#options.play();
    } else if (event.kind === "key") this.#call.key(event.key);
    else if (event.kind === "played") this.#playAgain();
    else if (event.kind === "destroyed") this.end(this.#causeOf(event.cause));
  }

  /** It is over on the other side already. */
  end(cause: CallEndCause): void {
    this.#pause?.cancel();
    this.#call.end(cause);
  }

  hangup(): void {
    this.leave("hangup");
  }

  leave(cause: CallEndCause): void {
    this.#pause?.cancel();
    this.#call.leave(cause);
  }

  #playAgain(): void {
    this.#pause?.cancel();
    if (this.#call.stage !== "answered") return;
    this.#pause = this.#options.clock.after(PAUSE, () => {
      if (this.#call.stage === "answered") this.#options.play();
    });
  }

  /** Of Asterisk's causes, which are those of ITU-T Q.850 2.2.5, and 0 for none. */
  #causeOf(cause: number): CallEndCause {
    const { stage } = this.#call;
    switch (cause) {
      case 17:
        return "busy";
      // Normal clearing, and a peer that hung up. 21, call rejected: the payer, or what answers for the payer.
      case 0:
      case 16:
      case 21:
      case 31:
        return "hangup";
      // No user responding, no answer.
      case 18:
      case 19:
        return stage === "ringing" ? "no-answer" : stage === "dialling" ? "unreachable" : "hangup";
      // Unallocated, no route, subscriber absent, number changed, destination out of order, invalid number.
      case 1:
      case 2:
      case 3:
      case 20:
      case 22:
      case 27:
      case 28:
        return "unreachable";
      default:
        return "failed";
    }
  }
}
