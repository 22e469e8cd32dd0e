import type { Slip } from "../acquirer/acquirer.ts";
import { approvedPurchase, type BankTransaction } from "../acquirer/bank-transactions.ts";
import type { Store } from "../store/store.ts";
import { approvedIn } from "./batch-totals.ts";

/** What the bank approved of a batch and was not told again in its upload. */
export async function slipsToUpload(store: Store, of: number): Promise<Slip[]> {
  const slips: Slip[] = [];
  for (const transaction of await approvedIn(store, of)) {
    if (transaction.uploaded === 1) continue;
    const { kind, batch, trace, amount, currency, pin, approval_code, retrieval_reference } = transaction;
    const original = kind === "refund" ? await originalOf(store, transaction) : undefined;
    slips.push({
      ...{ kind, batch, trace, amount, currency, pin: pin === 1 },
      ...(approval_code !== null && { approvalCode: approval_code }),
      ...(retrieval_reference !== null && { retrievalReference: retrieval_reference }),
      ...(original && { original }),
    });
  }
  return slips;
}

async function originalOf(store: Store, { payment_id }: BankTransaction): Promise<Slip["original"]> {
  const { batch, trace, retrieval_reference, bank_date } = (await approvedPurchase(store, payment_id)) ?? {};
  if (batch === undefined || trace === undefined || !retrieval_reference || !bank_date) return undefined;
  return { batch, trace, retrievalReference: retrieval_reference, bankDate: bank_date };
}

/** The bank has them: they do not go up again. */
export async function markUploaded(store: Store, batch: number, slips: readonly Slip[]): Promise<void> {
  const traces = slips.map(({ trace }) => trace);
  await store
    .updateTable("bank_transactions")
    .set({ uploaded: 1 })
    .where("batch", "=", batch)
    .where("trace", "in", traces)
    .execute();
}

/** How many went up, whatever became of them since. */
export async function countUploaded(store: Store, batch: number): Promise<number> {
  const { count } = await store
    .selectFrom("bank_transactions")
    .select((e) => e.fn.countAll<number>().as("count"))
    .where("batch", "=", batch)
    .where("uploaded", "=", 1)
    .executeTakeFirstOrThrow();
  return count;
}
