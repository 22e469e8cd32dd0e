import type { OrderStatus } from "@swipewire/protocol/messages/merchant-api";
import type { PaymentOutcome, PaymentProgress } from "@swipewire/protocol/messages/terminal-link";
import type { Instant } from "@swipewire/protocol/time";
import type { ColumnType, Generated } from "kysely";

/** Null until it is known. */
type Defaulted<T> = ColumnType<T | null, T | undefined, T | null>;

/**
 * `unknown-to-bank`: reversed, and the bank had never heard of it. Should it arrive there after all, it is reversed again.
 */
export type BankTransactionState =
  | "sent"
  | "not-sent"
  | "approved"
  | "declined"
  | "reversing"
  | "reversed"
  | "unknown-to-bank";

export type RefundState = "requested" | "voiding" | "reversing" | "refunding" | "approved" | "declined" | "failed";

/** `different`: settled all the same, after every slip was uploaded, for the bank counted something else. */
export type SettlementState = "closing" | "comparing" | "uploading" | "ending" | "settled" | "different";

/**
 * The tables. No column may hold a track, a PAN, a PIN, a PIN block or a key; secrets that are compared only are kept as
 * SHA-256 (they are random and long, so a slow hash would add nothing). Times are `Instant`s, money is in minor units.
 */
