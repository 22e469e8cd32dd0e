import { SwipewireError } from "@swipewire/protocol/failure";
import type { PublicJwk } from "@swipewire/protocol/messages/fields";
import type { MerchantOrder } from "@swipewire/protocol/messages/merchant-api";
import type { LinkBody } from "@swipewire/protocol/messages/terminal-link";
import type { Random } from "@swipewire/protocol/random";
import { type Clock, Millis, Seconds, sleep, type Timer } from "@swipewire/protocol/time";
import type { Logger } from "pino";
import type { ReversalReason } from "../acquirer/acquirer.ts";
import { recordOutcome, recordSending } from "../acquirer/bank-transactions.ts";
import {
  OrderExpired,
  PaymentCancelled,
  PaymentFault,
  PaymentForeign,
  PaymentInterrupted,
  PaymentNotCancellable,
  PaymentPhoneMissing,
  PaymentTimedOut,
  PaymentUnknown,
  PaymentWithdrawn,
  SwipeTooOld,
} from "../errors.ts";
import { statusAt } from "../orders/order-view.ts";
import type { OrderRow, Orders } from "../orders/orders.ts";
import type { Store, Transaction } from "../store/store.ts";
import { whereabouts } from "../whereabouts.ts";
import {
  type Authorisation,
  type AuthorisationServices,
  authorise,
  chargeKey,
  codeOf,
  type Verdict,
} from "./authorisation.ts";
import { type LeaseNews, Leases } from "./leases.ts";
import { type OpenedCard, openCard } from "./opened-card.ts";
import { type EndedPayment, type Ending, type EndingServices, endPayment } from "./payment-ending.ts";
import {
  advanceReaderCounter,
  findPayment,
  insertPayment,
  type PaymentRow,
  paymentResult,
  takeSwipeOnce,
  transition,
} from "./payment-record.ts";
import { Reversals, repeatAfter } from "./reversals.ts";
import { isProgress, type PaymentStateName, progressStates } from "./states.ts";

/** What the terminal is told without having asked. */
export type PaymentNotice =
  | { readonly type: "payment.state"; readonly body: LinkBody<"payment.state"> }
  | { readonly type: "payment.result"; readonly body: LinkBody<"payment.result"> };

/** Whether a message was acted on; `refused` is the code of why not, and holds for good. */
export interface Reception {
  readonly refused?: string;
}

export interface PaymentsOptions extends AuthorisationServices, EndingServices {
  readonly store: Store;
  readonly orders: Orders;
  /** The terminal's Ed25519 key. @throws TerminalUnknown | TerminalRevoked */
  readonly signingKey: (terminal: string) => Promise<PublicJwk>;
  /** Tells a terminal where its payment stands; a later notice of a payment takes the place of an earlier one. */
  readonly tell: (terminal: string, notice: PaymentNotice) => void;
  readonly random: Random;
  readonly logger: Logger;
  /** Names this gateway among those that share the store. */
  readonly instance: string;
}

/** ISO 8583:1987 field 39 of a reversal after a restart: no answer was received. */
const NO_ANSWER = "98";
/** A terminal holds a sealed swipe for 45 seconds, and its clock may be half a minute off. */
const SEAL_LIFETIME = Seconds(75);

/** A payment that this process works on, and the end of that work. */
interface Live {
  readonly run: Authorisation;
  readonly over: Promise<void>;
}

/**
 * Payments, from a sealed swipe to its outcome, as `states.ts` draws them. A payment's id is made up by its terminal and
 * names one attempt for good: it is taken once, refused once, and answered alike ever after. Each step is one transaction;
 * track and PIN live in this process only, so that a payment found unfinished at the start can only be ended or undone.
 */
export class Payments {
  readonly #options: PaymentsOptions;
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #logger: Logger;
  /** Authorisations under way, by payment. */
  readonly #live = new Map<string, Live>();
  /** What is asked about one payment is answered in turn. */
  readonly #turns = new Map<string, Promise<unknown>>();
  readonly #background = new Set<Promise<void>>();
  readonly #closing = new AbortController();
  readonly #leases: Leases;
  readonly #reversals: Reversals;

