import { type Duration, Hours, Seconds } from "@swipewire/protocol/time";
import type { RefundState } from "../store/schema.ts";

interface UnderWay {
  /** For the operator. */
  readonly means: string;
  readonly next: readonly RefundState[];
  /** How long the refund may stay in it. */
  readonly limit: Duration;
  /** Where it goes then; `alarm`: the operator is told, for only the bank can end it. */
  readonly atLimit: "failed" | "reversing" | "alarm";
}

/**
 * Every state of a refund in which something is still to happen. A whole purchase whose batch is open is voided; everything
 * else is refunded. A void has a reversal, a refund has not: it is an advice, which the bank carries out once however often
 * it comes. So a void of unknown outcome is reversed and then tried as a refund, and a refund of unknown outcome repeated.
 */
export const underWay = {
  requested: {
    means: "written down, nothing was sent; it waits for the bank to be within reach",
    next: ["voiding", "refunding", "failed"],
    limit: Hours(24),
    atLimit: "failed",
  },
  // Back to `requested` only where the acquirer says that nothing was sent. The limit stands behind the acquirer's own.
  voiding: {
    means: "the bank is asked to take the whole purchase back, whose batch is open",
    next: ["requested", "reversing", "refunding", "approved", "declined", "failed"],
    limit: Seconds(330),
    atLimit: "reversing",
  },
  reversing: {
    means: "the outcome of the void is unknown; it is reversed, after 1 s up to 60 s, until the bank acknowledges that",
    next: ["refunding"],
    limit: Hours(1),
    atLimit: "alarm",
  },
  refunding: {
    means: "the bank is told to give back; repeated under the same numbers, after 1 s up to 60 s, until it answers",
    next: ["approved", "declined", "failed"],
    limit: Hours(1),
    atLimit: "alarm",
  },
} as const satisfies Partial<Record<RefundState, UnderWay>>;

export type RefundUnderWay = keyof typeof underWay;

export const underWayNames = Object.keys(underWay) as RefundUnderWay[];

export const isUnderWay = (state: RefundState): state is RefundUnderWay => state in underWay;

export const mayFollow = (from: RefundState, to: RefundState): boolean =>
  isUnderWay(from) && (underWay[from].next as readonly RefundState[]).includes(to);
