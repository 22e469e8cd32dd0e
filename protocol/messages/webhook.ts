import Type from "typebox";
import { Amount, Currency, ErrorCode, strict, Timestamp, Uuid } from "./fields.ts";

/** What the merchant's server gets, signed after the Standard Webhooks specification (`webhook-id` is the event's). */
export const WebhookEvent = strict({
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
export type WebhookEvent = Type.Static<typeof WebhookEvent>;
