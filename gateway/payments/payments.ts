import { SwipewireError } from "@swipewire/protocol/failure";
import type { PublicJwk } from "@swipewire/protocol/messages/fields";
import type { LinkBody } from "@swipewire/protocol/messages/terminal-link";
import { type Clock, Millis, Seconds, sleep } from "@swipewire/protocol/time";
import type { Logger } from "pino";
import { takeTrace } from "../acquirer/bank-transactions.ts";
import {
  PaymentCancelled,
  PaymentFault,
  PaymentForeign,
  PaymentInterrupted,
  PaymentNotCancellable,
  PaymentPhoneMissing,
  PaymentTimedOut,
  PaymentUnknown,
  SwipeTooOld,
} from "../errors.ts";
import { statusAt } from "../orders/order-view.ts";
import type { Orders } from "../orders/orders.ts";
import type { Store } from "../store/store.ts";
import { whereabouts } from "../whereabouts.ts";
import {
  type Authorisation,
  type AuthorisationServices,
  authorise,
  chargeIdentity,
  codeOf,
  unlessAborted,
  type Verdict,
} from "./authorisation.ts";
import { type OpenedCard, openCard } from "./opened-card.ts";
import { type Ending, type EndingServices, endPayment } from "./payment-ending.ts";
import {
  advanceReaderCounter,
  findPayment,
  insertPayment,
  type PaymentRow,
  paymentResult,
  takeSwipeOnce,
  transition,
} from "./payment-record.ts";
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
  readonly logger: Logger;
}

