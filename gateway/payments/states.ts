import type { PaymentOutcome, PaymentProgress } from "@swipewire/protocol/messages/terminal-link";
import { type Duration, Hours, Seconds } from "@swipewire/protocol/time";

export type PaymentStateName = PaymentProgress | PaymentOutcome;

interface ProgressState {
  /** For the operator. */
  readonly means: string;
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
    means: "the swipe was opened and taken",
    next: ["calling", "charging", "failed", "cancelled"],
    limit: Seconds(15),
    atLimit: "failed",
    afterCrash: "failed",
  },
  calling: {
    means: "the payer's phone rings",
    next: ["collecting", "failed", "cancelled"],
    limit: Seconds(45),
    atLimit: "failed",
    afterCrash: "failed",
  },
  collecting: {
    means: "the payer types the PIN",
    next: ["charging", "failed", "cancelled"],
    limit: Seconds(125),
    atLimit: "failed",
    afterCrash: "failed",
  },
  // Back to `calling` and on to another charge only where the bank said that nothing was charged; `failed` only there, or
  // where the acquirer says that nothing was sent. The limit stands behind the acquirer's own, whose longest is five minutes.
  charging: {
    means: "the bank is asked",
    next: ["charging", "calling", "approved", "declined", "failed", "reversing"],
    limit: Seconds(330),
    atLimit: "reversing",
    afterCrash: "reversing",
  },
  // `approved` only by the operator's ruling.
  reversing: {
    means: "the outcome is unknown; the reversal is repeated, after 1 s up to 60 s, until the bank acknowledges it",
    next: ["reversed", "approved"],
    limit: Hours(1),
    atLimit: "alarm",
    afterCrash: "reversing",
  },
};

/** In which a payment is over, and what each means to the operator. Only `approved` charges the card. */
export const outcomes: Readonly<Record<PaymentOutcome, string>> = {
  approved: "the bank approved it",
  declined: "the bank said no",
  failed: "it went wrong before the bank was asked",
  cancelled: "payer or merchant cancelled it, or its order expired, before the bank was asked",
  reversed: "the bank gave no answer that can be trusted; the charge was undone",
};

export const progressNames = Object.keys(progressStates) as PaymentProgress[];

export const isProgress = (state: PaymentStateName): state is PaymentProgress => state in progressStates;

export const mayFollow = (from: PaymentStateName, to: PaymentStateName): boolean =>
  isProgress(from) && progressStates[from].next.includes(to);
