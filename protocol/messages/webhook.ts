import Type from "typebox";
import { Amount, Currency, ErrorCode, strict, Timestamp, Uuid } from "./fields.ts";

/** A payment is over. */
export const PaymentEvent = strict({
  type: Type.Union([
    Type.Literal("payment.approved"),
    Type.Literal("payment.failed"),
    Type.Literal("payment.reversed"),
  ]),
  timestamp: Timestamp,
  data: strict({
    order: Uuid,
    orderNumber: Type.String(),
    payment: Uuid,
    /** Of the order, after this event. */
    status: Type.Union([
      Type.Literal("payable"),
      Type.Literal("paid"),
      Type.Literal("expired"),
      Type.Literal("cancelled"),
    ]),
    amount: Amount,
    currency: Currency,
    /** Why, for anything but approved. */
    reason: Type.Optional(ErrorCode),
  }),
});
export type PaymentEvent = Type.Static<typeof PaymentEvent>;

/** A refund is over. */
export const RefundEvent = strict({
  type: Type.Union([Type.Literal("refund.approved"), Type.Literal("refund.failed")]),
  timestamp: Timestamp,
  data: strict({
    order: Uuid,
    orderNumber: Type.String(),
    payment: Uuid,
    refund: Uuid,
    /** Of the order, after this event. */
    status: Type.Union([Type.Literal("paid"), Type.Literal("refunded")]),
    /** Of this refund. */
    amount: Amount,
    currency: Currency,
    /** Of all refunds of the order that were approved. */
    refundedAmount: Type.Integer({ minimum: 0, maximum: 999_999_999_999 }),
    /** Why nothing was given back. */
    reason: Type.Optional(ErrorCode),
  }),
});
export type RefundEvent = Type.Static<typeof RefundEvent>;

/** What the merchant's server gets, signed after the Standard Webhooks specification (`webhook-id` is the event's). */
export const WebhookEvent = Type.Union([PaymentEvent, RefundEvent]);
export type WebhookEvent = Type.Static<typeof WebhookEvent>;
