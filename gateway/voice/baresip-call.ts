import type { Clock } from "@swipewire/protocol/time";
import type { BaresipCallEvent } from "./baresip-message.ts";
import { LimitedCall } from "./limited-call.ts";
import type { CallEndCause, CallEvent } from "./voice-channel.ts";

export interface BaresipCallOptions {
  readonly clock: Clock;
  readonly on: (event: CallEvent) => void;
  /** Has baresip end the call of this id. */
  readonly hangUp: (id: string) => void;
}

/** One call through baresip, from dialling on. */
export class BaresipCall {
  readonly #hangUp: (id: string) => void;
  readonly #call: LimitedCall;
  #id: string | undefined;

  constructor({ clock, on, hangUp }: BaresipCallOptions) {
    this.#hangUp = hangUp;
    this.#call = new LimitedCall({
      clock,
      on,
      hangUp: () => {
        if (this.#id !== undefined) hangUp(this.#id);
      },
    });
  }

  take(id: string, event: BaresipCallEvent): void {
    const isNew = this.#id === undefined;
    this.#id ??= id;
    if (this.#call.stage === "over") {
      // It was hung up before baresip had named it.
      if (isNew && event.kind !== "closed") this.#hangUp(id);
    } else if (event.kind === "ringing") this.#call.ringing();
    else if (event.kind === "answered") this.#call.answered();
    else if (event.kind === "key") this.#call.key(event.key);
    else this.#call.end(this.#causeOf(event));
  }

  /** It is over on the other side already. */
  end(cause: CallEndCause): void {
    this.#call.end(cause);
  }

  hangup(): void {
    this.#call.leave("hangup");
  }

  #causeOf({ status, bye }: Extract<BaresipCallEvent, { kind: "closed" }>): CallEndCause {
    if (this.#call.stage === "answered") return bye ? "hangup" : "failed";
    switch (status) {
      case 486:
      case 600:
        return "busy";
      // The payer, or what answers for the payer, refused it.
      case 603:
        return "hangup";
      case 408:
      case 480:
        return this.#call.stage === "ringing" ? "no-answer" : "unreachable";
      case 404:
      case 410:
      case 484:
      case 604:
      // The network or the transport gave up on reaching anybody.
      case 503:
      case 504:
      case undefined:
        return "unreachable";
      default:
        return "failed";
    }
  }
}
