import { payerWords } from "@swipewire/protocol/iso8583/response-codes";
import type { PaymentOutcome } from "@swipewire/protocol/messages/terminal-link";
import type { PaymentEvent } from "@swipewire/protocol/messages/webhook";
import { type Instant, isoTime } from "@swipewire/protocol/time";
import type { Approval } from "../acquirer/acquirer.ts";
import { postSale } from "../ledger/ledger.ts";
import type { Outbox } from "../notify/outbox.ts";
import type { Orders } from "../orders/orders.ts";
import type { Transaction } from "../store/store.ts";
import { type PaymentRow, transition } from "./payment-record.ts";

export interface EndingServices {
  readonly orders: Pick<Orders, "endPayment">;
  readonly outbox: Pick<Outbox, "enqueueWebhook" | "enqueueSms">;
}

export interface Ending {
  readonly outcome: PaymentOutcome;
  /** Why it is over, as a code; kept as the payment's reason unless that is set already or the payment is approved. */
  readonly cause: string;
  readonly approval?: Approval;
  readonly at: Instant;
}

export interface EndedPayment {
  readonly payment: PaymentRow;
  readonly orderPayable: boolean;
}

const webhookTypes: Readonly<Record<PaymentOutcome, PaymentEvent["type"]>> = {
  approved: "payment.approved",
  declined: "payment.failed",
  failed: "payment.failed",
  cancelled: "payment.failed",
  reversed: "payment.reversed",
};

const smsWords: Readonly<Record<PaymentOutcome, string>> = {
  approved: "Paid",
  declined: "Declined by the bank, not charged",
  failed: "Not charged",
  cancelled: "Cancelled, not charged",
  reversed: "Undone, not charged",
};

/**
 * Everything that is true when a payment is over, in the one transaction that makes it so: its last state, the order's
 * status, the ledger, and what merchant and payer are to be told.
 */
export async function endPayment(
  trx: Transaction,
  { orders, outbox }: EndingServices,
  payment: PaymentRow,
  { outcome, cause, approval, at }: Ending,
): Promise<EndedPayment> {
  const approved = outcome === "approved";
  const ended = await transition(trx, payment, outcome, {
    cause,
    at,
    reason: approved ? null : (payment.reason ?? cause),
    phone: null,
    owner: null,
    leased_until: null,
    approval_code: approval?.approvalCode ?? null,
    retrieval_reference: approval?.retrievalReference ?? null,
  });
  const status = await orders.endPayment(trx, payment.order_id, approved ? "paid" : "payable");
  const order = await trx
    .selectFrom("orders")
    .innerJoin("merchants", "merchants.id", "orders.merchant_id")
    .select(["orders.order_number", "orders.merchant_id", "merchants.name as merchant"])
    .where("orders.id", "=", payment.order_id)
    .executeTakeFirstOrThrow();
  const { amount, currency } = payment;
  if (approved) {
    await postSale(trx, { payment: payment.id, merchantId: order.merchant_id, amount, currency, at });
  }
  await outbox.enqueueWebhook(trx, order.merchant_id, {
    type: webhookTypes[outcome],
    timestamp: isoTime(at),
    data: {
      order: payment.order_id,
      orderNumber: order.order_number,
      payment: payment.id,
      status,
      amount,
      currency,
      ...(ended.reason !== null && { reason: ended.reason }),
    },
  });
  if (payment.phone !== null) {
    const text = `${smsWords[outcome]}: ${printAmount(amount, currency)}, ${order.merchant}, order ${order.order_number}.`;
    const { [ended.reason ?? ""]: why }: Readonly<Record<string, string>> = payerWords;
    await outbox.enqueueSms(trx, payment.phone, why === undefined ? text : `${text} ${why}`);
  }
  return { payment: ended, orderPayable: status === "payable" };
}

/** `CNY 12.34`, with the decimals that ISO 4217 gives the currency. */
function printAmount(minorUnits: number, currency: string): string {
  const format = new Intl.NumberFormat("en", { style: "currency", currency, currencyDisplay: "code" });
  const decimals = format.resolvedOptions().maximumFractionDigits ?? 0;
  return format.format(minorUnits / 10 ** decimals).replaceAll("\u00a0", " ");
}
