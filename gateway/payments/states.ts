import type { PaymentOutcome, PaymentProgress } from "@swipewire/protocol/messages/terminal-link";
import { type Duration, Seconds } from "@swipewire/protocol/time";

export type PaymentStateName = PaymentProgress | PaymentOutcome;

interface ProgressState {
  readonly next: readonly PaymentStateName[];
  /** How long the payment may stay in it; undefined where it stays until done. */
  readonly limit: Duration | undefined;
  /** Where a gateway that starts anew takes a payment it finds in this state. */
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
    afterCrash: "failed",
  },
  calling: { next: ["collecting", "failed", "cancelled"], limit: Seconds(45), afterCrash: "failed" },
  collecting: { next: ["charging", "failed", "cancelled"], limit: Seconds(125), afterCrash: "failed" },
  // `failed` only where the acquirer says that nothing was sent. The limit stands behind the acquirer's own, whose
  // longest is five minutes.
  charging: {
    next: ["approved", "declined", "failed", "reversing"],
    limit: Seconds(330),
    afterCrash: "reversing",
  },
  reversing: { next: ["reversed"], limit: undefined, afterCrash: "reversing" },
};

export const isProgress = (state: PaymentStateName): state is PaymentProgress => state in progressStates;

export const mayFollow = (from: PaymentStateName, to: PaymentStateName): boolean =>
  isProgress(from) && progressStates[from].next.includes(to);
