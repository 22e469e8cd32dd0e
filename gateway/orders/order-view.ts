import type { MerchantOrder } from "@swipewire/protocol/messages/merchant-api";
import type { OrderView } from "@swipewire/protocol/messages/terminal-link";
import { type Instant, isoTime } from "@swipewire/protocol/time";
import type { Selectable } from "kysely";
import { OrderBeingPaid, OrderCancelled, OrderExpired, OrderPaid } from "../errors.ts";
import type { Tables } from "../store/schema.ts";

export type OrderRow = Selectable<Tables["orders"]>;

/** An order whose time has passed is expired from that moment, also before the sweep wrote it down. */
export function statusAt(order: OrderRow, now: Instant): OrderRow["status"] {
  return order.status === "payable" && order.payable_until <= now ? "expired" : order.status;
}

/** Why an order that is not payable can't be paid. */
export function notPayable(status: Exclude<OrderRow["status"], "payable">): Error {
  switch (status) {
    case "paying":
      return new OrderBeingPaid();
    case "paid":
      return new OrderPaid();
    case "expired":
      return new OrderExpired();
    case "cancelled":
      return new OrderCancelled();
  }
}

export const isRefunded = ({ amount, refunded_amount }: Pick<OrderRow, "amount" | "refunded_amount">): boolean =>
  amount === refunded_amount;

export function merchantOrder(order: OrderRow, now: Instant): MerchantOrder {
  return {
    order: order.id,
    orderNumber: order.order_number,
    product: order.product,
    amount: order.amount,
    currency: order.currency,
    status: isRefunded(order) ? "refunded" : statusAt(order, now),
    refundedAmount: order.refunded_amount,
    createdAt: isoTime(order.created_at),
    payableUntil: isoTime(order.payable_until),
    payToken: order.pay_token,
  };
}

export function orderView(order: OrderRow, merchantName: string): OrderView {
  return {
    order: order.id,
    merchant: merchantName,
    product: order.product,
    amount: order.amount,
    currency: order.currency,
    payableUntil: isoTime(order.payable_until),
  };
}
