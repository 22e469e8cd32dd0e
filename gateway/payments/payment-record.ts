import type { LinkBody, PaymentOutcome } from "@swipewire/protocol/messages/terminal-link";
import type { Instant } from "@swipewire/protocol/time";
import type { Selectable, Updateable } from "kysely";
import { PaymentTransitionRefused, SwipeKsnNotAdvancing, SwipeReplayed } from "../errors.ts";
import type { Tables } from "../store/schema.ts";
import type { Store, Transaction } from "../store/store.ts";
import { mayFollow, type PaymentStateName } from "./states.ts";

export type PaymentRow = Selectable<Tables["payments"]>;

export function findPayment(store: Store, id: string): Promise<PaymentRow | undefined> {
  return store.selectFrom("payments").selectAll().where("id", "=", id).executeTakeFirst();
}

/** Writes down a payment in its first state. */
export async function insertPayment(
  trx: Transaction,
  facts: Pick<
    PaymentRow,
    | "id"
    | "order_id"
    | "terminal_id"
    | "amount"
    | "currency"
    | "pin"
    | "phone"
    | "masked_pan"
    | "owner"
    | "leased_until"
  >,
  at: Instant,
): Promise<PaymentRow> {
  const payment: PaymentRow = {
    ...facts,
    state: "accepted",
    reason: null,
    trace: null,
    batch: null,
    reversal_reason: null,
    approval_code: null,
    retrieval_reference: null,
    created_at: at,
    state_since: at,
    cancel_cause: null,
    ruling: null,
  };
  await trx.insertInto("payments").values(payment).execute();
  await trx
    .insertInto("payment_transitions")
    .values({ payment_id: payment.id, from_state: null, to_state: payment.state, cause: "swipe_submitted", at })
    .execute();
  return payment;
}

/**
 * Takes a payment from the state it is known to be in to another, and appends that to its history.
 * @param cause why, as a code
 * @throws PaymentTransitionRefused when the table of states does not allow it, or the payment is in another state or
 * another process's by now
 */
export async function transition(
  trx: Transaction,
  payment: PaymentRow,
  to: PaymentStateName,
  { cause, at, ...changes }: { cause: string; at: Instant } & Updateable<Tables["payments"]>,
): Promise<PaymentRow> {
  const from = payment.state;
  if (!mayFollow(from, to)) throw new PaymentTransitionRefused({ detail: `${from} to ${to}` });
  const moved = await trx
    .updateTable("payments")
    .set({ ...changes, state: to, state_since: at })
    .where("id", "=", payment.id)
    .where("state", "=", from)
    .where("owner", "is", payment.owner)
    .returningAll()
    .executeTakeFirst();
  if (!moved) throw new PaymentTransitionRefused({ detail: `no longer ${from} or no longer ours, to ${to}` });
  await trx
    .insertInto("payment_transitions")
    .values({ payment_id: payment.id, from_state: from, to_state: to, cause, at })
    .execute();
  return moved;
}

/** @throws SwipeReplayed when the sealed swipe was taken before */
export async function takeSwipeOnce(trx: Transaction, swipe: string, payment: string, at: Instant): Promise<void> {
  const { numInsertedOrUpdatedRows } = await trx
    .insertInto("seen_swipes")
    .values({ swipe_id: swipe, payment_id: payment, at })
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirstOrThrow();
  if (numInsertedOrUpdatedRows !== 1n) throw new SwipeReplayed();
}

/**
 * @param initialKsn hex
 * @throws SwipeKsnNotAdvancing when the counter is not above the highest that was taken of this reader
 */
export async function advanceReaderCounter(
  trx: Transaction,
  initialKsn: string,
  counter: number,
  at: Instant,
): Promise<void> {
  const { numInsertedOrUpdatedRows } = await trx
    .insertInto("reader_counters")
    .values({ initial_ksn: initialKsn, counter, at })
    .onConflict((conflict) =>
      conflict.column("initial_ksn").doUpdateSet({ counter, at }).where("reader_counters.counter", "<", counter),
    )
    .executeTakeFirstOrThrow();
  if (numInsertedOrUpdatedRows !== 1n) throw new SwipeKsnNotAdvancing();
}

/** What the terminal is told of a payment that is over. */
export function paymentResult(
  payment: PaymentRow,
  outcome: PaymentOutcome,
  orderPayable: boolean,
): LinkBody<"payment.result"> {
  return {
    payment: payment.id,
    order: payment.order_id,
    outcome,
    amount: payment.amount,
    currency: payment.currency,
    orderPayable,
    ...(payment.reason !== null && { reason: payment.reason }),
    ...(payment.masked_pan !== null && { maskedPan: payment.masked_pan }),
    ...(payment.approval_code !== null && { approvalCode: payment.approval_code }),
  };
}
