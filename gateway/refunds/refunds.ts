import { createHash } from "node:crypto";
import { SwipewireError } from "@swipewire/protocol/failure";
import { responseCodes } from "@swipewire/protocol/iso8583/response-codes";
import type { MerchantRefund, NewRefund } from "@swipewire/protocol/messages/merchant-api";
import { type Random, randomUuid } from "@swipewire/protocol/random";
import { type Clock, Minutes, sleep } from "@swipewire/protocol/time";
import type { Logger } from "pino";
import type { Acquirer, GiveBackRequest, ReversalReason, TransactionReply } from "../acquirer/acquirer.ts";
import {
  approvedPurchase,
  type BankTransaction,
  findBankTransaction,
  openBatch,
  recordOutcome,
  recordSending,
  reversalReasonOf,
} from "../acquirer/bank-transactions.ts";
import {
  AcquirerOutcomeUnknown,
  AcquirerRequestNotSent,
  AcquirerReversalRefused,
  AcquirerUnreachable,
  IdempotencyKeyReused,
  OrderNotPaid,
  OrderUnknown,
  RefundExceedsPaid,
  RefundExpired,
  RefundFault,
  RefundInterrupted,
  RefundOriginalUnknown,
  RefundOverdue,
} from "../errors.ts";
import type { Outbox } from "../notify/outbox.ts";
import { repeatAfter, unlessAborted } from "../payments/reversals.ts";
import type { RefundState } from "../store/schema.ts";
import type { Store, Transaction } from "../store/store.ts";
import { whereabouts } from "../whereabouts.ts";
import { endRefund } from "./refund-ending.ts";
import { findRefund, givenBack, insertRefund, merchantRefund, type RefundRow, transition } from "./refund-record.ts";
import { isUnderWay, underWay, underWayNames } from "./states.ts";

export interface RefundsOptions {
  readonly store: Store;
  readonly outbox: Pick<Outbox, "enqueueWebhook">;
  readonly acquirer: Acquirer;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/**
 * A bank that did not know a void is asked once more after so long: the void may still be on its way, and a refund sent
 * meanwhile would be refused.
 */
const ASK_AGAIN_AFTER = Minutes(2);
/** Field 39: the bank says that it takes nothing more in this batch. */
const BATCH_MISMATCH = "77";

/**
 * Gives back what was paid, in whole or in part, as `states.ts` tells. Each step is one transaction, and what is sent is
 * on disk before: a refund found unfinished at the start goes on where it was. No lease is needed: a transition names the
 * state it leaves, so that one process of two sends the first message, and every repeat of it is harmless.
 */
export class Refunds {
  readonly #options: RefundsOptions;
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #background = new Set<Promise<void>>();
  readonly #closing = new AbortController();
  /** Voids that the bank did not know when it was asked the first time. */
  readonly #askedOnce = new Set<string>();

  constructor(options: RefundsOptions) {
    this.#options = options;
    this.#store = options.store;
    this.#clock = options.clock;
  }

