/** Field 39: what the bank said, what the payer is told, and what happens next. */
export interface ResponseCode {
  readonly meaning: string;
  /** The error code that payer and merchant are given; absent when approved. */
  readonly reason?: string;
  readonly follows: ResponseAction;
}

export type ResponseAction =
  | "approved"
  /** Not charged; this attempt is over. */
  | "declined"
  /** Not charged; the payer may try again with another PIN. */
  | "enter-pin-again"
  /** Not charged; the terminal's keys are out of step. */
  | "sign-on"
  /** The bank does not know how the charge ended: reverse it. */
  | "reverse";

/**
 * UnionPay's response codes. To add a case, add its row. A code that is not here leaves the outcome unknown, since banks
 * also approve with codes of their own.
 */
export const responseCodes: Readonly<Record<string, ResponseCode>> = {
  "00": { meaning: "approved", follows: "approved" },
  "01": { meaning: "call issuer", reason: "card_declined", follows: "declined" },
  "03": { meaning: "invalid merchant", reason: "acquirer_refused", follows: "declined" },
  "04": { meaning: "pick up", reason: "card_declined", follows: "declined" },
  "05": { meaning: "do not honour", reason: "card_declined", follows: "declined" },
  "12": { meaning: "invalid transaction", reason: "acquirer_refused", follows: "declined" },
  "13": { meaning: "invalid amount", reason: "acquirer_refused", follows: "declined" },
  "14": { meaning: "invalid card number", reason: "card_unknown", follows: "declined" },
  "15": { meaning: "no such issuer", reason: "card_unknown", follows: "declined" },
  "25": { meaning: "original not found", reason: "acquirer_refused", follows: "declined" },
  "30": { meaning: "format error", reason: "acquirer_refused", follows: "declined" },
  "33": { meaning: "expired card", reason: "card_expired", follows: "declined" },
  "38": { meaning: "PIN tries exceeded, pick up", reason: "pin_tries_exceeded", follows: "declined" },
  "40": { meaning: "function not supported", reason: "acquirer_refused", follows: "declined" },
  // That a card is reported lost or stolen is not for whoever stands at the kiosk.
  "41": { meaning: "lost card", reason: "card_declined", follows: "declined" },
  "43": { meaning: "stolen card", reason: "card_declined", follows: "declined" },
  "51": { meaning: "insufficient funds", reason: "insufficient_funds", follows: "declined" },
  "54": { meaning: "expired card", reason: "card_expired", follows: "declined" },
  "55": { meaning: "wrong PIN", reason: "pin_wrong", follows: "enter-pin-again" },
  "57": { meaning: "not permitted to cardholder", reason: "card_not_permitted", follows: "declined" },
  "58": { meaning: "not permitted to terminal", reason: "acquirer_refused", follows: "declined" },
  "61": { meaning: "over amount limit", reason: "card_limit_exceeded", follows: "declined" },
  "62": { meaning: "restricted card", reason: "card_not_permitted", follows: "declined" },
  "65": { meaning: "over count limit", reason: "card_limit_exceeded", follows: "declined" },
  "68": { meaning: "timeout", reason: "issuer_unavailable", follows: "reverse" },
  "75": { meaning: "PIN tries exceeded", reason: "pin_tries_exceeded", follows: "declined" },
  "77": { meaning: "batch mismatch", reason: "acquirer_refused", follows: "sign-on" },
  "90": { meaning: "cutover in progress", reason: "issuer_unavailable", follows: "declined" },
  "91": { meaning: "issuer unavailable", reason: "issuer_unavailable", follows: "declined" },
  "92": { meaning: "network unreachable", reason: "issuer_unavailable", follows: "declined" },
  "94": { meaning: "duplicate", reason: "acquirer_refused", follows: "declined" },
  "96": { meaning: "system malfunction", reason: "issuer_unavailable", follows: "declined" },
  "97": { meaning: "terminal not registered", reason: "acquirer_refused", follows: "declined" },
  "98": { meaning: "issuer timeout", reason: "issuer_unavailable", follows: "reverse" },
  "99": { meaning: "PIN format error", reason: "acquirer_refused", follows: "sign-on" },
  A0: { meaning: "MAC failure", reason: "acquirer_refused", follows: "sign-on" },
};
