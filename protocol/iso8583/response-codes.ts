/** What the payer is told of a payment that the bank did not make, by the error code that goes with it. */
export const payerWords = {
  acquirer_refused: "The bank could not take this payment. Please tell the shop.",
  card_declined: "The bank declined the card. Please use another one, or ask your bank.",
  card_expired: "The card has expired. Please use another one.",
  card_limit_exceeded: "This is more than the card may pay. Please use another one, or ask your bank.",
  card_not_permitted: "The card is not for payments of this kind. Please use another one.",
  card_unknown: "The bank does not know this card. Please swipe it again, or use another one.",
  insufficient_funds: "There is not enough money for this. Please use another card.",
  issuer_unavailable: "The bank cannot be reached at the moment. Please try again later.",
  pin_tries_exceeded: "The PIN was wrong too often, and the card is locked. Please ask your bank.",
  pin_wrong: "The PIN was wrong. Please try again.",
} as const;

/** Why a bank made no payment, as an error code. */
export type DeclineReason = keyof typeof payerWords;

/** Field 39: what the bank said, what the payer is told, and what happens next. */
export interface ResponseCode {
  readonly meaning: string;
  /** The error code that payer and merchant are given, which {@link payerWords} puts into words; absent when approved. */
  readonly reason?: DeclineReason;
  readonly follows: ResponseAction;
}

/** What follows a response code. */
export type ResponseAction =
  | "approved"
  /** Not charged; this attempt is over. */
  | "declined"
  /** Not charged, and nothing is wrong with it: after a pause, once more under a new trace. */
  | "retry"
  /** Not charged; the payer may try again with another PIN. */
  | "enter-pin-again"
  /** Not charged; the terminal's keys or its batch are out of step. */
  | "sign-on"
  /** The bank does not know how the charge ended: reverse it. */
  | "reverse";

/**
 * UnionPay's response codes. To add a case, add its row. A code that is not here leaves the outcome unknown, since banks
 * also approve with codes of their own. All but 33 and 77, which have no source, stand among those that a terminal tells its
 * cashier of (github.com/CaoEnXin/LiaoYang_POS, Src/globalvar.c); there 05 is a cardholder who was not recognised.
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
  // The switch takes nothing while its day changes, so that the request went no further: the only refusal after which
  // the same payment is asked for again.
  "90": { meaning: "cutover in progress", reason: "issuer_unavailable", follows: "retry" },
  // A switch says 91 also for an issuer that it heard nothing from, and undoes with that issuer what may stand there. Until
  // it has, a second charge could hold the money twice; so the payer decides when to try again.
  "91": { meaning: "issuer unavailable", reason: "issuer_unavailable", follows: "declined" },
  // No route: a moment later there is none either.
  "92": { meaning: "network unreachable", reason: "issuer_unavailable", follows: "declined" },
  "94": { meaning: "duplicate", reason: "acquirer_refused", follows: "declined" },
  // Where in its course the request broke off is not said.
  "96": { meaning: "system malfunction", reason: "issuer_unavailable", follows: "declined" },
  "97": { meaning: "terminal not registered", reason: "acquirer_refused", follows: "declined" },
  "98": { meaning: "issuer timeout", reason: "issuer_unavailable", follows: "reverse" },
  "99": { meaning: "PIN format error", reason: "acquirer_refused", follows: "sign-on" },
  A0: { meaning: "MAC failure", reason: "acquirer_refused", follows: "sign-on" },
};