  /**
   * Takes a refund down, and begins to carry it out. The same key with the same request again gives the first refund, as it
   * is now.
   * @throws OrderUnknown | OrderNotPaid | RefundExceedsPaid | RefundOriginalUnknown | IdempotencyKeyReused
   */
  async request(
    merchantId: string,
    orderId: string,
    { amount: wanted }: NewRefund,
    idempotencyKey: string,
  ): Promise<{ refund: MerchantRefund; created: boolean }> {
    const requestHash = createHash("sha256")
      .update(JSON.stringify([orderId, wanted ?? null]))
      .digest("hex");
    const { refund, created } = await this.#store.transaction().execute(async (trx) => {
      const before = await trx
        .selectFrom("refunds")
        .selectAll()
        .where("merchant_id", "=", merchantId)
        .where("idempotency_key", "=", idempotencyKey)
        .executeTakeFirst();
      if (before) {
        if (before.request_hash !== requestHash) throw new IdempotencyKeyReused();
        return { refund: before, created: false };
      }
      const purchase = await paidFor(trx, merchantId, orderId);
      const left = purchase.amount - (await givenBack(trx, orderId));
      const amount = wanted ?? left;
      if (amount === 0 || amount > left) throw new RefundExceedsPaid();
      const facts = {
        id: randomUuid(this.#options.random),
        order_id: orderId,
        payment_id: purchase.payment_id,
        merchant_id: merchantId,
        idempotency_key: idempotencyKey,
        request_hash: requestHash,
        amount,
        currency: purchase.currency,
      };
      return { refund: await insertRefund(trx, facts, this.#clock.now()), created: true };
    });
    if (created && !this.#closing.signal.aborted) this.#keep(refund);
    return { refund: merchantRefund(refund), created };
  }

  /** Of one order, oldest first. @throws OrderUnknown, also for an order of another merchant */
  async list(merchantId: string, orderId: string): Promise<MerchantRefund[]> {
    await findOrder(this.#store, merchantId, orderId);
    const rows = await this.#store
      .selectFrom("refunds")
      .selectAll()
      .where("order_id", "=", orderId)
      .orderBy("created_at")
      .execute();
    return rows.map(merchantRefund);
  }

  /** Goes on with what an earlier process left unfinished. Call once. */
  async recover(): Promise<void> {
    const unfinished = await this.#store
      .selectFrom("refunds")
      .selectAll()
      .where("state", "in", underWayNames)
      .orderBy("created_at")
      .execute();
    for (const refund of unfinished) this.#keep(refund);
  }

  /** Leaves what is under way as it is, for the next process to {@link recover}. */
  async close(): Promise<void> {
    this.#closing.abort(new RefundInterrupted());
    await Promise.allSettled(this.#background);
  }

  #keep(refund: RefundRow): void {
    const work = this.#carryOut(refund);
    this.#background.add(work);
    void work.finally(() => this.#background.delete(work));
  }

  /** Takes a refund to its end, or until the gateway stops. Never throws. */
  async #carryOut(found: RefundRow): Promise<void> {
    const { signal } = this.#closing;
    let refund = found;
    let alarmed = false;
    for (let attempt = 0; isUnderWay(refund.state) && !signal.aborted; attempt++) {
      const { state } = refund;
      try {
        refund = await this.#step(refund);
      } catch (failure) {
        if (signal.aborted) return;
        this.#log(refund, failure);
        if (failure instanceof AcquirerReversalRefused) attempt = Number.POSITIVE_INFINITY;
        refund = await findRefund(this.#store, refund.id).catch(() => refund);
      }
      if (refund.state !== state) {
        attempt = -1;
        alarmed = false;
        continue;
      }
      if (!alarmed && underWay[state].atLimit === "alarm" && this.#isOverdue(refund)) {
        alarmed = true;
        const { code, message } = new RefundOverdue();
        this.#options.logger.error({ refund: refund.id, state, code }, message);
      }
      const wait = this.#askedOnce.has(refund.id) ? ASK_AGAIN_AFTER : repeatAfter(attempt);
      await sleep(this.#clock, wait, signal).catch(() => {});
    }
  }

  #isOverdue({ state, state_since }: RefundRow): boolean {
    return isUnderWay(state) && state_since + underWay[state].limit <= this.#clock.now();
  }

  /** @returns the refund as it is after it; in the same state where there is nothing for it but to try again */
  async #step(refund: RefundRow): Promise<RefundRow> {
    switch (refund.state) {
      case "requested":
        if (this.#isOverdue(refund)) return this.#end(refund, "failed", RefundExpired.code);
        return this.#options.acquirer.ready ? this.#send(refund) : refund;
      case "voiding":
        // Nobody waits for its answer any more.
        return this.#giveUpVoid(refund, RefundInterrupted.code, "98");
      case "reversing":
        return this.#reverse(refund);
      case "refunding":
        return this.#refund(refund, false);
      default:
        return refund;
    }
  }

  async #send(requested: RefundRow): Promise<RefundRow> {
    const sending = await this.#store.transaction().execute(async (trx) => {
      const purchase = await purchaseOf(trx, requested);
      const whole = purchase.amount === requested.amount;
      // Its own number is of that batch too, for the batch can't be closed within this transaction.
      const isOpen = purchase.batch === (await openBatch(trx, this.#clock.now()));
      return this.#recordSending(trx, requested, whole && isOpen ? "voiding" : "refunding", "bank_in_reach");
    });
    return sending.state === "voiding" ? this.#void(sending) : this.#refund(sending, true);
  }

  async #recordSending(
    trx: Transaction,
    refund: RefundRow,
    to: "voiding" | "refunding",
    cause: string,
  ): Promise<RefundRow> {
    const at = this.#clock.now();
    const facts = {
      kind: to === "voiding" ? ("purchase void" as const) : ("refund" as const),
      payment_id: refund.payment_id,
      refund_id: refund.id,
      amount: refund.amount,
      currency: refund.currency,
      pin: 0,
    };
    const { batch, trace } = await recordSending(trx, facts, at);
    return transition(trx, refund, to, { cause, at, batch, trace });
  }

  async #void(refund: RefundRow): Promise<RefundRow> {
    let reply: TransactionReply;
    try {
      reply = await this.#answerTo(refund, this.#options.acquirer.voidPurchase(await this.#message(refund)));
    } catch (failure) {
      if (this.#signal.aborted) return refund;
      this.#log(refund, failure);
      if (failure instanceof AcquirerRequestNotSent) return this.#end(refund, "failed", failure.code);
      if (failure instanceof AcquirerUnreachable) return this.#takeBack(refund, failure.code);
      const reason = failure instanceof AcquirerOutcomeUnknown ? failure.reversalReason : "98";
      return this.#giveUpVoid(refund, codeOf(failure), reason);
    }
    if (reply.kind === "approved") return this.#end(refund, "approved", "bank_approved", reply);
    const reason = reasonOf(reply.responseCode);
    const isFinal = reason !== "acquirer_refused" && responseCodes[reply.responseCode]?.follows !== "retry";
    if (isFinal) return this.#end(refund, "declined", reason);
    // Too late for a void, or not that bank's custom: a refund may do.
    return this.#turnIntoRefund(refund, "declined", reason);
  }

  /** Asks the bank that a void of unknown outcome does not stand. */
  async #reverse(refund: RefundRow): Promise<RefundRow> {
    const { batch, trace, amount, currency } = numbered(refund);
    const sent = await findBankTransaction(this.#store, { batch, trace });
    if (!sent) throw new RefundFault({ detail: "no such void" });
    const identity = { batch, trace, amount, currency, pin: false };
    const asked = this.#options.acquirer.reverse(identity, "purchase void", reversalReasonOf(sent));
    const reply = await this.#answerTo(refund, asked);
    if (reply === "unknown" && !this.#askedOnce.has(refund.id)) {
      this.#askedOnce.add(refund.id);
      return refund;
    }
    this.#askedOnce.delete(refund.id);
    return this.#turnIntoRefund(refund, reply === "undone" ? "reversed" : "unknown-to-bank", "reversal_acknowledged");
  }

  /** @param first whether it was never sent before */
  async #refund(refund: RefundRow, first: boolean): Promise<RefundRow> {
    let reply: TransactionReply;
    try {
      reply = await this.#answerTo(refund, this.#options.acquirer.refund(await this.#message(refund)));
    } catch (failure) {
      if (first && failure instanceof AcquirerRequestNotSent) return this.#end(refund, "failed", failure.code);
      throw failure;
    }
    if (reply.kind === "approved") return this.#end(refund, "approved", "bank_approved", reply);
    // The bank did not look at it this time; what it made of the same message before is not said by that.
    const follows = responseCodes[reply.responseCode]?.follows;
    const unread = follows === "retry" || (follows === "sign-on" && reply.responseCode !== BATCH_MISMATCH);
    return unread ? refund : this.#end(refund, "declined", reasonOf(reply.responseCode));
  }

  /** @throws RefundOverdue where the acquirer, against its word, says nothing at all; what the gateway's closing says */
  async #answerTo<T>({ state }: RefundRow, asked: Promise<T>): Promise<T> {
    const tooLong = new AbortController();
    const timer = this.#clock.after(underWay.voiding.limit, () => tooLong.abort(new RefundOverdue({ detail: state })));
    try {
      return await unlessAborted(asked, AbortSignal.any([this.#signal, tooLong.signal]));
    } finally {
      timer.cancel();
    }
  }

  #takeBack(refund: RefundRow, cause: string): Promise<RefundRow> {
    return this.#move(refund, "not-sent", (trx, at) => transition(trx, refund, "requested", { cause, at }));
  }

  #giveUpVoid(refund: RefundRow, cause: string, reversalReason: ReversalReason): Promise<RefundRow> {
    const move = (trx: Transaction, at: number) => transition(trx, refund, "reversing", { cause, at });
    return this.#move(refund, "reversing", move, reversalReason);
  }

  #turnIntoRefund(
    refund: RefundRow,
    voidIs: "declined" | "reversed" | "unknown-to-bank",
    cause: string,
  ): Promise<RefundRow> {
    return this.#move(refund, voidIs, (trx) => this.#recordSending(trx, refund, "refunding", cause));
  }

