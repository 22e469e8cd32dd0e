import { type Duration, Seconds } from "@swipewire/protocol/time";

/** How the bank treats a purchase that passed every check. */
export type AmountRule =
  | { readonly kind: "decline"; readonly responseCode: string }
  | { readonly kind: "approve"; readonly reply: ReplyFault }
  | { readonly kind: RequestFault };

/**
 * What becomes of a request on its way: `lose` is neither carried out nor answered; `hold` arrives after {@link HELD}, is
 * overtaken by its reversal, to which the bank says that it knows of nothing, and is carried out all the same.
 */
export type RequestFault = "lose" | "hold";

/** What becomes of the answer to a request that was carried out. */
export type ReplyFault = "none" | "never" | "late" | "twice" | "wrong-mac" | "wrong-amount" | "hang-up";

/** One request, as a script of faults sees it. */
export interface PlannedRequest {
  readonly mti: string;
  readonly terminal: string;
  /** Field 60.2. */
  readonly batch: string;
  /** Field 11. */
  readonly trace: string;
  /** Minor units; 0 where there is none. */
  readonly amount: number;
}

export interface PlannedFault {
  readonly request?: RequestFault;
  /** Goes over what the amount says. */
  readonly reply?: ReplyFault;
}

/** Says what goes wrong with each request whose MAC is right; for what it leaves unsaid, the amount decides. */
export type FaultPlan = (request: PlannedRequest) => PlannedFault | undefined;

/** How late a late answer is: later than a terminal waits. */
export const LATE: Duration = Seconds(90);

/** How long a held request is under way: longer than a terminal waits, and then for its reversal. */
export const HELD: Duration = Seconds(75);

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
  /** Charges, and answers twice. */
  62: { kind: "approve", reply: "twice" },
  /** Neither charges nor answers. */
  63: { kind: "lose" },
  /** Says that it knows of nothing when it is to be undone, and charges after that. */
  64: { kind: "hold" },
  /** Charges, and answers with another amount under a right MAC. */
  65: { kind: "approve", reply: "wrong-amount" },
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
