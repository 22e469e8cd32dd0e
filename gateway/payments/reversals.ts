import { SwipewireError } from "@swipewire/protocol/failure";
import { type Clock, Hours, Millis, Minutes, sleep, type Timer } from "@swipewire/protocol/time";
import type { Logger } from "pino";
import type { Acquirer, LateReply, ReversalReply } from "../acquirer/acquirer.ts";
import {
  type BankTransaction,
  type BankTransactionKey,
  findBankTransaction,
  recordOutcome,
  reversalReasonOf,
} from "../acquirer/bank-transactions.ts";
import { AcquirerReversalRefused, PaymentFault, PaymentReversalOverdue } from "../errors.ts";
import type { Store, Transaction } from "../store/store.ts";
import { whereabouts } from "../whereabouts.ts";
import { progressStates } from "./states.ts";

const FIRST_REPEAT_MS = 1_000;
const LONGEST_REPEAT_MS = 60_000;
/**
 * A bank that did not know a charge is asked to undo it once more after so long: the charge may have come late, and the
 * approval that would say so may have been lost.
 */
const ASK_AGAIN_AFTER = Minutes(2);
/** After a restart, whatever is older is not asked for again. */
const ASK_AGAIN_WITHIN = Hours(1);

export interface ReversalsOptions {
  readonly store: Store;
  readonly acquirer: Acquirer;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Undoes charges whose outcome is unknown, with 0400s repeated until the bank acknowledged one. */
export class Reversals {
  readonly #options: ReversalsOptions;
  readonly #closing: AbortSignal;
  /** Late approvals being seen to. */
  readonly #strays = new Set<Promise<void>>();
  readonly #toAskAgain = new Set<Timer>();