  /** Writes down what became of the message sent last, and what follows from that, in one transaction. */
  async #move(
    refund: RefundRow,
    state: "not-sent" | "reversing" | "declined" | "reversed" | "unknown-to-bank",
    then: (trx: Transaction, at: number) => Promise<RefundRow>,
    reversalReason?: ReversalReason,
  ): Promise<RefundRow> {
    const moved = await this.#store.transaction().execute(async (trx) => {
      const at = this.#clock.now();
      await recordOutcome(trx, numbered(refund), { state, ...(reversalReason && { reversalReason }) }, at);
      return then(trx, at);
    });
    this.#options.logger.info({ refund: refund.id, from: refund.state, to: moved.state }, "refund goes on");
    return moved;
  }

  async #end(
    refund: RefundRow,
    outcome: Extract<RefundState, "approved" | "declined" | "failed">,
    cause: string,
    approval?: Extract<TransactionReply, { kind: "approved" }>,
  ): Promise<RefundRow> {
    const ended = await this.#store.transaction().execute(async (trx) => {
      const at = this.#clock.now();
      if (refund.state !== "requested") {
        const state = outcome === "failed" ? "not-sent" : outcome;
        await recordOutcome(trx, numbered(refund), { state, ...(approval && { approval }) }, at);
      }
      return endRefund(trx, this.#options.outbox, refund, { outcome, cause, at });
    });
    this.#options.logger.info({ refund: refund.id, from: refund.state, to: outcome, cause }, "refund is over");
    return ended;
  }

  async #message(refund: RefundRow): Promise<GiveBackRequest> {
    const { batch, trace, amount, currency } = numbered(refund);
    const purchase = await purchaseOf(this.#store, refund);
    const { retrieval_reference: retrievalReference, bank_date: bankDate } = purchase;
    if (retrievalReference === null || bankDate === null) throw new RefundOriginalUnknown();
    const original = { batch: purchase.batch, trace: purchase.trace, retrievalReference, bankDate };
    return { batch, trace, amount, currency, original };
  }

  get #signal(): AbortSignal {
    return this.#closing.signal;
  }

  #log(refund: RefundRow, failure: unknown): void {
    const level = failure instanceof AcquirerReversalRefused ? "error" : "warn";
    const { id, state } = refund;
    this.#options.logger[level](
      { refund: id, state, code: codeOf(failure), ...whereabouts(failure) },
      "refund went wrong",
    );
  }
}

