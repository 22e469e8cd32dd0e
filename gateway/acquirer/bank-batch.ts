import type { Instant } from "@swipewire/protocol/time";
import type { Transaction } from "../store/store.ts";
import { closeBatch } from "./bank-transactions.ts";

/**
 * Goes over to the batch that the bank says it has open; what stands in the one before is settled like any other. A batch
 * that was used here before stays closed: under its numbers two transactions could be taken for one.
 * @returns whether it is another batch now
 */
export async function followBank(trx: Transaction, batch: number, at: Instant): Promise<boolean> {
  const open = await trx.selectFrom("acquirer_sequence").select("batch").executeTakeFirstOrThrow();
  if (open.batch === batch) return false;
  const used = await trx.selectFrom("bank_transactions").select("batch").where("batch", "=", batch).executeTakeFirst();
  if (used) return false;
  await closeBatch(trx, "bank", at);
  await trx.updateTable("acquirer_sequence").set({ batch }).execute();
  return true;
}
