import type { BatchTotals } from "../acquirer/acquirer.ts";
import type { BankTransaction } from "../acquirer/bank-transactions.ts";
import type { Store, Transaction } from "../store/store.ts";

/** Adds up what stands: purchases are debits, voids and refunds credits. */
export function totalsOf(transactions: readonly Pick<BankTransaction, "kind" | "amount">[]): BatchTotals {
  const sum = (some: typeof transactions) => some.reduce((total, { amount }) => total + amount, 0);
  const debits = transactions.filter(({ kind }) => kind === "purchase");
  const credits = transactions.filter(({ kind }) => kind !== "purchase");
  return {
    debitAmount: sum(debits),
    debitCount: debits.length,
    creditAmount: sum(credits),
    creditCount: credits.length,
  };
}

export const sameTotals = (a: BatchTotals, b: BatchTotals): boolean =>
  a.debitAmount === b.debitAmount &&
  a.debitCount === b.debitCount &&
  a.creditAmount === b.creditAmount &&
  a.creditCount === b.creditCount;

const inBatch = (store: Store | Transaction, batch: number) =>
  store.selectFrom("bank_transactions").selectAll().where("batch", "=", batch).orderBy("trace");

/** What the bank approved of a batch. */
export const approvedIn = (store: Store | Transaction, batch: number): Promise<BankTransaction[]> =>
  inBatch(store, batch).where("state", "=", "approved").execute();

/** Whose outcome is not known yet. */
export const undecidedIn = (store: Store | Transaction, batch: number): Promise<BankTransaction[]> =>
  inBatch(store, batch).where("state", "in", ["sent", "reversing"]).execute();
