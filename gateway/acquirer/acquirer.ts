import type { SensitiveBytes } from "@swipewire/protocol/sensitive-bytes";
import type { Instant } from "@swipewire/protocol/time";

/** What identifies a transaction to the bank, for its reversal too. Stored before it is sent. */
export interface TransactionIdentity {
  /** System trace audit number, ISO 8583 field 11, 1 to 999999. */
  readonly trace: number;
  /** Batch number, 1 to 999999. */
  readonly batch: number;
  /** Minor units. */
  readonly amount: number;
  /** ISO 4217 alphabetic. */
  readonly currency: string;
  /** Was a PIN entered? Decides field 22 and 53, of the reversal too. */
  readonly pin: boolean;
}

export interface ChargeRequest extends TransactionIdentity {
  /** ASCII, start to end sentinel, without LRC. Stays the caller's to wipe. */
  readonly track2: SensitiveBytes;
  readonly track3?: SensitiveBytes;
  /** Encrypted under the PIN working key; present exactly when `pin`. */
  readonly pinBlock?: Uint8Array;
  /** {@link Acquirer.signOns} when the PIN block was made; present with it. */
  readonly signOns?: number;
}

/** What the bank says of a transaction that it approved: a void or refund has to name it by that. */
export interface Approval {
  /** Field 38, six letters, digits and spaces, where the bank sends one. */
  readonly approvalCode?: string;
  /** Field 37. */
  readonly retrievalReference?: string;
  /** Field 13, MMDD. */
  readonly bankDate?: string;
}

export type TransactionReply =
  | ({ readonly kind: "approved" } & Approval)
  | {
      readonly kind: "declined";
      /** Field 39. */
      readonly responseCode: string;
    };

/** A void or refund of a purchase; the card's track was wiped long ago. */
export interface GiveBackRequest extends Omit<TransactionIdentity, "pin"> {
  readonly original: {
    /** Field 37 of the purchase's reply. */
    readonly retrievalReference: string;
    readonly batch: number;
    readonly trace: number;
    /** Field 13 of the purchase's reply, MMDD. */
    readonly bankDate: string;
  };
}

/** What has a 0400. A refund is an advice, which is repeated until it is answered. */
export type ReversibleKind = "purchase" | "purchase void";

/** Did the bank know what it was to undo? One that it did not know may still be on its way there. */
export type ReversalReply = "undone" | "unknown";

/** What went through a batch, in minor units; voids and refunds are credits. */
export interface BatchTotals {
  readonly debitAmount: number;
  readonly debitCount: number;
  readonly creditAmount: number;
  readonly creditCount: number;
}

export interface BatchIdentity {
  /** Of this message. */
  readonly trace: number;
  /** The batch that it is about. */
  readonly batch: number;
}

export interface SettlementReply {
  /** Does the bank's side say the same? If not, the batch's slips are to be uploaded. */
  readonly balanced: boolean;
  /** Does the bank want to be told that a batch is at its end, though it balanced? */
  readonly endAwaited: boolean;
  /** The bank's own. */
  readonly totals: BatchTotals;
}

/** One approved transaction of a batch. */
export interface Slip extends TransactionIdentity, Pick<Approval, "approvalCode" | "retrievalReference"> {
  readonly kind: ReversibleKind | "refund";
  /** Of a refund. */
  readonly original?: GiveBackRequest["original"];
}

/** What of an upload goes in one message. */
export interface UploadPart {
  readonly slips: readonly Slip[];
  /** Has the message a trace number of its own, or that of its one slip? */
  readonly ownTrace: boolean;
}

/** A reply that came after its transaction had been given up as unknown. */
export interface LateReply {
  readonly batch: number;
  readonly trace: number;
  readonly approved: boolean;
}

/** ISO 8583 field 39 of a reversal: 98 no answer in time, 06 fault of the terminal, A0 the reply's MAC is wrong. */
export type ReversalReason = "98" | "06" | "A0";

/**
 * A bank's POS channel. Every request throws AcquirerUnreachable | AcquirerRequestNotSent before anything was sent, so that
 * it had no effect, and AcquirerOutcomeUnknown after it was sent, without a reply that can be trusted; its
 * `reversalReason` says why. Whatever else is thrown is to be taken for the same.
 */
export interface Acquirer {
  /** Signed on and within reach? */
  readonly ready: boolean;

  /** How many sign-ons there were. Each brings new working keys, under which the bank reads no earlier PIN block. */
  readonly signOns: number;

  /** Sends one charge and waits for its reply. Of unknown outcome: reverse it. */
  charge(request: ChargeRequest): Promise<TransactionReply>;

  /** Takes a whole purchase back before its batch is settled. Of unknown outcome: reverse it. */
  voidPurchase(request: GiveBackRequest): Promise<TransactionReply>;

  /**
   * Gives back all of a purchase or a part. Of unknown outcome: repeat it under the same trace and batch, for the bank
   * carries it out once.
   */
  refund(request: GiveBackRequest): Promise<TransactionReply>;

  /**
   * Sends one reversal and returns once the bank acknowledged that the transaction does not stand.
   * @throws AcquirerReversalRefused when the bank says no in so many words; anything else: repeat it
   */
  reverse(transaction: TransactionIdentity, kind: ReversibleKind, reason: ReversalReason): Promise<ReversalReply>;

  /** Closes a batch with the gateway's totals; the same again gets the same answer. Of unknown outcome: repeat it. */
  settle(batch: BatchIdentity & { readonly currency: string }, totals: BatchTotals): Promise<SettlementReply>;

  /** How the bank wants the slips of a batch that did not balance, every one of them in one part. */
  uploadParts(slips: readonly Slip[]): UploadPart[];

  /** Uploads one part; a slip that comes again counts once. Of unknown outcome: repeat it. */
  uploadSlips(batch: BatchIdentity, part: UploadPart): Promise<void>;

  /** Ends the upload of a batch's slips, or the batch where it balanced. Of unknown outcome: repeat it. */
  endUpload(batch: BatchIdentity, upload: { readonly count: number; readonly balanced: boolean }): Promise<void>;

  /** Calls `listener` with every reply that comes too late. */
  onLateReply(listener: (reply: LateReply) => void): void;

  close(): Promise<void>;
}

/** When the acquirer's connection came up or went away. */
export interface AcquirerStatus {
  readonly ready: boolean;
  readonly since: Instant;
}
