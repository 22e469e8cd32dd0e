import { createHash } from "node:crypto";
import type { IssuedTransactionCode, MerchantOrder, NewOrder } from "@swipewire/protocol/messages/merchant-api";
import type { OrderView } from "@swipewire/protocol/messages/terminal-link";
import { type Random, randomUuid } from "@swipewire/protocol/random";
import { type Clock, type Duration, type Instant, isoTime, Minutes } from "@swipewire/protocol/time";
import {
  IdempotencyKeyReused,
  OrderCodeLocked,
  OrderCodeUnknown,
  OrderCurrencyUnsupported,
  OrderNotBeingPaid,
  OrderNumberTaken,
  OrderUnknown,
} from "../errors.ts";
import type { Store, Transaction } from "../store/store.ts";
import { merchantOrder, notPayable, type OrderRow, orderView, statusAt } from "./order-view.ts";
import { countMiss, isLockedOut, issueCode, releaseCodes } from "./transaction-codes.ts";

export type { OrderRow } from "./order-view.ts";

export interface OrdersOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  /** How long an order stays payable; 30 minutes unless told. */
  readonly lifetime?: Duration;
  /** ISO 4217 alphabetic codes that the acquirer charges in; any unless told. */
  readonly currencies?: ReadonlySet<string>;
}

/** Orders, from their placing to the end of their being payable: payable <-> paying -> paid, payable -> expired or cancelled. */
export class Orders {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #lifetime: Duration;
  readonly #currencies: ReadonlySet<string> | undefined;

  constructor({ store, clock, random, lifetime = Minutes(30), currencies }: OrdersOptions) {
    this.#store = store;
    this.#clock = clock;
    this.#random = random;
    this.#lifetime = lifetime;
    this.#currencies = currencies;
  }

  /**
   * Places an order. The same key with the same order again gives the order made the first time, as it is now.
   * @throws OrderCurrencyUnsupported | IdempotencyKeyReused | OrderNumberTaken
   */
  async create(
    merchantId: string,
    order: NewOrder,
    idempotencyKey: string,
  ): Promise<{ order: MerchantOrder; created: boolean }> {
    if (this.#currencies?.has(order.currency) === false) throw new OrderCurrencyUnsupported();
    const requestHash = createHash("sha256")
      .update(JSON.stringify([order.orderNumber, order.product, order.amount, order.currency]))
      .digest("hex");
    return this.#store.transaction().execute(async (trx) => {
      const now = this.#clock.now();
      const before = await trx
        .selectFrom("idempotency_keys")
        .innerJoin("orders", "orders.id", "idempotency_keys.order_id")
        .selectAll("orders")
        .select("request_hash")
        .where("idempotency_keys.merchant_id", "=", merchantId)
        .where("key", "=", idempotencyKey)
        .executeTakeFirst();
      if (before) {
        if (before.request_hash !== requestHash) throw new IdempotencyKeyReused();
        return { order: merchantOrder(before, now), created: false };
      }
      const taken = await trx
        .selectFrom("orders")
        .select("id")
        .where("merchant_id", "=", merchantId)
        .where("order_number", "=", order.orderNumber)
        .executeTakeFirst();
      if (taken) throw new OrderNumberTaken();
      const row: OrderRow = {
        id: randomUuid(this.#random),
        merchant_id: merchantId,
        order_number: order.orderNumber,
        product: order.product,
        amount: order.amount,
        currency: order.currency,
        status: "payable",
        refunded_amount: 0,
        pay_token: Buffer.from(this.#random.bytes(24)).toString("base64url"),
        created_at: now,
        payable_until: now + this.#lifetime,
      };
      await trx.insertInto("orders").values(row).execute();
      await trx
        .insertInto("idempotency_keys")
        .values({
          merchant_id: merchantId,
          key: idempotencyKey,
          request_hash: requestHash,
          order_id: row.id,
          created_at: now,
        })
        .execute();
      return { order: merchantOrder(row, now), created: true };
    });
  }

  /** @throws OrderUnknown, also for an order of another merchant */
  async get(merchantId: string, orderId: string): Promise<MerchantOrder> {
    const row = await this.#store
      .selectFrom("orders")
      .selectAll()
      .where("merchant_id", "=", merchantId)
      .where("id", "=", orderId)
      .executeTakeFirst();
    if (!row) throw new OrderUnknown();
    return merchantOrder(row, this.#clock.now());
  }

  /** The merchant's orders of this order number: one or none. */
  async list(merchantId: string, { orderNumber }: { orderNumber: string }): Promise<MerchantOrder[]> {
    const rows = await this.#store
      .selectFrom("orders")
      .selectAll()
      .where("merchant_id", "=", merchantId)
      .where("order_number", "=", orderNumber)
      .execute();
    return rows.map((row) => merchantOrder(row, this.#clock.now()));
  }

  /**
   * Makes an order payable no longer. Cancelling again does no harm.
   * @throws OrderUnknown | OrderBeingPaid | OrderPaid | OrderExpired
   */
  async cancel(merchantId: string, orderId: string): Promise<MerchantOrder> {
    return this.#store.transaction().execute(async (trx) => {
      const now = this.#clock.now();
      const row = await trx
        .selectFrom("orders")
        .selectAll()
        .where("merchant_id", "=", merchantId)
        .where("id", "=", orderId)
        .executeTakeFirst();
      if (!row) throw new OrderUnknown();
      const status = statusAt(row, now);
      if (status !== "payable" && status !== "cancelled") throw notPayable(status);
      await this.#setStatus(trx, orderId, "cancelled", now);
      return merchantOrder({ ...row, status: "cancelled" }, now);
    });
  }

  /**
   * The order as its payer sees it.
   * @throws OrderUnknown | OrderPaid | OrderExpired | OrderCancelled
   */
  async viewForPayer(payToken: string): Promise<OrderView> {
    const row = await this.#withMerchantName(this.#store).where("pay_token", "=", payToken).executeTakeFirst();
    if (!row) throw new OrderUnknown();
    const status = statusAt(row, this.#clock.now());
    if (status !== "payable" && status !== "paying") throw notPayable(status);
    return orderView(row, row.merchant_name);
  }

  /**
   * The code that finds the order again on another device: 10 digits, unique while the order is payable. Asking again
   * gives the same code.
   * @throws OrderUnknown | OrderBeingPaid | OrderPaid | OrderExpired | OrderCancelled
   */
  async issueTransactionCode(payToken: string): Promise<IssuedTransactionCode> {
    return this.#store.transaction().execute(async (trx) => {
      const now = this.#clock.now();
      const row = await trx.selectFrom("orders").selectAll().where("pay_token", "=", payToken).executeTakeFirst();
      if (!row) throw new OrderUnknown();
      const status = statusAt(row, now);
      if (status !== "payable") throw notPayable(status);
      const code = await issueCode(trx, row.id, this.#random, now);
      return { code, payableUntil: isoTime(row.payable_until) };
    });
  }

  /**
   * Finds the order by the code that was entered on a terminal. Unknown, expired and used codes are answered alike, so
   * that guessing learns nothing.
   * @throws OrderCodeUnknown | OrderCodeLocked | OrderBeingPaid
   */
  async findByCode(terminalId: string, code: string): Promise<OrderView> {
    // Failures are handed out of the transaction and thrown after it: thrown inside, they would take the count back.
    const found = await this.#store.transaction().execute(async (trx): Promise<OrderView | Error> => {
      const now = this.#clock.now();
      if (await isLockedOut(trx, terminalId, now)) return new OrderCodeLocked();
      const row = await this.#withMerchantName(trx)
        .innerJoin("transaction_codes", "transaction_codes.order_id", "orders.id")
        .where("code", "=", code)
        .where("released_at", "is", null)
        .executeTakeFirst();
      if (row && statusAt(row, now) === "payable") return orderView(row, row.merchant_name);
      if (row?.status === "paying") return notPayable(row.status);
      await countMiss(trx, terminalId, now);
      return new OrderCodeUnknown();
    });
    if (found instanceof Error) throw found;
    return found;
  }

