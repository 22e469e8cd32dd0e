import { SwipewireError } from "@swipewire/protocol/failure";
import { type Clock, type Duration, Hours, Seconds, sleep, type Timer } from "@swipewire/protocol/time";
import type { Updateable } from "kysely";
import type { Logger } from "pino";
import type { Acquirer, BatchIdentity, BatchTotals } from "../acquirer/acquirer.ts";
import { closeBatch, takeTrace } from "../acquirer/bank-transactions.ts";
import {
  AcquirerRequestRefused,
  SettlementDifferent,
  SettlementFault,
  SettlementInterrupted,
  SettlementOverdue,
  SettlementWaiting,
} from "../errors.ts";
import { repeatAfter, unlessAborted } from "../payments/reversals.ts";
import type { SettlementState, Tables } from "../store/schema.ts";
import type { Store, Transaction } from "../store/store.ts";
import { whereabouts } from "../whereabouts.ts";
import { countUploaded, markUploaded, slipsToUpload } from "./batch-slips.ts";
import { approvedIn, totalsOf, undecidedIn } from "./batch-totals.ts";
import { type DailyTime, nextTime } from "./daily-time.ts";
import { isSettled, ourTotals, type SettlementRow, settledStates } from "./settlement-record.ts";

export interface SettlementsOptions {
  readonly store: Store;
  readonly acquirer: Acquirer;
  readonly clock: Clock;
  readonly logger: Logger;
  /** When the open batch is closed; only on request unless told. */
  readonly daily?: DailyTime;
  /** How often the operator's requests, and batches that were closed for being full, are looked for; 5 s unless told. */
  readonly lookEvery?: Duration;
  /** Called after each settlement, and on a day that had nothing to settle. */
  readonly onSettled?: () => Promise<void>;
}

/** How long a batch waits for what is undecided in it. Then it is settled without: the upload will name the difference. */
const WAIT_LIMIT = Hours(1);
/** After so long the operator is told. */
const OVERDUE_AFTER = Hours(2);

/**
 * Settles batches that were closed: `closing` (until nothing in it is undecided) -> `comparing` (0500 with the totals) ->
 * `uploading` where they are not the bank's (0320 of every slip) -> `ending` (0320, the end) -> `settled` or `different`; a
 * batch that balances is `settled` at once where the bank awaits no end. Each step is on disk before what follows from it
 * is sent, and everything that is sent may be sent again, so that a crash costs nothing but a repeat.
 */
export class Settlements {
  readonly #options: SettlementsOptions;
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #closing = new AbortController();
  /** Under way, by batch. */
  readonly #running = new Map<number, Promise<void>>();
  #looking: Promise<void> = Promise.resolve();
  #look: Timer | undefined;
  #daily: Timer | undefined;

  constructor(options: SettlementsOptions) {
    this.#options = options;
    this.#store = options.store;
    this.#clock = options.clock;
  }

  /** Begins to look for what is to be settled, with what an earlier process left. */
  start(): void {
    this.#lookAgain();
    this.#waitForDaily();
  }

