import type { Instant } from "@swipewire/protocol/time";
import type { Selectable } from "kysely";
import type { BankTransactionState, Tables } from "../store/schema.ts";
import type { Store, Transaction } from "../store/store.ts";
import type { Approval, ReversalReason } from "./acquirer.ts";

export type BankTransaction = Selectable<Tables["bank_transactions"]>;
/** What names a transaction to the bank. */
export type BankTransactionKey = Pick<BankTransaction, "batch" | "trace">;

/** Field 11 and field 60.2 have six digits. */
const LAST_NUMBER = 999_999;

/** Field 48 of a settlement counts with three digits; a batch is closed well before that. */
const LARGEST_BATCH = 900;

/** The batch that the next transaction goes into. A full one, or one whose trace numbers have run out, is closed here. */
export async function openBatch(trx: Transaction, at: Instant): Promise<number> {
  const { batch, next_trace } = await trx.selectFrom("acquirer_sequence").selectAll().executeTakeFirstOrThrow();
  const { count } = await trx
    .selectFrom("bank_transactions")
    .select((e) => e.fn.countAll<number>().as("count"))
    .where("batch", "=", batch)
    .executeTakeFirstOrThrow();
  if (count < LARGEST_BATCH && (count === 0 || next_trace > 1)) return batch;
  await closeBatch(trx, "full", at);
  return (batch % LAST_NUMBER) + 1;
}

/** Closes the open batch, to be settled. @returns it; undefined, and nothing is done, where nothing is in it */
export async function closeBatch(
  trx: Transaction,
  cause: "full" | "daily" | "operator" | "bank",
  at: Instant,
): Promise<number | undefined> {
  const { batch } = await trx.selectFrom("acquirer_sequence").select("batch").executeTakeFirstOrThrow();
  const first = await trx
    .selectFrom("bank_transactions")
    .select("currency")
    .where("batch", "=", batch)
    .executeTakeFirst();
  if (!first) return undefined;
  await trx
    .insertInto("settlements")
    .values({ batch, currency: first.currency, cause, state: "closing", closed_at: at, state_since: at })
    .execute();
  await trx
    .updateTable("acquirer_sequence")
    .set({ batch: (batch % LAST_NUMBER) + 1 })
    .execute();
  return batch;
}

/** The next trace number of the acquirer's terminal, and the open batch. */
export async function takeTrace(trx: Transaction, at: Instant): Promise<BankTransactionKey> {
  const batch = await openBatch(trx, at);
  const { next_trace: trace } = await trx
    .selectFrom("acquirer_sequence")
    .select("next_trace")
    .executeTakeFirstOrThrow();
  await trx
    .updateTable("acquirer_sequence")
    .set({ next_trace: (trace % LAST_NUMBER) + 1 })
    .execute();
  return { trace, batch };
}

/** Writes down what is about to be sent, under a new trace number: without one on disk it could not be reversed. */
export async function recordSending(
  trx: Transaction,
  facts: Pick<BankTransaction, "kind" | "payment_id" | "refund_id" | "amount" | "currency" | "pin">,
  at: Instant,
): Promise<BankTransaction> {
  const transaction = {
    ...facts,
    ...(await takeTrace(trx, at)),
    state: "sent" as const,
    reversal_reason: null,
    approval_code: null,
    retrieval_reference: null,
    bank_date: null,
    at,
  };
  return trx.insertInto("bank_transactions").values(transaction).returningAll().executeTakeFirstOrThrow();
}

/** Writes down what became of it. */
export async function recordOutcome(
  trx: Transaction,
  { batch, trace }: BankTransactionKey,
  outcome: {
    readonly state: Exclude<BankTransactionState, "sent">;
    readonly approval?: Approval;
    readonly reversalReason?: ReversalReason;
  },
  at: Instant,
): Promise<void> {
  const { state, approval, reversalReason } = outcome;
  await trx
    .updateTable("bank_transactions")
    .set({
      state,
      at,
      ...(reversalReason !== undefined && { reversal_reason: reversalReason }),
      ...(approval && {
        approval_code: approval.approvalCode ?? null,
        retrieval_reference: approval.retrievalReference ?? null,
        bank_date: approval.bankDate ?? null,
      }),
    })
    .where("batch", "=", batch)
    .where("trace", "=", trace)
    .execute();
}

export const findBankTransaction = (
  store: Store | Transaction,
  { batch, trace }: BankTransactionKey,
): Promise<BankTransaction | undefined> =>
  store
    .selectFrom("bank_transactions")
    .selectAll()
    .where("batch", "=", batch)
    .where("trace", "=", trace)
    .executeTakeFirst();

/** The purchase that a payment was approved by. */
export const approvedPurchase = (
  store: Store | Transaction,
  payment: BankTransaction["payment_id"],
): Promise<BankTransaction | undefined> =>
  store
    .selectFrom("bank_transactions")
    .selectAll()
    .where("payment_id", "=", payment)
    .where("kind", "=", "purchase")
    .where("state", "=", "approved")
    .executeTakeFirst();

/** Field 39 of its reversal. */
export const reversalReasonOf = ({ reversal_reason }: BankTransaction): ReversalReason =>
  reversal_reason === "06" || reversal_reason === "A0" ? reversal_reason : "98";

/** How many transactions there are whose reversal the bank has not acknowledged. */
export async function undecidedReversals(store: Store): Promise<number> {
  const { count } = await store
    .selectFrom("bank_transactions")
    .select((e) => e.fn.countAll<number>().as("count"))
    .where("state", "=", "reversing")
    .executeTakeFirstOrThrow();
  return count;
}