  /**
   * payable -> paying, in the transaction that makes the payment.
   * @throws OrderUnknown | OrderBeingPaid | OrderPaid | OrderExpired | OrderCancelled
   */
  async beginPayment(trx: Transaction, orderId: string): Promise<OrderRow> {
    const now = this.#clock.now();
    const row = await trx.selectFrom("orders").selectAll().where("id", "=", orderId).executeTakeFirst();
    if (!row) throw new OrderUnknown();
    const status = statusAt(row, now);
    if (status !== "payable") throw notPayable(status);
    await this.#setStatus(trx, orderId, "paying", now);
    return { ...row, status: "paying" };
  }

  /**
   * paying -> paid, or back to payable, or to expired where the order's time has passed meanwhile.
   * @returns the status that the order has now
   * @throws OrderNotBeingPaid
   */
  async endPayment(
    trx: Transaction,
    orderId: string,
    outcome: "paid" | "payable",
  ): Promise<Extract<OrderRow["status"], "paid" | "payable" | "expired">> {
    const now = this.#clock.now();
    const row = await trx
      .selectFrom("orders")
      .selectAll()
      .where("id", "=", orderId)
      .where("status", "=", "paying")
      .executeTakeFirst();
    if (!row) throw new OrderNotBeingPaid();
    const status = outcome === "payable" && row.payable_until <= now ? "expired" : outcome;
    await this.#setStatus(trx, orderId, status, now);
    return status;
  }

  /** Writes down which orders have expired, and frees their codes. Returns how many. */
  async expireOverdue(): Promise<number> {
    return this.#store.transaction().execute(async (trx) => {
      const now = this.#clock.now();
      const expired = await trx
        .updateTable("orders")
        .set({ status: "expired" })
        .where("status", "=", "payable")
        .where("payable_until", "<=", now)
        .returning("id")
        .execute();
      // In pieces: SQLite bounds the number of parameters of one statement.
      for (let from = 0; from < expired.length; from += 500) {
        const ids = expired.slice(from, from + 500).map((row) => row.id);
        await releaseCodes(trx, ids, now);
      }
      return expired.length;
    });
  }

  async #setStatus(trx: Transaction, orderId: string, status: OrderRow["status"], now: Instant): Promise<void> {
    await trx.updateTable("orders").set({ status }).where("id", "=", orderId).execute();
    if (status !== "payable" && status !== "paying") await releaseCodes(trx, [orderId], now);
  }

  #withMerchantName(store: Store | Transaction) {
    return store
      .selectFrom("orders")
      .innerJoin("merchants", "merchants.id", "orders.merchant_id")
      .selectAll("orders")
      .select("merchants.name as merchant_name");
  }
}
