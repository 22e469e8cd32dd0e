import Type from "typebox";
import { Amount, Currency, ErrorCode, line, strict, Timestamp, TransactionCode, Uuid } from "./fields.ts";

/** `POST /v1/orders`, with the merchant's API key and an `Idempotency-Key` header. */
export const NewOrder = strict({
  /** The merchant's own number; unique within the merchant. */
  orderNumber: line(64),
  product: line(200),
  amount: Amount,
  currency: Currency,
});
export type NewOrder = Type.Static<typeof NewOrder>;

/** Where an order stands. */
export const OrderStatus = Type.Union([
  Type.Literal("payable"),
  /** A payment is under way. */
  Type.Literal("paying"),
  Type.Literal("paid"),
  /** All of it was given back. */
  Type.Literal("refunded"),
  Type.Literal("expired"),
  Type.Literal("cancelled"),
]);
export type OrderStatus = Type.Static<typeof OrderStatus>;

/** An order as its merchant sees it. */
export const MerchantOrder = strict({
  order: Uuid,
  orderNumber: Type.String(),
  product: Type.String(),
  amount: Amount,
  currency: Currency,
  status: OrderStatus,
  /** What was given back of it, in minor units. */
  refundedAmount: Type.Integer({ minimum: 0, maximum: 999_999_999_999 }),
  createdAt: Timestamp,
  payableUntil: Timestamp,
  /** Opens the order for its payer, `POST /v1/pay/{payToken}/…`; unguessable, not the transaction code. */
  payToken: Type.String({ pattern: "^[A-Za-z0-9_-]{22,}$" }),
});
export type MerchantOrder = Type.Static<typeof MerchantOrder>;

/** `POST /v1/orders/{order}/refunds`, with the merchant's API key and an `Idempotency-Key` header. */
export const NewRefund = strict({
  /** All that is left of it unless told. */
  amount: Type.Optional(Amount),
});
export type NewRefund = Type.Static<typeof NewRefund>;

/** What is given back of an order, as its merchant sees it. */
export const MerchantRefund = strict({
  refund: Uuid,
  order: Uuid,
  payment: Uuid,
  amount: Amount,
  currency: Currency,
  /** Pending until the bank has the last word. */
  status: Type.Union([Type.Literal("pending"), Type.Literal("approved"), Type.Literal("failed")]),
  /** Why it failed. */
  reason: Type.Optional(ErrorCode),
  createdAt: Timestamp,
});
export type MerchantRefund = Type.Static<typeof MerchantRefund>;

/** `POST /v1/pay/{payToken}/transaction-code`: the payer chose to swipe on another device. */
export const IssuedTransactionCode = strict({ code: TransactionCode, payableUntil: Timestamp });
export type IssuedTransactionCode = Type.Static<typeof IssuedTransactionCode>;

/** The body of every HTTP error of the gateway and of the daemon's local API. */
export const HttpFailure = strict({
  error: strict({
    code: ErrorCode,
    what: Type.String(),
    means: Type.String(),
    todo: Type.String(),
    detail: Type.Optional(Type.String()),
  }),
});
export type HttpFailure = Type.Static<typeof HttpFailure>;