export interface Tables {
  merchants: {
    id: string;
    member_code: string;
    name: string;
    /** SHA-256, hex. */
    api_key_hash: string;
    webhook_url: string;
    /** `whsec_…`: needed in clear to sign. */
    webhook_secret: string;
    created_at: Instant;
  };
  orders: {
    id: string;
    merchant_id: string;
    order_number: string;
    product: string;
    amount: number;
    currency: string;
    /** `refunded` is not kept: it is paid, and all of it was given back. */
    status: Exclude<OrderStatus, "refunded">;
    /** What was given back, in minor units. */
    refunded_amount: number;
    pay_token: string;
    created_at: Instant;
    payable_until: Instant;
  };
  idempotency_keys: {
    merchant_id: string;
    key: string;
    /** SHA-256 of the request, hex: the same key with another body is refused. */
    request_hash: string;
    order_id: string;
    created_at: Instant;
  };
  transaction_codes: {
    code: string;
    order_id: string;
    created_at: Instant;
    /** Set when the order stops being payable; among the codes without it, `code` is unique. */
    released_at: Instant | null;
  };
  code_guesses: {
    terminal_id: string;
    misses: number;
    window_from: Instant;
    locked_until: Instant | null;
  };
  terminals: {
    id: string;
    name: string;
    /** Ed25519 public JWK, JSON. */
    signing_key: string;
    /** SHA-256, hex. */
    password_hash: string;
    enrolled_at: Instant;
    revoked_at: Instant | null;
    /** The `kid` of the envelope key that it last told of. */
    seals_to: string | null;
  };
  /** The certificates that terminals were given. */
  certificates: {
    /** Lower-case hex. */
    serial: string;
    terminal_id: string;
    issued_at: Instant;
    expires_at: Instant;
  };
  enrolment_tokens: {
    /** SHA-256, hex. */
    token_hash: string;
    expires_at: Instant;
    used_at: Instant | null;
  };
  payments: {
    /** Made up by the terminal. */
    id: string;
    order_id: string;
    terminal_id: string;
    state: PaymentProgress | PaymentOutcome;
    /** The failure's code, for an ended payment that was not approved. */
    reason: string | null;
    amount: number;
    currency: string;
    masked_pan: string | null;
    /** Was a PIN asked for? 0 or 1. */
    pin: number;
    /** For the SMS; null once the payment is over and the payer was told. */
    phone: string | null;
    /** Of its last charge; set, with `batch`, before that is sent. */
    trace: number | null;
    batch: number | null;
    reversal_reason: string | null;
    approval_code: string | null;
    retrieval_reference: string | null;
    created_at: Instant;
    state_since: Instant;
    /** The gateway process that works on it, `instance/run`; null once the payment is over. */
    owner: string | null;
    /** Until when that process has it to itself, unless it says so again. */
    leased_until: Instant | null;
    /** Asked of its owner: to cancel it, for this cause. */
    cancel_cause: string | null;
    /** What the operator found out about a charge that the bank does not undo. */
    ruling: "reversed" | "approved" | null;
  };
  /** Everything that was sent to the bank and moves money. */
  bank_transactions: {
    /** Field 60.2 and 11, which name it. */
    batch: number;
    trace: number;
    kind: "purchase" | "purchase void" | "refund";
    payment_id: string;
    /** Of a void or refund. */
    refund_id: string | null;
    amount: number;
    currency: string;
    /** Was a PIN entered? 0 or 1. */
    pin: number;
    state: BankTransactionState;
    /** Field 39 of its reversal. */
    reversal_reason: string | null;
    /** Fields 38, 37 and 13 of the bank's approval. */
    approval_code: string | null;
    retrieval_reference: string | null;
    bank_date: string | null;
    /** Did the bank approve it after it had been given up? 0 or 1. */
    approved_late: Generated<number>;
    /** Has the bank taken it in its batch's upload? 0 or 1. */
    uploaded: Generated<number>;
    /** Of its state. */
    at: Instant;
  };
  /** Append-only: the whole life of every payment. */
  payment_transitions: {
    seq: Generated<number>;
    payment_id: string;
    from_state: string | null;
    to_state: string;
    /** What made it happen. */
    cause: string;
    at: Instant;
  };
  /** What is given back of payments. */
  refunds: {
    id: string;
    order_id: string;
    payment_id: string;
    merchant_id: string;
    /** The merchant's, unique among its refunds. */
    idempotency_key: string;
    /** SHA-256 of the request, hex: the same key with another body is refused. */
    request_hash: string;
    amount: number;
    currency: string;
    state: RefundState;
    /** The failure's code, for one that gave nothing back. */
    reason: string | null;
    /** Of its last message to the bank; set before that is sent. */
    batch: number | null;
    trace: number | null;
    created_at: Instant;
    state_since: Instant;
  };
  /** Append-only: the whole life of every refund. */
  refund_transitions: {
    seq: Generated<number>;
    refund_id: string;
    from_state: string | null;
    to_state: string;
    /** What made it happen. */
    cause: string;
    at: Instant;
  };
  /** Batches that were closed, and what the bank said of them. */
  settlements: {
    batch: number;
    currency: string;
    /** What closed it: `daily`, `operator`, or `full`. */
    cause: string;
    state: SettlementState;
    /** Of the settlement message, then of the one that ends the batch. */
    trace: Defaulted<number>;
    /** Are the bank's totals the same? 0 or 1; null before it was asked. */
    balanced: Defaulted<number>;
    /** What the gateway counted when it asked the bank. */
    our_debit_amount: Defaulted<number>;
    our_debit_count: Defaulted<number>;
    our_credit_amount: Defaulted<number>;
    our_credit_count: Defaulted<number>;
    /** What the bank answered. */
    bank_debit_amount: Defaulted<number>;
    bank_debit_count: Defaulted<number>;
    bank_credit_amount: Defaulted<number>;
    bank_credit_count: Defaulted<number>;
    /** Code of what holds it up. */
    last_error: Defaulted<string>;
    closed_at: Instant;
    state_since: Instant;
  };
  /** The operator's wishes, for the running gateway, which has the one connection to the bank. */
  settlement_requests: {
    id: Generated<number>;
    at: Instant;
    taken_at: Instant | null;
    /** The batch that it closed; null where there was nothing to settle. */
    batch: number | null;
  };
  /** Payment ids that a terminal was told are refused: they stay refused, with the failure's code. */
  refused_payments: { terminal_id: string; payment_id: string; code: string; at: Instant };
  /** Sealed swipes already taken, by their own id. */
  seen_swipes: { swipe_id: string; payment_id: string; at: Instant };
  /** The highest DUKPT counter seen of each reader: its KSN may never repeat or go back. */
  reader_counters: {
    /** The KSN with its 21 counter bits cleared, hex. */
    initial_ksn: string;
    counter: number;
    at: Instant;
  };
  /** One row: the acquirer terminal's next trace number. */
  acquirer_sequence: { id: number; next_trace: number; batch: number };
  /** Double entry: the entries of one transfer sum to zero. */
  ledger_entries: {
    seq: Generated<number>;
    transfer_id: string;
    /** `merchant:<id>` or `acquirer`. */
    account: string;
    /** Signed, minor units: credit positive. */
    amount: number;
    currency: string;
    payment_id: string;
    at: Instant;
  };
  /** What merchants and payers are still owed. Written in the transaction that makes it true. */
  outbox: {
    /** The event's id, the same on every attempt. */
    id: string;
    kind: "webhook" | "sms";
    /** For a webhook. */
    merchant_id: string | null;
    /** JSON. An SMS's number and text are cleared when it is done. */
    payload: string;
    created_at: Instant;
    attempts: number;
    next_attempt_at: Instant;
    done_at: Instant | null;
    /** Set when the last attempt of the schedule failed. */
    given_up_at: Instant | null;
    /** Code of the last failure. */
    last_error: string | null;
  };
}
