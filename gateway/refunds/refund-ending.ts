import { type Instant, isoTime } from "@swipewire/protocol/time";
import { postRefund } from "../ledger/ledger.ts";
import type { Outbox } from "../notify/outbox.ts";
import { isRefunded } from "../orders/order-view.ts";
import type { Transaction } from "../store/store.ts";
import { type RefundRow, transition } from "./refund-record.ts";

export interface RefundEnding {
  readonly outcome: "approved" | "declined" | "failed";
  /** Why it is over, as a code. */
  readonly cause: string;
  readonly at: Instant;
}

/**
 * Everything that is true when a refund is over, in the one transaction that makes it so: its last state, what was given
 * back of the order, the ledger, and what the merchant is to be told.
 */
export async function endRefund(
  trx: Transaction,
  outbox: Pick<Outbox, "enqueueWebhook">,
  refund: RefundRow,
  { outcome, cause, at }: RefundEnding,
): Promise<RefundRow> {
  const approved = outcome === "approved";
  const ended = await transition(trx, refund, outcome, { cause, at, reason: approved ? null : cause });
  const { id, order_id, payment_id, merchant_id, amount, currency } = refund;
  const order = await trx
    .updateTable("orders")
    .set((e) => ({ refunded_amount: e("refunded_amount", "+", approved ? amount : 0) }))
    .where("id", "=", order_id)
    .returning(["order_number", "amount", "refunded_amount"])
    .executeTakeFirstOrThrow();
  if (approved) {
    await postRefund(trx, { refund: id, payment: payment_id, merchantId: merchant_id, amount, currency, at });
  }
  await outbox.enqueueWebhook(trx, merchant_id, {
    type: approved ? "refund.approved" : "refund.failed",
    timestamp: isoTime(at),
    data: {
      order: order_id,
      orderNumber: order.order_number,
      payment: payment_id,
      refund: id,
      status: isRefunded(order) ? "refunded" : "paid",
      amount,
      currency,
      refundedAmount: order.refunded_amount,
      ...(!approved && { reason: cause }),
    },
  });
  return ended;
}
