import { type Clock, type Duration, Seconds, type Timer } from "@swipewire/protocol/time";
import type { BaresipCallEvent } from "./baresip-message.ts";
import type { CallEndCause, CallEvent } from "./voice-channel.ts";

const limits = {
  /** Until it rings. SIP itself gives up after 32 s (RFC 3261 17.1.1.2, timer B). */
  sign: Seconds(20),
  ring: Seconds(60),
  talk: Seconds(130),
};

/** No call lasts longer, from the first sound that may be sent on. */
export const LONGEST_CALL: Duration = Seconds(195);

export interface BaresipCallOptions {
  readonly clock: Clock;
  readonly on: (event: CallEvent) => void;
  /** Has baresip end the call of this id. */
  readonly hangUp: (id: string) => void;
}

/** One call, from dialling on, with limits of its own: whatever baresip says or does not say, it comes to an end. */
export class BaresipCall {
  readonly #options: BaresipCallOptions;
  #id: string | undefined;
  #stage: "dialling" | "ringing" | "answered" | "over" = "dialling";
  #limit: Timer;

  constructor(options: BaresipCallOptions) {
    this.#options = options;
    this.#limit = options.clock.after(limits.sign, () => this.#leave("unreachable"));
  }

  take(id: string, event: BaresipCallEvent): void {
    const isNew = this.#id === undefined;
    this.#id ??= id;
    if (this.#stage === "over") {
      // It was hung up before baresip had named it.
      if (isNew && event.kind !== "closed") this.#options.hangUp(id);
    } else if (event.kind === "ringing") {
      if (this.#stage === "dialling") this.#enter("ringing", limits.ring, "no-answer");
    } else if (event.kind === "answered") {
      if (this.#stage !== "answered") this.#enter("answered", limits.talk, "hangup");
    } else if (event.kind === "key") {
      if (this.#stage === "answered") this.#options.on(event);
    } else {
      this.end(this.#causeOf(event));
    }
  }

  /** It is over on the other side already. */
  end(cause: CallEndCause): void {
    if (this.#stage === "over") return;
    this.#stage = "over";
    this.#limit.cancel();
    this.#options.on({ kind: "ended", cause });
  }

  hangup(): void {
    this.#leave("hangup");
  }

  #enter(stage: "ringing" | "answered", limit: Duration, otherwise: CallEndCause): void {
    this.#stage = stage;
    this.#limit.cancel();
    this.#limit = this.#options.clock.after(limit, () => this.#leave(otherwise));
    this.#options.on({ kind: stage });
  }

  /** Does not wait for the other side, which may hear of it late or never. */
  #leave(cause: CallEndCause): void {
    if (this.#stage === "over") return;
    this.#stage = "over";
    this.#limit.cancel();
    if (this.#id !== undefined) this.#options.hangUp(this.#id);
    queueMicrotask(() => this.#options.on({ kind: "ended", cause }));
  }

  #causeOf({ status, bye }: Extract<BaresipCallEvent, { kind: "closed" }>): CallEndCause {
    if (this.#stage === "answered") return bye ? "hangup" : "failed";
    switch (status) {
      case 486:
      case 600:
        return "busy";
      // The payer, or what answers for the payer, refused it.
      case 603:
        return "hangup";
      case 408:
      case 480:
        return this.#stage === "ringing" ? "no-answer" : "unreachable";
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