  constructor(options: PaymentsOptions) {
    this.#options = options;
    this.#store = options.store;
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#leases = new Leases(options);
    this.#reversals = new Reversals(options, this.#closing.signal);
    options.acquirer.onLateReply((reply) => this.#reversals.take(reply));
  }

  /**
   * Takes a sealed swipe and begins its payment. A payment that is known is told again as it stands.
   * @throws only for faults of the gateway itself: neither taken nor refused, so that repeating it makes sense
   */
  submit(terminal: string, submission: LinkBody<"swipe.submit">): Promise<Reception> {
    return this.#inTurn(submission.payment, async () => {
      const settled = await this.#settled(terminal, submission.payment);
      if (settled) return settled;
      // Taking it now would mean to fail it at once.
      this.#closing.signal.throwIfAborted();
      try {
        this.#start(await this.#accept(terminal, submission));
        return {};
      } catch (failure) {
        if (!(failure instanceof SwipewireError)) throw failure;
        return this.#refuse(terminal, submission.payment, failure.code);
      }
    });
  }

  /** Tells how a payment stands. One never heard of is refused, for good. @throws as {@link submit} */
  query(terminal: string, payment: string): Promise<Reception> {
    return this.refuse(terminal, payment, PaymentUnknown.code);
  }

  /** Ends a payment that has not reached the bank. One never heard of is refused, for good. @throws as {@link submit} */
  cancel(terminal: string, payment: string): Promise<Reception> {
    return this.#inTurn(payment, async () => {
      const live = this.#live.get(payment);
      if (live?.run.payment.terminal_id === terminal && this.#callOff(live.run, new PaymentCancelled())) return {};
      const settled = await this.#settled(terminal, payment);
      if (!settled) return this.#refuse(terminal, payment, PaymentUnknown.code);
      return live && settled.refused === undefined ? { refused: PaymentNotCancellable.code } : settled;
    });
  }

  /**
   * Refuses a payment for good, for a reason found outside (its message came too late, say), unless it is known
   * already: then it is told as it stands.
   */
  refuse(terminal: string, payment: string, code: string): Promise<Reception> {
    return this.#inTurn(
      payment,
      async () => (await this.#settled(terminal, payment)) ?? (await this.#refuse(terminal, payment, code)),
    );
  }

  /**
   * Makes an order payable no longer, for its merchant. A payment of it that has not reached the bank is ended first.
   * @throws OrderUnknown | OrderBeingPaid | OrderPaid | OrderExpired
   */
  async cancelOrder(merchantId: string, orderId: string): Promise<MerchantOrder> {
    const { order } = await this.#options.orders.get(merchantId, orderId);
    const payment = await this.#store
      .updateTable("payments")
      .set({ cancel_cause: PaymentWithdrawn.code })
      .where("order_id", "=", order)
      .where("state", "in", ["accepted", "calling", "collecting"])
      .returning("id")
      .executeTakeFirst();
    const live = payment && this.#live.get(payment.id);
    // Where another process has it, that one sees the cause the next time it renews its leases.
    if (live && this.#callOff(live.run, new PaymentWithdrawn())) await live.over;
    return this.#options.orders.cancel(merchantId, orderId);
  }

  /** Ends or goes on to undo what an earlier process left unfinished. Call once, before anything else. */
  async recover(): Promise<void> {
    await this.#leases.start((news) => this.#heed(news));
    await this.#reversals.recover();
  }

  /**
   * Ends what has not reached the bank as failed. What has is left as it is, for the next process to {@link recover};
   * its track and PIN are overwritten all the same.
   */
  async close(): Promise<void> {
    this.#closing.abort(new PaymentInterrupted());
    await Promise.allSettled(this.#turns.values());
    for (const { run } of this.#live.values()) run.stop.abort(new PaymentInterrupted());
    await Promise.allSettled(this.#background);
    await this.#reversals.settled();
    await this.#leases
      .close()
      .catch((failure) => this.#logger.error(whereabouts(failure), "leases are left to expire"));
  }

  async #heed({ takenOver, owned }: LeaseNews): Promise<void> {
    for (const { id, cancel_cause } of owned) {
      const live = cancel_cause === null ? undefined : this.#live.get(id);
      if (live) this.#callOff(live.run, new PaymentWithdrawn());
    }
    await Promise.all(takenOver.map((payment) => this.#adopt(payment)));
  }

  /** Ends a payment, unless the charge can't be held back any more. */
  #callOff({ atBank, stop }: Authorisation, cause: Error): boolean {
    if (!atBank) stop.abort(cause);
    return !atBank;
  }

  /** Takes care of a payment whose process is gone. One that can't be settled must not keep others from going on. */
  async #adopt(payment: PaymentRow): Promise<void> {
    const resumed = this.#resume(payment, PaymentInterrupted.code);
    void this.#keep(payment.id, resumed);
    await resumed.catch(() => {});
  }

  /** Ends a payment that nobody works on, or begins to undo it. */
  async #resume(payment: PaymentRow, cause: string): Promise<void> {
    if (!isProgress(payment.state)) return;
    const to = progressStates[payment.state].afterCrash;
    if (to === "failed") {
      await this.#end(payment, { outcome: to, cause });
      return;
    }
    const reversing = payment.state === to ? payment : await this.#move(payment, to, cause, NO_ANSWER);
    void this.#keep(payment.id, this.#reverse(reversing));
  }

  async #accept(terminal: string, submission: LinkBody<"swipe.submit">): Promise<Authorisation> {
    const verificationKey = await this.#options.signingKey(terminal);
    const binding = { terminal, payment: submission.payment, verificationKey };
    const card = await openCard(submission.sealed, binding, this.#options.keys);
    try {
      if (card.asked.pin && card.asked.phone === undefined) throw new PaymentPhoneMissing();
      if (card.asked.at + SEAL_LIFETIME < this.#clock.now()) throw new SwipeTooOld();
      const { payment, order } = await this.#record(terminal, submission.payment, card);
      const payableUntil = order.payable_until;
      return { payment, card, payableUntil, stop: new AbortController(), atBank: false, declined: false };
    } catch (failure) {
      card.wipe();
      throw failure;
    }
  }

  #record(terminal: string, id: string, card: OpenedCard): Promise<{ payment: PaymentRow; order: OrderRow }> {
    return this.#store.transaction().execute(async (trx) => {
      const at = this.#clock.now();
      const order = await this.#options.orders.beginPayment(trx, card.asked.order);
      const facts = {
        id,
        order_id: order.id,
        terminal_id: terminal,
        amount: order.amount,
        currency: order.currency,
        pin: card.asked.pin ? 1 : 0,
        phone: card.asked.phone ?? null,
        masked_pan: card.maskedPan ?? null,
        ...this.#leases.claim(),
      };
      const payment = await insertPayment(trx, facts, at);
      await takeSwipeOnce(trx, card.swipe, payment.id, at);
      if (card.reader) await advanceReaderCounter(trx, card.reader.initialKsn, card.reader.counter, at);
      return { payment, order };
    });
  }

  #start(run: Authorisation): void {
    const { id } = run.payment;
    this.#announce(run.payment);
    const toExpiry = Millis(Math.max(0, run.payableUntil - this.#clock.now()));
    const expiry = this.#clock.after(toExpiry, () => this.#callOff(run, new OrderExpired()));
    const work = this.#run(run).finally(() => {
      expiry.cancel();
      this.#live.delete(id);
    });
    this.#live.set(id, { run, over: this.#keep(id, work) });
  }

  async #run(run: Authorisation): Promise<void> {
    let limit = this.#limit(run);
    const verdict = await authorise(run, this.#options, async (state, cause) => {
      run.payment = await this.#move(run.payment, state, cause);
      limit?.cancel();
      limit = this.#limit(run);
    });
    limit?.cancel();
    switch (verdict.kind) {
      case "left":
        return;
      case "unknown":
        return this.#undo(run.payment, verdict);
      case "approved":
        return this.#book(run.payment, verdict);
      case "declined":
        return this.#end(run.payment, { outcome: "declined", cause: verdict.cause }, true);
      default:
        this.#log(run.payment, verdict.cause, verdict.failure);
        return this.#end(run.payment, { outcome: verdict.kind, cause: verdict.cause }, run.declined);
    }
  }

  #limit({ payment, stop }: Authorisation): Timer | undefined {
    const limit = isProgress(payment.state) ? progressStates[payment.state].limit : undefined;
    return limit && this.#clock.after(limit, () => stop.abort(new PaymentTimedOut({ detail: payment.state })));
  }

  async #book(payment: PaymentRow, { approval }: Extract<Verdict, { kind: "approved" }>): Promise<void> {
    try {
      await this.#end(payment, { outcome: "approved", cause: "bank_approved", approval });
    } catch (failure) {
      // An approval that can't be booked must not stand.
      await this.#undo(payment, { kind: "unknown", cause: codeOf(failure), reason: "06", failure });
    }
  }

  async #undo(payment: PaymentRow, { cause, reason, failure }: Extract<Verdict, { kind: "unknown" }>): Promise<void> {
    this.#log(payment, cause, failure);
    await this.#reverse(await this.#move(payment, "reversing", cause, reason));
  }

  /** Until the bank acknowledged the reversal, the operator settled it, or the gateway stops. */
  async #reverse(payment: PaymentRow): Promise<void> {
    this.#announce(payment);
    let ended: EndedPayment | undefined;
    const cause = "reversal_acknowledged";
    const settle = async (trx: Transaction) => {
      ended = await this.#settle(trx, payment, { outcome: "reversed", cause });
    };
    await this.#reversals.reverse(chargeKey(payment), settle, () => this.#heedRuling(payment));
    if (ended) this.#tellEnd(payment, "reversed", cause, ended);
  }

  /** What the operator found out at the acquirer ends a reversal, as if the bank had said so. */
  async #heedRuling(payment: PaymentRow): Promise<boolean> {
    const now = await findPayment(this.#store, payment.id);
    // Another process has taken it over.
    if (now?.state !== payment.state || now.owner !== payment.owner) return true;
    if (now.ruling === null) return false;
    await this.#end(payment, { outcome: now.ruling, cause: "operator_ruled" });
    return true;
  }

  /** @param reversalReason where it goes to `reversing`, whose cause is then why the payment was not made */
  async #move(
    payment: PaymentRow,
    to: PaymentStateName,
    cause: string,
    reversalReason?: ReversalReason,
  ): Promise<PaymentRow> {
    const moved = await this.#store.transaction().execute(async (trx) => {
      const at = this.#clock.now();
      if (payment.state === "charging") {
        // A payment goes on from a charge only when the bank has refused that.
        const known = reversalReason ? { state: "reversing" as const, reversalReason } : { state: "declined" as const };
        await recordOutcome(trx, chargeKey(payment), known, at);
      }
      const sending = to === "charging" ? await recordSending(trx, chargeOf(payment), at) : undefined;
      return transition(trx, payment, to, {
        cause,
        at,
        ...(sending && { trace: sending.trace, batch: sending.batch }),
        ...(reversalReason && { reason: cause, reversal_reason: reversalReason }),
      });
    });
    this.#logger.info({ payment: moved.id, from: payment.state, to, cause }, "payment goes on");
    if (to !== "reversing") this.#announce(moved);
    return moved;
  }

  /** @param declined whether the bank is known to have refused the payment's last charge */
  async #end(payment: PaymentRow, ending: Omit<Ending, "at">, declined = false): Promise<void> {
    const ended = await this.#store.transaction().execute(async (trx) => {
      const { outcome, approval } = ending;
      if (payment.state === "charging" || payment.state === "reversing") {
        const state = outcome === "approved" || outcome === "reversed" ? outcome : declined ? "declined" : "not-sent";
        await recordOutcome(trx, chargeKey(payment), { state, ...(approval && { approval }) }, this.#clock.now());
      }
      return this.#settle(trx, payment, ending);
    });
    this.#tellEnd(payment, ending.outcome, ending.cause, ended);
  }

  #settle(trx: Transaction, payment: PaymentRow, ending: Omit<Ending, "at">): Promise<EndedPayment> {
    return endPayment(trx, this.#options, payment, { ...ending, at: this.#clock.now() });
  }

  #tellEnd(
    before: PaymentRow,
    outcome: Ending["outcome"],
    cause: string,
    { payment, orderPayable }: EndedPayment,
  ): void {
    this.#logger.info({ payment: payment.id, from: before.state, to: outcome, cause }, "payment is over");
    const body = paymentResult(payment, outcome, orderPayable);
    this.#options.tell(payment.terminal_id, { type: "payment.result", body });
  }

  /** Answers for a payment that was taken or refused before; undefined when it is new. */
  async #settled(terminal: string, id: string): Promise<Reception | undefined> {
    const payment = await findPayment(this.#store, id);
    if (payment && payment.terminal_id !== terminal) return { refused: PaymentForeign.code };
    if (payment) {
      await this.#tellAgain(payment);
      return {};
    }
    const refusal = await this.#store
      .selectFrom("refused_payments")
      .select("code")
      .where("terminal_id", "=", terminal)
      .where("payment_id", "=", id)
      .executeTakeFirst();
    return refusal && { refused: refusal.code };
  }

  async #refuse(terminal: string, payment: string, code: string): Promise<Reception> {
    await this.#store
      .insertInto("refused_payments")
      .values({ terminal_id: terminal, payment_id: payment, code, at: this.#clock.now() })
      .execute();
    this.#logger.warn({ payment, terminal, code }, "payment refused");
    return { refused: code };
  }

  async #tellAgain(payment: PaymentRow): Promise<void> {
    const { state } = payment;
    if (isProgress(state)) {
      this.#announce(payment);
      return;
    }
    const order = await this.#store
      .selectFrom("orders")
      .selectAll()
      .where("id", "=", payment.order_id)
      .executeTakeFirstOrThrow();
    const body = paymentResult(payment, state, statusAt(order, this.#clock.now()) === "payable");
    this.#options.tell(payment.terminal_id, { type: "payment.result", body });
  }

  #announce({ id, terminal_id, state }: PaymentRow): void {
    if (isProgress(state)) this.#options.tell(terminal_id, { type: "payment.state", body: { payment: id, state } });
  }

  #inTurn<T>(payment: string, job: () => Promise<T>): Promise<T> {
    const before = this.#turns.get(payment) ?? Promise.resolve();
    const turn = before.then(job, job);
    const done = turn.then(
      () => {},
      () => {},
    );
    this.#turns.set(payment, done);
    void done.then(() => {
      if (this.#turns.get(payment) === done) this.#turns.delete(payment);
    });
    return turn;
  }

  /** Runs on by itself, and is seen to its end. */
  #keep(payment: string, work: Promise<void>): Promise<void> {
    const kept = work.catch((failure) => this.#settleLater(payment, failure));
    this.#background.add(kept);
    void kept.finally(() => this.#background.delete(kept));
    return kept;
  }

  /** What could not be written down is on disk as it was: from there the payment is ended or undone, until that works. */
  async #settleLater(id: string, fault: unknown): Promise<void> {
    let failure = fault;
    for (let attempt = 0; ; attempt++) {
      this.#logger.fatal({ payment: id, code: codeOf(failure), ...whereabouts(failure) }, "a payment could not go on");
      // Returns at once when the gateway stops: left to the next process.
      await sleep(this.#clock, repeatAfter(attempt), this.#closing.signal).catch(() => {});
      if (this.#closing.signal.aborted) return;
      try {
        const payment = await findPayment(this.#store, id);
        if (payment?.owner === this.#leases.owner) await this.#resume(payment, PaymentFault.code);
        return;
      } catch (again) {
        failure = again;
      }
    }
  }

  #log(payment: PaymentRow, code: string, failure: unknown): void {
    this.#logger.warn(
      { payment: payment.id, state: payment.state, code, ...whereabouts(failure) },
      "payment went wrong",
    );
  }
}

const chargeOf = ({ id, amount, currency, pin }: PaymentRow) => ({
  kind: "purchase" as const,
  payment_id: id,
  refund_id: null,
  amount,
  currency,
  pin,
});
