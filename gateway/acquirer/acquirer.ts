import type { SensitiveBytes } from "@swipewire/protocol/sensitive-bytes";
import type { Instant } from "@swipewire/protocol/time";

/** What identifies a charge to the bank, for its reversal too. Stored before the charge is sent. */
export interface ChargeIdentity {
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

export interface ChargeRequest extends ChargeIdentity {
  /** ASCII, start to end sentinel, without LRC. Stays the caller's to wipe. */
  readonly track2: SensitiveBytes;
  readonly track3?: SensitiveBytes;
  /** Encrypted under the PIN working key; present exactly when `pin`. */
  readonly pinBlock?: Uint8Array;
  /** {@link Acquirer.signOns} when the PIN block was made; present with it. */
  readonly signOns?: number;
}

export type ChargeReply =
  | {
      readonly kind: "approved";
      /** Field 38, six letters, digits and spaces, where the bank sends one. */
      readonly approvalCode?: string;
      /** Field 37. */
      readonly retrievalReference?: string;
    }
  | {
      readonly kind: "declined";
      /** Field 39. */
      readonly responseCode: string;
    };

/** ISO 8583 field 39 of a reversal: 98 no answer in time, 06 fault of the terminal, A0 the reply's MAC is wrong. */
export type ReversalReason = "98" | "06" | "A0";

/** A bank's POS channel. */
export interface Acquirer {
  /** Signed on and within reach? */
  readonly ready: boolean;

  /** How many sign-ons there were. Each brings new working keys, under which the bank reads no earlier PIN block. */
  readonly signOns: number;

  /**
   * Sends one charge and waits for its reply.
   * @throws AcquirerUnreachable | AcquirerChargeNotSent before anything was sent: nothing was charged
   * @throws AcquirerOutcomeUnknown after it was sent, without a reply that can be trusted: reverse it. Its `reversalReason`
   * says why. Whatever else is thrown is to be taken for the same
   */
  charge(request: ChargeRequest): Promise<ChargeReply>;

  /**
   * Sends one reversal and returns once the bank acknowledged that the charge does not stand (also when it never knew it).
   * @throws AcquirerUnreachable | AcquirerOutcomeUnknown: repeat it
   */
  reverse(charge: ChargeIdentity, reason: ReversalReason): Promise<void>;

  close(): Promise<void>;
}

/** When the acquirer's connection came up or went away. */
export interface AcquirerStatus {
  readonly ready: boolean;
  readonly since: Instant;
}
