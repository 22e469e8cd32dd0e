import type { MerchantRefund } from "@swipewire/protocol/messages/merchant-api";
import { type Instant, isoTime } from "@swipewire/protocol/time";
import type { Selectable, Updateable } from "kysely";
import { RefundTransitionRefused } from "../errors.ts";
import type { RefundState, Tables } from "../store/schema.ts";
import type { Store, Transaction } from "../store/store.ts";
import { isUnderWay, mayFollow } from "./states.ts";

export type RefundRow = Selectable<Tables["refunds"]>;

export const findRefund = (store: Store | Transaction, id: string): Promise<RefundRow> =>
  store.selectFrom("refunds").selectAll().where("id", "=", id).executeTakeFirstOrThrow();

/** Writes down a refund in its first state. */
export async function insertRefund(
  trx: Transaction,
  facts: Omit<RefundRow, "state" | "reason" | "batch" | "trace" | "created_at" | "state_since">,
  at: Instant,
): Promise<RefundRow> {
  const refund: RefundRow = {
    ...facts,
    state: "requested",
    reason: null,
    batch: null,
    trace: null,
    created_at: at,
    state_since: at,
  };
  await trx.insertInto("refunds").values(refund).execute();
  await trx
    .insertInto("refund_transitions")
    .values({ refund_id: refund.id, from_state: null, to_state: refund.state, cause: "merchant_asked", at })
    .execute();
  return refund;
}

/**
 * Takes a refund from the state it is known to be in to another, and appends that to its history. Of two processes that
 * both work on it, the second finds it in another state.
 * @param cause why, as a code
 * @throws RefundTransitionRefused when the table of states does not allow it, or the refund is in another state by now
 */
export async function transition(
  trx: Transaction,
  refund: RefundRow,
  to: RefundState,
  { cause, at, ...changes }: { cause: string; at: Instant } & Updateable<Tables["refunds"]>,
): Promise<RefundRow> {
  const from = refund.state;
  if (!mayFollow(from, to)) throw new RefundTransitionRefused({ detail: `${from} to ${to}` });
  const moved = await trx
    .updateTable("refunds")
    .set({ ...changes, state: to, state_since: at })
    .where("id", "=", refund.id)
    .where("state", "=", from)
    .returningAll()
    .executeTakeFirst();
  if (!moved) throw new RefundTransitionRefused({ detail: `no longer ${from}, to ${to}` });
  await trx
    .insertInto("refund_transitions")
    .values({ refund_id: refund.id, from_state: from, to_state: to, cause, at })
    .execute();
  return moved;
}

/** What of an order's payment was given back, or is about to be. */
export async function givenBack(trx: Transaction, orderId: string): Promise<number> {
  const { sum } = await trx
    .selectFrom("refunds")
    .select((e) => e.fn.coalesce(e.fn.sum<number>("amount"), e.lit(0)).as("sum"))
    .where("order_id", "=", orderId)
    .where("state", "not in", ["declined", "failed"])
    .executeTakeFirstOrThrow();
  return sum;
}

export const merchantRefund = (refund: RefundRow): MerchantRefund => ({
  refund: refund.id,
  order: refund.order_id,
  payment: refund.payment_id,
  amount: refund.amount,
  currency: refund.currency,
  status: isUnderWay(refund.state) ? "pending" : refund.state === "approved" ? "approved" : "failed",
  ...(refund.reason !== null && { reason: refund.reason }),
  createdAt: isoTime(refund.created_at),
});
