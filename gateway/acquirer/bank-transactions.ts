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

/** The batch that the next transaction goes into; a full one is closed here, and settled like any other. */
export async function openBatch(trx: Transaction): Promise<number> {
  const { batch } = await trx.selectFrom("acquirer_sequence").select("batch").executeTakeFirstOrThrow();
  const { count } = await trx
    .selectFrom("bank_transactions")
    .select((e) => e.fn.countAll<number>().as("count"))
    .where("batch", "=", batch)
    .executeTakeFirstOrThrow();
  return count < LARGEST_BATCH ? batch : nextBatch(trx);
}

/** Closes the open batch. @returns the new one */
export async function nextBatch(trx: Transaction): Promise<number> {
  const { batch } = await trx
    .updateTable("acquirer_sequence")
    .set((e) => ({ batch: e(e("batch", "%", LAST_NUMBER), "+", 1) }))
    .returning("batch")
    .executeTakeFirstOrThrow();
  return batch;
}

/** The next trace number of the acquirer's terminal; a new batch begins where they run out, or where one is full. */
export async function takeTrace(trx: Transaction): Promise<BankTransactionKey> {
  await openBatch(trx);
  const { next_trace: trace, batch } = await trx.selectFrom("acquirer_sequence").selectAll().executeTakeFirstOrThrow();
  const wraps = trace === LAST_NUMBER;
  await trx
    .updateTable("acquirer_sequence")
    .set({ next_trace: wraps ? 1 : trace + 1, batch: wraps ? (batch % LAST_NUMBER) + 1 : batch })
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
    ...(await takeTrace(trx)),
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
