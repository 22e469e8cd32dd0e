import type { SessionStep } from "@swipewire/protocol/messages/local-session";
import { type Duration, Minutes, Seconds } from "@swipewire/protocol/time";

/**
 * What can happen to a session: the payer's commands (`enter-code` to `finish`), what readers bring (`swiped`,
 * `misread`), what the gateway answers, and what time brings.
 */
export type SessionEvent =
  | "enter-code"
  | "confirm"
  | "card"
  | "cancel"
  | "finish"
  | "swiped"
  | "misread"
  | "found"
  | "not-found"
  /** The swipe could not be sealed. */
  | "unsealed"
  /** The gateway acknowledged the submission. */
  | "accepted"
  /** The gateway refused the submission, or says that it never heard of the payment. */
  | "refused"
  /** The gateway could not open the submission, for it has not the key that the swipe was sealed to. */
  | "key-unknown"
  /** The submission's time is over and nothing of it ever left the terminal. */
  | "unsent"
  /** The submission's time is over and it may have arrived. */
  | "unanswered"
  | "progressed"
  | "ended"
  /** The gateway went out of reach. */
  | "link-lost"
  /** The broker has refused this terminal for long: nobody will answer it any more. */
  | "shut-out"
  /** The step's limit is over. */
  | "timeout";

/** From each step, what may happen in it and where that leads. What is not here does not happen. */
export const transitions: {
  readonly [From in SessionStep]: { readonly [Event in SessionEvent]?: SessionStep };
} = {
  idle: { "enter-code": "finding", timeout: "idle" },
  finding: { found: "confirm", "not-found": "idle", cancel: "idle" },
  confirm: { confirm: "swipe", cancel: "idle", timeout: "idle" },
  swipe: { swiped: "card", misread: "swipe", cancel: "idle", timeout: "idle" },
  card: { swiped: "card", misread: "card", card: "sending", cancel: "idle", timeout: "idle" },
  sending: {
    accepted: "paying",
    progressed: "paying",
    ended: "result",
    refused: "result",
    unsent: "result",
    unanswered: "checking",
    unsealed: "swipe",
    "key-unknown": "swipe",
    cancel: "sending",
  },
  paying: { progressed: "paying", ended: "result", "link-lost": "checking", timeout: "checking", cancel: "paying" },
  // Silence is no outcome: what the gateway says ends it, or that it says nothing to this terminal any more.
  checking: { progressed: "paying", ended: "result", refused: "result", "shut-out": "idle" },
  result: { finish: "idle", timeout: "idle" },
};

/**
 * How long a step may last before `timeout`. `finding` and `sending` end with the message they wait for, `checking`
 * ends with the truth only.
 */
export const limits: { readonly [Step in SessionStep]?: Duration } = {
  // Takes a problem of the last payer's off the screen.
  idle: Seconds(60),
  confirm: Minutes(2),
  swipe: Minutes(2),
  card: Minutes(3),
  // Without any news; the gateway's own longest state, the phone call, is shorter.
  paying: Minutes(4),
  result: Seconds(60),
};
