import type { LinkBody, OrderView } from "@swipewire/protocol/messages/terminal-link";

/** What became of a search for an order. */
export type FindOutcome =
  | { readonly kind: "found"; readonly order: OrderView }
  /** `code` is the gateway's. */
  | { readonly kind: "refused"; readonly code: string }
  | { readonly kind: "unanswered" };

/** What became of a submission. Only `unsent` and `refused` mean that the gateway will never charge it. */
export type SubmitOutcome =
  | { readonly kind: "accepted" }
  | { readonly kind: "refused"; readonly code: string }
  /** Nothing of it ever left this process. */
  | { readonly kind: "unsent" }
  /** It left, and nothing came back. */
  | { readonly kind: "unanswered" };

/** What a query came to. What the gateway answers about a payment it knows arrives as news. */
export type QueryOutcome =
  | { readonly kind: "answered" }
  /** The gateway never heard of the payment, and never will: it refuses the id for good. */
  | { readonly kind: "unknown"; readonly code: string }
  | { readonly kind: "unanswered" };

export type Submission = LinkBody<"swipe.submit">;

/** The session's way to the gateway. The promises never reject; an aborted signal ends them at once. */
export interface SessionUplink {
  /** Is the gateway within reach, as far as is known? */
  readonly withinReach: boolean;
  /** Does the broker refuse this terminal, as it does when the gateway has revoked it? */
  readonly refused: boolean;
  find(code: string, signal: AbortSignal): Promise<FindOutcome>;
  submit(submission: Submission, signal: AbortSignal): Promise<SubmitOutcome>;
  query(payment: string, signal: AbortSignal): Promise<QueryOutcome>;
  /** Asks; whether it came in time is told as a result. */
  cancel(payment: string): void;
}
