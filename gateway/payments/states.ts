import type { PaymentOutcome, PaymentProgress } from "@swipewire/protocol/messages/terminal-link";
import { type Duration, Hours, Seconds } from "@swipewire/protocol/time";

export type PaymentStateName = PaymentProgress | PaymentOutcome;

interface ProgressState {
  readonly next: readonly PaymentStateName[];
  /** How long the payment may stay in it. */
  readonly limit: Duration;
  /** Where it goes then; `alarm`: the operator is told, for only the bank or the operator can end it. */
  readonly atLimit: "failed" | "reversing" | "alarm";
  /** Where another process takes a payment whose own process is gone. */
  readonly afterCrash: "failed" | "reversing";
}

/**
 * Every state of a payment in which something is still to happen. Up to `collecting` nothing has been sent to the bank,
 * so whatever goes wrong ends in `failed`. From `charging` on only the bank's word ends it: without one the charge is
 * reversed, and the order is not payable until the bank acknowledged that.
 */
export const progressStates: Readonly<Record<PaymentProgress, ProgressState>> = {
  accepted: {
    next: ["calling", "charging", "failed", "cancelled"],
    limit: Seconds(15),
    atLimit: "failed",
    afterCrash: "failed",
  },
  calling: {
    next: ["collecting", "failed", "cancelled"],
    limit: Seconds(45),
    atLimit: "failed",
    afterCrash: "failed",
  },
  collecting: {
    next: ["charging", "failed", "cancelled"],
    limit: Seconds(125),
    atLimit: "failed",
    afterCrash: "failed",
  },
  // Back to `calling` and on to another charge only where the bank said that nothing was charged; `failed` only where the
  // acquirer says that nothing was sent. The limit stands behind the acquirer's own, whose longest is five minutes.
  charging: {
    next: ["charging", "calling", "approved", "declined", "failed", "cancelled", "reversing"],
    limit: Seconds(330),
    atLimit: "reversing",
    afterCrash: "reversing",
  },
  // `approved` only by the operator's ruling.
  reversing: { next: ["reversed", "approved"], limit: Hours(1), atLimit: "alarm", afterCrash: "reversing" },
};

/** In which a payment is over. */
export const outcomes = ["approved", "declined", "failed", "cancelled", "reversed"] as const satisfies PaymentOutcome[];

export const progressNames = Object.keys(progressStates) as PaymentProgress[];

export const isProgress = (state: PaymentStateName): state is PaymentProgress => state in progressStates;

export const mayFollow = (from: PaymentStateName, to: PaymentStateName): boolean =>
  isProgress(from) && progressStates[from].next.includes(to);
