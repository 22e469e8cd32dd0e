import { type Instant, isoTime } from "@swipewire/protocol/time";
import { sql } from "kysely";
import type { BatchTotals } from "../acquirer/acquirer.ts";
import type { SettlementState } from "../store/schema.ts";
import type { Store } from "../store/store.ts";
import { approvedIn, sameTotals, totalsOf, undecidedIn } from "./batch-totals.ts";
import { localDay } from "./daily-time.ts";
import { bankTotals, isSettled, type SettlementRow } from "./settlement-record.ts";

/** A batch as the ledger, the gateway's records and the bank have it. */
export interface BatchReconciliation {
  readonly batch: number;
  readonly state: SettlementState | "open";
  readonly closedAt: string | null;
  /** What holds its settlement up, as a code. */
  readonly waitsFor: string | null;
  readonly ledger: BatchTotals;
  /** What the bank approved, transaction by transaction. */
  readonly records: BatchTotals;
  /** What the bank said when the batch was settled; null before. */
  readonly bank: BatchTotals | null;
  readonly differs: boolean;
  /** Whose outcome is not known yet. */
  readonly undecided: readonly {
    readonly kind: string;
    readonly trace: number;
    readonly amount: number;
    readonly state: string;
    readonly payment: string;
    readonly refund: string | null;
    readonly since: string;
  }[];
}

export interface Reconciliation {
  /** YYYY-MM-DD, where the gateway settles. */
  readonly day: string;
  readonly batches: readonly BatchReconciliation[];
  /** Transfers of the day that the ledger has, and no approval of the bank stands behind. */
  readonly unfounded: readonly { readonly transfer: string; readonly amount: number; readonly currency: string }[];
  readonly differs: boolean;
  /** Minor units: how far ledger and bank are apart, over all batches. */
  readonly difference: number;
}

/**
 * Compares the ledger with the bank: every batch that was closed on that day, and, when the day is not over, every one that
 * is not settled.
 */
export async function reconcile(
  store: Store,
  { day: wanted, timeZone, now }: { readonly day?: string; readonly timeZone: string; readonly now: Instant },
): Promise<Reconciliation> {
  const today = localDay(now, timeZone);
  const day = wanted ?? today;
  const settlements = await store.selectFrom("settlements").selectAll().orderBy("closed_at").execute();
  const chosen = settlements.filter(
    ({ closed_at, state }) => localDay(closed_at, timeZone) === day || (day === today && !isSettled(state)),
  );
  const batches: BatchReconciliation[] = [];
  for (const row of chosen) batches.push(await batchReconciliation(store, row.batch, row));
  if (day === today) {
    const { batch } = await store.selectFrom("acquirer_sequence").select("batch").executeTakeFirstOrThrow();
    batches.push(await batchReconciliation(store, batch));
  }
  const unfounded = (await unfoundedTransfers(store)).filter(({ at }) => localDay(at, timeZone) === day);
  return {
    day,
    batches,
    unfounded: unfounded.map(({ transfer, amount, currency }) => ({ transfer, amount, currency })),
    differs: unfounded.length > 0 || batches.some(({ differs }) => differs),
    difference:
      unfounded.reduce((sum, { amount }) => sum + Math.abs(amount), 0) +
      batches.reduce((sum, { ledger, records, bank }) => sum + apart(ledger, bank ?? records), 0),
  };
}

async function batchReconciliation(store: Store, batch: number, row?: SettlementRow): Promise<BatchReconciliation> {
  const records = totalsOf(await approvedIn(store, batch));
  const ledger = totalsOf(await bookedIn(store, batch));
  const bank = (row && bankTotals(row)) ?? null;
  const undecided = await undecidedIn(store, batch);
  return {
    batch,
    state: row?.state ?? "open",
    closedAt: row ? isoTime(row.closed_at) : null,
    waitsFor: row?.last_error ?? null,
    ledger,
    records,
    bank,
    differs: !sameTotals(ledger, records) || (bank !== null && !sameTotals(ledger, bank)) || row?.state === "different",
    undecided: undecided.map(({ kind, trace, amount, state, payment_id, refund_id, at }) => ({
      kind,
      trace,
      amount,
      state,
      payment: payment_id,
      refund: refund_id,
      since: isoTime(at),
    })),
  };
}

/** What the ledger booked on the acquirer's account for the approved transactions of a batch, with its own amounts. */
const bookedIn = (store: Store, batch: number) =>
  store
    .selectFrom("bank_transactions")
    .innerJoin("ledger_entries", (join) =>
      join
        .on(
          "ledger_entries.transfer_id",
          "=",
          sql<string>`case kind when 'purchase' then 'sale:' || bank_transactions.payment_id else 'refund:' || refund_id end`,
        )
        .on("account", "=", "acquirer"),
    )
    .select(["kind", sql<number>`abs(ledger_entries.amount)`.as("amount")])
    .where("batch", "=", batch)
    .where("state", "=", "approved")
    .execute();

const unfoundedTransfers = (store: Store) =>
  store
    .selectFrom("ledger_entries as entry")
    .select(["entry.transfer_id as transfer", "entry.amount", "entry.currency", "entry.at"])
    .where("account", "=", "acquirer")
    .where((e) =>
      e.not(
        e.exists(
          e
            .selectFrom("bank_transactions as sent")
            .select("sent.trace")
            .whereRef("sent.payment_id", "=", "entry.payment_id")
            .where("sent.state", "=", "approved")
            .where(
              "entry.transfer_id",
              "=",
              sql<string>`case sent.kind when 'purchase' then 'sale:' || sent.payment_id else 'refund:' || sent.refund_id end`,
            ),
        ),
      ),
    )
    .execute();

const apart = (a: BatchTotals, b: BatchTotals): number =>
  Math.abs(a.debitAmount - b.debitAmount) + Math.abs(a.creditAmount - b.creditAmount);
