import { schemeOf } from "@swipewire/protocol/card/scheme";
import { type Instant, isoTime } from "@swipewire/protocol/time";
import { PaymentNotSettleable, PaymentUnknown } from "../errors.ts";
import type { Store } from "../store/store.ts";
import type { PaymentRow } from "./payment-record.ts";
import { type PaymentStateName, progressNames } from "./states.ts";

export interface PaymentSummary {
  readonly payment: string;
  readonly order: string;
  readonly state: PaymentStateName;
  readonly since: Instant;
  readonly amount: number;
  readonly currency: string;
  readonly reason: string | null;
  readonly maskedPan: string | null;
}

export interface PaymentStep {
  readonly from: string | null;
  readonly to: string;
  readonly cause: string;
  readonly at: Instant;
}

/** What was sent to the bank for a payment. */
export interface PaymentBankTransaction {
  readonly kind: string;
  readonly batch: number;
  readonly trace: number;
  readonly amount: number;
  readonly state: string;
  readonly retrievalReference: string | null;
  readonly at: Instant;
}

/** The operator's view of payments, beside a gateway that may be running. */
export class PaymentRecords {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  /** Payments that are under way, or all of them, newest first. */
  async list({ all = false, limit = 100 } = {}): Promise<PaymentSummary[]> {
    const rows = await this.#store
      .selectFrom("payments")
      .selectAll()
      .$if(!all, (query) => query.where("state", "in", progressNames))
      .orderBy("created_at", "desc")
      .limit(limit)
      .execute();
    return rows.map(summary);
  }

  /** @throws PaymentUnknown */
  async find(payment: string): Promise<PaymentSummary> {
    const row = await this.#store.selectFrom("payments").selectAll().where("id", "=", payment).executeTakeFirst();
    if (!row) throw new PaymentUnknown();
    return summary(row);
  }

  /** The whole life of a payment, oldest step first. */
  history(payment: string): Promise<PaymentStep[]> {
    return this.#store
      .selectFrom("payment_transitions")
      .select(["from_state as from", "to_state as to", "cause", "at"])
      .where("payment_id", "=", payment)
      .orderBy("seq")
      .execute();
  }

  bankTransactions(payment: string): Promise<PaymentBankTransaction[]> {
    return this.#store
      .selectFrom("bank_transactions")
      .select(["kind", "batch", "trace", "amount", "state", "retrieval_reference as retrievalReference", "at"])
      .where("payment_id", "=", payment)
      .orderBy("at")
      .execute();
  }

  /**
   * Says what the acquirer was found to have done with a charge whose reversal it does not acknowledge. The gateway that
   * repeats the reversal acts on it before the next repeat, within a minute.
   * @throws PaymentUnknown | PaymentNotSettleable
   */
  async rule(payment: string, ruling: "reversed" | "approved"): Promise<void> {
    await this.find(payment);
    const { numUpdatedRows } = await this.#store
      .updateTable("payments")
      .set({ ruling })
      .where("id", "=", payment)
      .where("state", "=", "reversing")
      .executeTakeFirstOrThrow();
    if (numUpdatedRows !== 1n) throw new PaymentNotSettleable();
  }
}

const summary = ({
  id,
  order_id,
  state,
  state_since,
  amount,
  currency,
  reason,
  masked_pan,
}: PaymentRow): PaymentSummary => ({
  payment: id,
  order: order_id,
  state,
  since: state_since,
  amount,
  currency,
  reason,
  maskedPan: masked_pan,
});

/** A payment as a person reads it, a line each. */
export async function printPayment(records: PaymentRecords, id: string): Promise<string[]> {
  const { payment, order, state, amount, currency, reason, maskedPan } = await records.find(id);
  const steps = await records.history(id);
  const sent = await records.bankTransactions(id);
  return [
    `payment  ${payment}`,
    `order    ${order}`,
    `amount   ${amount} ${currency} (minor units)`,
    `card     ${maskedPan === null ? "not shown" : [maskedPan, schemeOf(maskedPan) ?? []].flat().join(", ")}`,
    `state    ${state}${reason === null ? "" : `, ${reason}`}`,
    "",
    "when                      from        to          cause",
    ...steps.map(
      ({ from, to, cause, at }) => `${isoTime(at)}  ${(from ?? "-").padEnd(10)}  ${to.padEnd(10)}  ${cause}`,
    ),
    ...(sent.length === 0 ? [] : ["", "when                      batch   trace   sent           at the bank"]),
    ...sent.map(
      ({ at, batch, trace, kind, state, retrievalReference }) =>
        `${isoTime(at)}  ${six(batch)}  ${six(trace)}  ${kind.padEnd(13)}  ${state}${retrievalReference === null ? "" : `, reference ${retrievalReference}`}`,
    ),
  ];
}

const six = (number: number) => String(number).padStart(6, "0");
