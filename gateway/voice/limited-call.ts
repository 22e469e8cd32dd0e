import { type Clock, type Duration, Seconds, type Timer } from "@swipewire/protocol/time";
import type { CallEndCause, CallEvent } from "./voice-channel.ts";

const limits = {
  /** Until it rings. SIP itself gives up after 32 s (RFC 3261 17.1.1.2, timer B). */
  sign: Seconds(20),
  ring: Seconds(60),
  talk: Seconds(130),
};

/** No call lasts longer, from the first sound that may be sent on. */
export const LONGEST_CALL: Duration = Seconds(195);

export type CallStage = "dialling" | "ringing" | "answered" | "over";

export interface LimitedCallOptions {
  readonly clock: Clock;
  readonly on: (event: CallEvent) => void;
  /** Ends it on the other side, when it is we who end it. */
  readonly hangUp: () => void;
}

/** The stages of one call, each with a limit of its own: whatever the other side does not say, it comes to an end. */
export class LimitedCall {
  readonly #options: LimitedCallOptions;
  #stage: CallStage = "dialling";
  #limit: Timer;

  constructor(options: LimitedCallOptions) {
    this.#options = options;
    this.#limit = options.clock.after(limits.sign, () => this.leave("unreachable"));
  }

  get stage(): CallStage {
    return this.#stage;
  }

  ringing(): void {
    if (this.#stage === "dialling") this.#enter("ringing", limits.ring, "no-answer");
  }

  answered(): void {
    if (this.#stage === "dialling" || this.#stage === "ringing") this.#enter("answered", limits.talk, "hangup");
  }

  key(key: number): void {
    if (this.#stage === "answered") this.#options.on({ kind: "key", key });
  }

  /** It is over on the other side already. */
  end(cause: CallEndCause): void {
    if (this.#stage === "over") return;
    this.#stage = "over";
    this.#limit.cancel();
    this.#options.on({ kind: "ended", cause });
  }

  /** Does not wait for the other side, which may hear of it late or never. */
  leave(cause: CallEndCause): void {
    if (this.#stage === "over") return;
    this.#stage = "over";
    this.#limit.cancel();
    this.#options.hangUp();
    queueMicrotask(() => this.#options.on({ kind: "ended", cause }));
  }

  #enter(stage: "ringing" | "answered", limit: Duration, otherwise: CallEndCause): void {
    this.#stage = stage;
    this.#limit.cancel();
    this.#limit = this.#options.clock.after(limit, () => this.leave(otherwise));
    this.#options.on({ kind: stage });
  }
}
