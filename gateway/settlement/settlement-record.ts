import type { Selectable } from "kysely";
import type { BatchTotals } from "../acquirer/acquirer.ts";
import type { SettlementState, Tables } from "../store/schema.ts";

export type SettlementRow = Selectable<Tables["settlements"]>;

/** In which a settlement is over. */
export const settledStates = ["settled", "different"] as const satisfies readonly SettlementState[];

export const isSettled = (state: SettlementState): boolean =>
  (settledStates as readonly SettlementState[]).includes(state);

/** What the gateway counted when it asked the bank; undefined before. */
export function ourTotals(row: SettlementRow): BatchTotals | undefined {
  const { our_debit_amount, our_debit_count, our_credit_amount, our_credit_count } = row;
  return whole(our_debit_amount, our_debit_count, our_credit_amount, our_credit_count);
}

/** What the bank answered; undefined before. */
export function bankTotals(row: SettlementRow): BatchTotals | undefined {
  const { bank_debit_amount, bank_debit_count, bank_credit_amount, bank_credit_count } = row;
  return whole(bank_debit_amount, bank_debit_count, bank_credit_amount, bank_credit_count);
}

function whole(
  debitAmount: number | null,
  debitCount: number | null,
  creditAmount: number | null,
  creditCount: number | null,
): BatchTotals | undefined {
  if (debitAmount === null || debitCount === null || creditAmount === null || creditCount === null) return undefined;
  return { debitAmount, debitCount, creditAmount, creditCount };
}