const codeOf = (failure: unknown): string => (failure instanceof SwipewireError ? failure.code : RefundFault.code);

const reasonOf = (responseCode: string): string => responseCodes[responseCode]?.reason ?? "card_declined";

/** @throws RefundFault before anything was sent for it */
function numbered(refund: RefundRow): RefundRow & { batch: number; trace: number } {
  const { batch, trace } = refund;
  if (batch === null || trace === null) throw new RefundFault({ detail: "no trace number" });
  return { ...refund, batch, trace };
}

async function findOrder(store: Store | Transaction, merchantId: string, orderId: string) {
  const order = await store
    .selectFrom("orders")
    .select("status")
    .where("merchant_id", "=", merchantId)
    .where("id", "=", orderId)
    .executeTakeFirst();
  if (!order) throw new OrderUnknown();
  return order;
}

/** The approved charge of an order that is paid. @throws OrderUnknown | OrderNotPaid | RefundOriginalUnknown */
async function paidFor(trx: Transaction, merchantId: string, orderId: string): Promise<BankTransaction> {
  const { status } = await findOrder(trx, merchantId, orderId);
  if (status !== "paid") throw new OrderNotPaid();
  const payment = await trx
    .selectFrom("payments")
    .select("id as payment_id")
    .where("order_id", "=", orderId)
    .where("state", "=", "approved")
    .executeTakeFirstOrThrow();
  const purchase = await purchaseOf(trx, payment);
  // An operator's word made it approved, or an older release.
  if (purchase.retrieval_reference === null || purchase.bank_date === null) throw new RefundOriginalUnknown();
  return purchase;
}

async function purchaseOf(
  store: Store | Transaction,
  { payment_id }: Pick<RefundRow, "payment_id">,
): Promise<BankTransaction> {
  const purchase = await approvedPurchase(store, payment_id);
  if (!purchase) throw new RefundOriginalUnknown();
  return purchase;
}