  /** @param closing aborted when the gateway stops: what is not undone by then is the next process's */
  constructor(options: ReversalsOptions, closing: AbortSignal) {
    this.#options = options;
    this.#closing = closing;
    closing.addEventListener("abort", () => {
      for (const timer of this.#toAskAgain) timer.cancel();
    });
  }

  /**
   * Repeats the reversal of a charge until the bank acknowledged it, or the gateway stops.
   * @param settle what else becomes true by that, in the same transaction
   * @param ruled is asked before each repeat whether the operator settled it meanwhile
   */
  async reverse(
    key: BankTransactionKey,
    settle: (trx: Transaction) => Promise<void>,
    ruled: () => Promise<boolean> = async () => false,
  ): Promise<void> {
    const { acquirer, clock, store, logger } = this.#options;
    const overdueAt = clock.now() + progressStates.reversing.limit;
    let alarmed = false;
    for (let attempt = 0; !this.#closing.aborted; attempt++) {
      try {
        if (await ruled()) return;
        const charge = await findBankTransaction(store, key);
        if (!charge) throw new PaymentFault({ detail: "no such charge" });
        const asked = acquirer.reverse(identityOf(charge), "purchase", reversalReasonOf(charge));
        const reply = await unlessAborted(asked, this.#closing);
        const state = await this.#acknowledged(charge, reply, settle);
        if (state === "unknown-to-bank" && charge.approved_late === 0) this.#askAgainLater(key);
        if (state !== undefined) return;
      } catch (failure) {
        if (this.#closing.aborted) return;
        this.#log(key, failure);
        if (failure instanceof AcquirerReversalRefused) attempt = Number.POSITIVE_INFINITY;
      }
      if (!alarmed && overdueAt <= clock.now()) {
        alarmed = true;
        const { code, message } = new PaymentReversalOverdue();
        logger.error({ ...key, code }, message);
      }
      // Returns at once when the gateway stops.
      await sleep(clock, repeatAfter(attempt), this.#closing).catch(() => {});
    }
  }

  /** @returns undefined where the bank approved the charge while the reversal looked for it in vain: it is repeated */
  #acknowledged(
    charge: BankTransaction,
    reply: ReversalReply,
    settle: (trx: Transaction) => Promise<void>,
  ): Promise<"reversed" | "unknown-to-bank" | undefined> {
    const { store, clock } = this.#options;
    return store.transaction().execute(async (trx) => {
      const late = (await findBankTransaction(trx, charge))?.approved_late === 1;
      if (reply === "unknown" && late && !charge.approved_late) return undefined;
      const state = reply === "undone" || late ? "reversed" : "unknown-to-bank";
      await recordOutcome(trx, charge, { state }, clock.now());
      await settle(trx);
      return state;
    });
  }

  /**
   * Acts on a reply that came after its charge had been given up. An approval of a charge that is being reversed is
   * noted; one of a charge that the bank said it did not know is reversed, once.
   */
  take({ batch, trace, approved }: LateReply): void {
    if (!approved) return;
    this.#keep(this.#takeApproval({ batch, trace }));
  }

  /** Goes on to undo late approvals that an earlier process left. */
  async recover(): Promise<void> {
    const strays = await this.#options.store
      .selectFrom("bank_transactions")
      .innerJoin("payments", "payments.id", "bank_transactions.payment_id")
      .select(["bank_transactions.batch", "bank_transactions.trace"])
      .where("kind", "=", "purchase")
      .where("bank_transactions.state", "=", "reversing")
      .where("payments.state", "<>", "reversing")
      .execute();
    for (const stray of strays) this.#keep(this.#undoStray(stray));
    const unknown = await this.#options.store
      .selectFrom("bank_transactions")
      .select(["batch", "trace"])
      .where("kind", "=", "purchase")
      .where("state", "=", "unknown-to-bank")
      .where("at", ">", this.#options.clock.now() - ASK_AGAIN_WITHIN)
      .execute();
    for (const charge of unknown) this.#askAgainLater(charge);
  }

  /** Resolves when nothing is under way any more; the closing signal must have been given. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#strays);
  }

  async #takeApproval(key: BankTransactionKey): Promise<void> {
    const { store, clock, logger } = this.#options;
    const stray = await store.transaction().execute(async (trx) => {
      const charge = await findBankTransaction(trx, key);
      const known = charge?.kind === "purchase" && !charge.approved_late;
      if (!known || !["sent", "reversing", "unknown-to-bank"].includes(charge.state)) return false;
      const state = charge.state === "unknown-to-bank" ? "reversing" : charge.state;
      await trx
        .updateTable("bank_transactions")
        .set({ approved_late: 1, state, at: clock.now() })
        .where("batch", "=", key.batch)
        .where("trace", "=", key.trace)
        .execute();
      return state !== charge.state;
    });
    logger.warn({ ...key, stray }, "the bank approved a charge that had been given up");
    if (stray) await this.#undoStray(key);
  }

  async #undoStray(key: BankTransactionKey): Promise<void> {
    await this.reverse(key, async () => {
      this.#options.logger.info(key, "a charge that was approved too late is undone");
    });
  }

  #askAgainLater(key: BankTransactionKey): void {
    const timer = this.#options.clock.after(ASK_AGAIN_AFTER, () => {
      this.#toAskAgain.delete(timer);
      this.#keep(this.#askAgain(key));
    });
    this.#toAskAgain.add(timer);
  }

  async #askAgain(key: BankTransactionKey): Promise<void> {
    const { acquirer, store, clock } = this.#options;
    const charge = await findBankTransaction(store, key);
    if (charge?.state !== "unknown-to-bank") return;
    try {
      const reply = await unlessAborted(
        acquirer.reverse(identityOf(charge), "purchase", reversalReasonOf(charge)),
        this.#closing,
      );
      if (reply === "undone") {
        await store.transaction().execute((trx) => recordOutcome(trx, key, { state: "reversed" }, clock.now()));
        this.#options.logger.warn(key, "a charge had reached the bank after its reversal, and is undone");
      }
    } catch (failure) {
      if (this.#closing.aborted) return;
      this.#log(key, failure);
      if (!(failure instanceof AcquirerReversalRefused)) this.#askAgainLater(key);
    }
  }

  #keep(work: Promise<void>): void {
    const kept = work.catch((failure) => this.#log(undefined, failure));
    this.#strays.add(kept);
    void kept.finally(() => this.#strays.delete(kept));
  }

  #log(key: BankTransactionKey | undefined, failure: unknown): void {
    const code = failure instanceof SwipewireError ? failure.code : PaymentFault.code;
    const level = failure instanceof AcquirerReversalRefused ? "error" : "warn";
    this.#options.logger[level]({ ...key, code, ...whereabouts(failure) }, "a charge is not undone yet");
  }
}

/** Ever longer, up to a minute. @param attempt from 0 */
export const repeatAfter = (attempt: number) => Millis(Math.min(FIRST_REPEAT_MS * 2 ** attempt, LONGEST_REPEAT_MS));

const identityOf = ({ batch, trace, amount, currency, pin }: BankTransaction) => ({
  batch,
  trace,
  amount,
  currency,
  pin: pin === 1,
});

/** Waits for `promise`, or rejects with the signal's reason. */
export async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const onAbort = () => aborted.reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
