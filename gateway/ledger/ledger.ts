import type { Instant } from "@swipewire/protocol/time";
import { LedgerUnbalanced } from "../errors.ts";
import type { Store, Transaction } from "../store/store.ts";

export type Account = `merchant:${string}` | "acquirer";

export const merchantAccount = (merchantId: string): Account => `merchant:${merchantId}`;

export interface Sale {
  /** The payment's id; a payment is booked once at most. */
  readonly payment: string;
  readonly merchantId: string;
  /** Minor units, positive. */
  readonly amount: number;
  readonly currency: string;
  readonly at: Instant;
}

/** Books an approved payment: the acquirer owes what the merchant is credited. */
export async function postSale(trx: Transaction, sale: Sale): Promise<void> {
  await post(trx, `sale:${sale.payment}`, sale, [
    { account: merchantAccount(sale.merchantId), amount: sale.amount },
    { account: "acquirer", amount: -sale.amount },
  ]);
}

/** Books what was given back of a payment: the merchant's credit goes down, and so does what the acquirer owes. */
export async function postRefund(trx: Transaction, refund: Sale & { readonly refund: string }): Promise<void> {
  await post(trx, `refund:${refund.refund}`, refund, [
    { account: merchantAccount(refund.merchantId), amount: -refund.amount },
    { account: "acquirer", amount: refund.amount },
  ]);
}

/** @throws LedgerUnbalanced */
async function post(
  trx: Transaction,
  transfer: string,
  { payment, currency, at }: Pick<Sale, "payment" | "currency" | "at">,
  entries: readonly { account: Account; amount: number }[],
): Promise<void> {
  if (entries.reduce((sum, entry) => sum + entry.amount, 0) !== 0) throw new LedgerUnbalanced({ detail: "a transfer" });
  await trx
    .insertInto("ledger_entries")
    .values(entries.map((entry) => ({ transfer_id: transfer, ...entry, currency, payment_id: payment, at })))
    .execute();
}

/** What an account holds: minor units, credit positive. */
export async function balance(store: Store, account: Account, currency: string): Promise<number> {
  const row = await store
    .selectFrom("ledger_entries")
    .select((e) => e.fn.coalesce(e.fn.sum<number>("amount"), e.lit(0)).as("balance"))
    .where("account", "=", account)
    .where("currency", "=", currency)
    .executeTakeFirstOrThrow();
  return row.balance;
}

/**
 * Adds up the whole ledger.
 * @throws LedgerUnbalanced when a transfer, in a currency, does not sum to zero
 */
export async function checkZero(store: Store): Promise<void> {
  const unbalanced = await store
    .selectFrom("ledger_entries")
    .select("transfer_id")
    .groupBy(["transfer_id", "currency"])
    .having((e) => e.fn.sum("amount"), "<>", 0)
    .execute();
  if (unbalanced.length > 0) throw new LedgerUnbalanced({ detail: `${unbalanced.length} transfers` });
}
