import { type Duration, Seconds } from "@swipewire/protocol/time";

/** How the bank treats a purchase that passed every check. */
export type AmountRule =
  | { readonly kind: "decline"; readonly responseCode: string }
  | { readonly kind: "approve"; readonly reply: ReplyFault }
  /** As if the request had been lost: neither posted nor answered. */
  | { readonly kind: "lose" };

/** What becomes of the answer to a purchase that was posted. */
export type ReplyFault = "none" | "never" | "late" | "wrong-mac" | "hang-up";

/** How late a late answer is: later than a terminal waits. */
export const LATE: Duration = Seconds(90);

/** By the last two digits of the amount in minor units; any other ending is approved. */
export const amountRules: Readonly<Record<number, AmountRule>> = {
  /** Do not honour. */
  5: { kind: "decline", responseCode: "05" },
  /** Insufficient funds. */
  51: { kind: "decline", responseCode: "51" },
  /** Expired card. */
  54: { kind: "decline", responseCode: "54" },
  /** Over the amount limit. */
  61: { kind: "decline", responseCode: "61" },
  /** Neither charges nor answers. */
  63: { kind: "lose" },
  /** Charges, and answers with a MAC that is wrong. */
  66: { kind: "approve", reply: "wrong-mac" },
  /** Charges, and cuts the connection in place of an answer. */
  67: { kind: "approve", reply: "hang-up" },
  /** Charges, and never answers. */
  68: { kind: "approve", reply: "never" },
  /** Charges, and answers too late. */
  69: { kind: "approve", reply: "late" },
  /** Issuer unavailable. */
  91: { kind: "decline", responseCode: "91" },
  /** System malfunction. */
  96: { kind: "decline", responseCode: "96" },
  /** The bank itself does not know. */
  98: { kind: "decline", responseCode: "98" },
};

export const amountRule = (amount: number): AmountRule =>
  amountRules[amount % 100] ?? { kind: "approve", reply: "none" };