/** ISO 8583:1987 field 39 of a reversal after a restart: no answer was received. */
const NO_ANSWER = "98";
/** A terminal holds a sealed swipe for 45 seconds, and its clock may be half a minute off. */
const SEAL_LIFETIME = Seconds(75);
const FIRST_REPEAT_MS = 1_000;
const LONGEST_REPEAT_MS = 60_000;

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
  readonly #live = new Map<string, Authorisation>();
  /** What is asked about one payment is answered in turn. */
  readonly #turns = new Map<string, Promise<unknown>>();
  readonly #background = new Set<Promise<void>>();
  readonly #closing = new AbortController();

  constructor(options: PaymentsOptions) {
    this.#options = options;
    this.#store = options.store;
    this.#clock = options.clock;
    this.#logger = options.logger;
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
      if (live?.payment.terminal_id === terminal && !live.atBank) {
        live.stop.abort(new PaymentCancelled());
        return {};
      }
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

  /** Ends or goes on to undo what an earlier process left unfinished. Call once, before anything else. */
  async recover(): Promise<void> {
    const unfinished = await this.#store
      .selectFrom("payments")
      .selectAll()
      .where("state", "in", Object.keys(progressStates) as (keyof typeof progressStates)[])
      .execute();
    for (const payment of unfinished) {
      const resumed = this.#resume(payment, PaymentInterrupted.code);
      this.#keep(payment.id, resumed);
      // One that can't be settled must not keep the others, and the gateway, from going on.
      await resumed.catch(() => {});
    }
  }

  /**
   * Ends what has not reached the bank as failed. What has is left as it is, for the next process to {@link recover};
   * its track and PIN are overwritten all the same.
   */
  async close(): Promise<void> {
    this.#closing.abort(new PaymentInterrupted());
    await Promise.allSettled(this.#turns.values());
    for (const { stop } of this.#live.values()) stop.abort(new PaymentInterrupted());
    await Promise.allSettled(this.#background);
  }

  /** Ends a payment that nobody works on, or begins to undo it. */
  async #resume(payment: PaymentRow, cause: string): Promise<void> {
    if (!isProgress(payment.state)) return;
    const to = progressStates[payment.state].afterCrash;
    if (to === "failed") {
      await this.#end(payment, { outcome: to, cause });
      return;
    }
    const reversing =
      payment.state === to
        ? payment
        : await this.#move(payment, to, cause, { reason: cause, reversal_reason: NO_ANSWER });
    this.#keep(payment.id, this.#reverse(reversing));
  }

  async #accept(terminal: string, submission: LinkBody<"swipe.submit">): Promise<Authorisation> {
    const verificationKey = await this.#options.signingKey(terminal);
    const binding = { terminal, payment: submission.payment, verificationKey };
    const card = await openCard(submission.sealed, binding, this.#options.keys);
    try {
      if (card.asked.pin && card.asked.phone === undefined) throw new PaymentPhoneMissing();
      if (card.asked.at + SEAL_LIFETIME < this.#clock.now()) throw new SwipeTooOld();
      const payment = await this.#record(terminal, submission.payment, card);
      return { payment, card, stop: new AbortController(), atBank: false };
    } catch (failure) {
      card.wipe();
      throw failure;
    }
  }

  #record(terminal: string, id: string, card: OpenedCard): Promise<PaymentRow> {
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
      };
      const payment = await insertPayment(trx, facts, at);
      await takeSwipeOnce(trx, card.swipe, payment.id, at);
      if (card.reader) await advanceReaderCounter(trx, card.reader.initialKsn, card.reader.counter, at);
      return payment;
    });
  }

  #start(run: Authorisation): void {
    this.#live.set(run.payment.id, run);
    this.#announce(run.payment);
    const { id } = run.payment;
    this.#keep(
      id,
      this.#run(run).finally(() => this.#live.delete(id)),
    );
  }

  async #run(run: Authorisation): Promise<void> {
    let limit = this.#limit(run);
    const verdict = await authorise(run, this.#options, async (state, cause) => {
      run.payment = await this.#move(run.payment, state, cause);
      limit?.cancel();
      limit = this.#limit(run);
    });
    limit?.cancel();
    if (verdict.kind === "left") return;
    if (verdict.kind === "unknown") {
      await this.#undo(run.payment, verdict);
    } else if (verdict.kind === "approved") {
      await this.#book(run.payment, verdict.reply);
    } else {
      if (verdict.failure !== undefined) this.#log(run.payment, verdict.cause, verdict.failure);
      await this.#end(run.payment, { outcome: verdict.kind, cause: verdict.cause });
    }
  }

  #limit({ payment, stop }: Authorisation) {
    const limit = isProgress(payment.state) ? progressStates[payment.state].limit : undefined;
    return limit && this.#clock.after(limit, () => stop.abort(new PaymentTimedOut({ detail: payment.state })));
  }

  async #book(payment: PaymentRow, reply: Extract<Verdict, { kind: "approved" }>["reply"]): Promise<void> {
    const { approvalCode, retrievalReference } = reply;
    try {
      await this.#end(payment, { outcome: "approved", cause: "bank_approved", approvalCode, retrievalReference });
    } catch (failure) {
      // An approval that can't be booked must not stand.
      await this.#undo(payment, { kind: "unknown", cause: codeOf(failure), reason: "06", failure });
    }
  }

  async #undo(payment: PaymentRow, { cause, reason, failure }: Extract<Verdict, { kind: "unknown" }>): Promise<void> {
    this.#log(payment, cause, failure);
    await this.#reverse(await this.#move(payment, "reversing", cause, { reason: cause, reversal_reason: reason }));
  }

  /** Repeats the reversal until the bank acknowledged it, or until the gateway stops. */
  async #reverse(payment: PaymentRow): Promise<void> {
    this.#announce(payment);
    const { signal } = this.#closing;
    const reason =
      payment.reversal_reason === "06" || payment.reversal_reason === "A0" ? payment.reversal_reason : NO_ANSWER;
    for (let attempt = 0; !signal.aborted; attempt++) {
      try {
        await unlessAborted(this.#options.acquirer.reverse(chargeIdentity(payment), "purchase", reason), signal);
        await this.#end(payment, { outcome: "reversed", cause: "reversal_acknowledged" });
        return;
      } catch (failure) {
        if (signal.aborted) return;
        this.#log(payment, codeOf(failure), failure);
      }
      await this.#pause(attempt);
    }
  }

  /** Returns at once when the gateway stops. */
  #pause(attempt: number): Promise<void> {
    const wait = Millis(Math.min(FIRST_REPEAT_MS * 2 ** attempt, LONGEST_REPEAT_MS));
    return sleep(this.#clock, wait, this.#closing.signal).catch(() => {});
  }

  async #move(
    payment: PaymentRow,
    to: PaymentStateName,
    cause: string,
    changes: Partial<Pick<PaymentRow, "reason" | "reversal_reason">> = {},
  ): Promise<PaymentRow> {
    const moved = await this.#store.transaction().execute(async (trx) => {
      // Before the bank is asked: a charge without a number on disk could not be reversed after a crash.
      const trace = to === "charging" ? await takeTrace(trx) : {};
      return transition(trx, payment, to, { cause, at: this.#clock.now(), ...changes, ...trace });
    });
    this.#logger.info({ payment: moved.id, from: payment.state, to, cause }, "payment goes on");
    if (to !== "reversing") this.#announce(moved);
    return moved;
  }

  async #end(payment: PaymentRow, ending: Omit<Ending, "at">): Promise<void> {
    const { outcome, cause } = ending;
    const ended = await this.#store
      .transaction()
      .execute((trx) => endPayment(trx, this.#options, payment, { ...ending, at: this.#clock.now() }));
    this.#logger.info({ payment: payment.id, from: payment.state, to: outcome, cause }, "payment is over");
    const body = paymentResult(ended.payment, outcome, ended.orderPayable);
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
  #keep(payment: string, work: Promise<void>): void {
    const kept = work.catch((failure) => this.#settleLater(payment, failure));
    this.#background.add(kept);
    void kept.finally(() => this.#background.delete(kept));
  }

  /** What could not be written down is on disk as it was: from there the payment is ended or undone, until that works. */
  async #settleLater(id: string, fault: unknown): Promise<void> {
    let failure = fault;
    for (let attempt = 0; ; attempt++) {
      this.#logger.fatal({ payment: id, code: codeOf(failure), ...whereabouts(failure) }, "a payment could not go on");
      await this.#pause(attempt);
      // Left to the next process.
      if (this.#closing.signal.aborted) return;
      try {
        const payment = await findPayment(this.#store, id);
        if (payment) await this.#resume(payment, PaymentFault.code);
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
