import type { Call, CallEvent, VoiceChannel } from "@swipewire/gateway/voice/voice-channel";
import { type Clock, Seconds } from "@swipewire/protocol/time";

/** What a payer does when the phone rings. */
export const payerPlans = [
  "right",
  "wrong",
  "busy",
  "never answers",
  "hangs up",
  "says nothing",
  "starts over",
  "malformed",
] as const;
export type PayerPlan = (typeof payerPlans)[number];

const PICKS_UP_AFTER = Seconds(5);
const TYPES_AFTER = Seconds(10);

/** Phones, and the payers who answer them; plans are used in order, and a payer without one types the right PIN. */
export class Payers {
  readonly #clock: Clock;
  readonly #pin: string;
  readonly #planned: PayerPlan[] = [];

  constructor(clock: Clock, pin: string) {
    this.#clock = clock;
    this.#pin = pin;
  }

  plan(plans: readonly PayerPlan[]): void {
    this.#planned.push(...plans);
  }

  heal(): void {
    this.#planned.length = 0;
  }

  /** The voice channel of one process, through which nobody is heard once that has ended. */
  channel(alive: () => boolean): VoiceChannel {
    return {
      call: (_to, _prompt, on) => this.#call((event) => alive() && on(event)),
      close: async () => {},
    };
  }

  #call(on: (event: CallEvent) => void): Call {
    const plan = this.#planned.shift() ?? "right";
    let over = false;
    const say = (event: CallEvent) => {
      if (over) return;
      over = event.kind === "ended";
      on(event);
    };
    const type = (keys: string) => {
      for (const key of new TextEncoder().encode(keys)) say({ kind: "key", key });
    };
    if (plan === "busy") this.#clock.after(Seconds(1), () => say({ kind: "ended", cause: "busy" }));
    else if (plan !== "never answers") {
      this.#clock.after(PICKS_UP_AFTER, () => say({ kind: "answered" }));
      this.#clock.after(TYPES_AFTER, () => {
        if (plan === "right") type(`${this.#pin}#`);
        else if (plan === "wrong") type("0000#");
        else if (plan === "starts over") type(`99*${this.#pin}#`);
        else if (plan === "malformed") type("1#2#3#");
        else if (plan === "hangs up") say({ kind: "ended", cause: "hangup" });
      });
    }
    return { hangup: () => queueMicrotask(() => say({ kind: "ended", cause: "hangup" })) };
  }
}