  /** Leaves what is under way as it is, for the next process. */
  async close(): Promise<void> {
    this.#closing.abort(new SettlementInterrupted());
    this.#look?.cancel();
    this.#daily?.cancel();
    await this.#looking;
    await Promise.allSettled(this.#running.values());
  }

  #lookAgain(): void {
    this.#looking = this.#lookAround()
      .catch((error: unknown) => this.#options.logger.error(whereabouts(error), "settlements could not be looked for"))
      .then(() => {
        if (this.#closing.signal.aborted) return;
        this.#look = this.#clock.after(this.#options.lookEvery ?? Seconds(5), () => this.#lookAgain());
      });
  }

  #waitForDaily(): void {
    const { daily } = this.#options;
    if (!daily) return;
    this.#daily = this.#clock.after(nextTime(daily, this.#clock.now()), () => {
      this.#looking = this.#looking.then(() => this.#closeDaily());
      this.#waitForDaily();
    });
  }

  async #closeDaily(): Promise<void> {
    if (this.#closing.signal.aborted) return;
    try {
      const batch = await this.#store.transaction().execute((trx) => closeBatch(trx, "daily", this.#clock.now()));
      this.#options.logger.info({ batch }, "the day's batch is closed");
      if (batch === undefined) await this.#options.onSettled?.();
      await this.#lookAround();
    } catch (error) {
      this.#options.logger.error(whereabouts(error), "the day's batch could not be closed");
    }
  }

  async #lookAround(): Promise<void> {
    if (this.#closing.signal.aborted) return;
    await this.#takeRequests();
    const open = await this.#store
      .selectFrom("settlements")
      .selectAll()
      .where("state", "not in", settledStates)
      .execute();
    for (const settlement of open) {
      const { batch } = settlement;
      if (this.#running.has(batch) || this.#closing.signal.aborted) continue;
      const work = this.#carryOut(settlement).finally(() => this.#running.delete(batch));
      this.#running.set(batch, work);
    }
  }

  async #takeRequests(): Promise<void> {
    const request = await this.#store
      .selectFrom("settlement_requests")
      .select("id")
      .where("taken_at", "is", null)
      .executeTakeFirst();
    if (!request) return;
    await this.#store.transaction().execute(async (trx) => {
      const at = this.#clock.now();
      const batch = (await closeBatch(trx, "operator", at)) ?? null;
      await trx.updateTable("settlement_requests").set({ taken_at: at, batch }).where("taken_at", "is", null).execute();
    });
  }

  /** Takes a settlement to its end, or until the gateway stops. Never throws. */
  async #carryOut(found: SettlementRow): Promise<void> {
    const { signal } = this.#closing;
    const { logger } = this.#options;
    let row = found;
    let alarmed = false;
    for (let attempt = 0; !isSettled(row.state) && !signal.aborted; attempt++) {
      const { batch, state } = row;
      try {
        row = await this.#step(row);
        logger.info({ batch, from: state, to: row.state }, "settlement goes on");
        if (row.state === "different")
          logger.error({ batch, ...told(new SettlementDifferent()) }, "a batch is settled, and differs");
        attempt = -1;
        continue;
      } catch (failure) {
        if (signal.aborted) return;
        const { code } = told(failure);
        // No repeat will change the bank's mind soon.
        if (failure instanceof AcquirerRequestRefused) attempt = Number.POSITIVE_INFINITY;
        logger.warn({ batch, state, code, ...whereabouts(failure) }, "settlement is held up");
        row = await this.#noteHoldUp(row, code);
      }
      if (!alarmed && row.closed_at + OVERDUE_AFTER <= this.#clock.now()) {
        alarmed = true;
        logger.error({ batch, state, ...told(new SettlementOverdue()) }, "settlement is overdue");
      }
      await sleep(this.#clock, repeatAfter(attempt), signal).catch(() => {});
    }
    if (isSettled(row.state)) {
      await this.#options
        .onSettled?.()
        .catch((error: unknown) => logger.error(whereabouts(error), "no reconciliation"));
    }
  }

  /** @throws what holds it up: it is to be tried again */
  #step(row: SettlementRow): Promise<SettlementRow> {
    switch (row.state) {
      case "closing":
        return this.#count(row);
      case "comparing":
        return this.#compare(row);
      case "uploading":
        return this.#upload(row);
      default:
        return this.#endUpload(row);
    }
  }

  /** @throws SettlementWaiting while something in the batch is undecided */
  #count(row: SettlementRow): Promise<SettlementRow> {
    return this.#store.transaction().execute(async (trx) => {
      const at = this.#clock.now();
      const undecided = await undecidedIn(trx, row.batch);
      if (undecided.length > 0 && row.closed_at + WAIT_LIMIT > at) {
        throw new SettlementWaiting({ detail: `${undecided.length} transactions` });
      }
      const totals = totalsOf(await approvedIn(trx, row.batch));
      const { trace } = await takeTrace(trx, at);
      return this.#move(trx, row, "comparing", {
        trace,
        our_debit_amount: totals.debitAmount,
        our_debit_count: totals.debitCount,
        our_credit_amount: totals.creditAmount,
        our_credit_count: totals.creditCount,
      });
    });
  }

  async #compare(row: SettlementRow): Promise<SettlementRow> {
    const totals: BatchTotals | undefined = ourTotals(row);
    if (!totals) throw new SettlementFault({ detail: "no totals" });
    const asked = this.#options.acquirer.settle({ ...identityOf(row), currency: row.currency }, totals);
    const reply = await unlessAborted(asked, this.#closing.signal);
    const { balanced, endAwaited, totals: theirs } = reply;
    return this.#store.transaction().execute(async (trx) => {
      const ending = balanced && endAwaited && (await takeTrace(trx, this.#clock.now()));
      return this.#move(trx, row, ending ? "ending" : balanced ? "settled" : "uploading", {
        ...(ending && { trace: ending.trace }),
        balanced: balanced ? 1 : 0,
        bank_debit_amount: theirs.debitAmount,
        bank_debit_count: theirs.debitCount,
        bank_credit_amount: theirs.creditAmount,
        bank_credit_count: theirs.creditCount,
      });
    });
  }

  async #upload(row: SettlementRow): Promise<SettlementRow> {
    const { acquirer } = this.#options;
    for (const part of acquirer.uploadParts(await slipsToUpload(this.#store, row.batch))) {
      const trace = part.ownTrace ? await this.#newTrace() : (part.slips[0]?.trace ?? 0);
      await unlessAborted(acquirer.uploadSlips({ batch: row.batch, trace }, part), this.#closing.signal);
      await markUploaded(this.#store, row.batch, part.slips);
    }
    return this.#store.transaction().execute(async (trx) => {
      const { trace } = await takeTrace(trx, this.#clock.now());
      return this.#move(trx, row, "ending", { trace });
    });
  }

  async #newTrace(): Promise<number> {
    const { trace } = await this.#store.transaction().execute((trx) => takeTrace(trx, this.#clock.now()));
    return trace;
  }

  async #endUpload(row: SettlementRow): Promise<SettlementRow> {
    const balanced = row.balanced === 1;
    const count = await countUploaded(this.#store, row.batch);
    try {
      await unlessAborted(this.#options.acquirer.endUpload(identityOf(row), { count, balanced }), this.#closing.signal);
    } catch (failure) {
      // Both sides have said the same already: no answer to the end changes that.
      if (!(balanced && failure instanceof AcquirerRequestRefused)) throw failure;
      this.#options.logger.warn({ batch: row.batch, ...told(failure) }, "the bank refuses the end of a balanced batch");
    }
    return this.#store.transaction().execute((trx) => this.#move(trx, row, balanced ? "settled" : "different", {}));
  }

  /** @throws SettlementFault when another process has taken the step */
  async #move(
    trx: Transaction,
    { batch, state }: SettlementRow,
    to: SettlementState,
    changes: Updateable<Tables["settlements"]>,
  ): Promise<SettlementRow> {
    const moved = await trx
      .updateTable("settlements")
      .set({ ...changes, state: to, state_since: this.#clock.now(), last_error: null })
      .where("batch", "=", batch)
      .where("state", "=", state)
      .returningAll()
      .executeTakeFirst();
    if (!moved) throw new SettlementFault({ detail: `no longer ${state}` });
    return moved;
  }

  /** @returns the settlement as it is on disk: another process may have gone on with it */
  async #noteHoldUp(row: SettlementRow, code: string): Promise<SettlementRow> {
    try {
      return await this.#store
        .updateTable("settlements")
        .set({ last_error: code })
        .where("batch", "=", row.batch)
        .returningAll()
        .executeTakeFirstOrThrow();
    } catch (error) {
      this.#options.logger.error(whereabouts(error), "a hold-up could not be written down");
      return row;
    }
  }
}

function told(failure: unknown): { code: string } {
  return { code: failure instanceof SwipewireError ? failure.code : SettlementFault.code };
}

/** @throws SettlementFault before it has a trace number */
function identityOf({ batch, trace }: SettlementRow): BatchIdentity {
  if (trace === null) throw new SettlementFault({ detail: "no trace number" });
  return { batch, trace };
}
