import { SwipewireError } from "@swipewire/protocol/failure";
import type { WebhookEvent } from "@swipewire/protocol/messages/webhook";
import { type Random, randomUuid } from "@swipewire/protocol/random";
import { type Clock, Hours, Millis, Seconds, sleep, type Timer } from "@swipewire/protocol/time";
import type { Selectable } from "kysely";
import PQueue from "p-queue";
import type { Logger } from "pino";
import { SmsNotSent } from "../errors.ts";
import type { Tables } from "../store/schema.ts";
import type { Store, Transaction } from "../store/store.ts";
import { whereabouts } from "../whereabouts.ts";
import { SMS_SCHEDULE, WEBHOOK_SCHEDULE } from "./retry-schedules.ts";
import type { SmsChannel } from "./sms-channel.ts";
import { deliverWebhook } from "./webhook-delivery.ts";

/** Standard Webhooks 1.0.0 recommends 15 to 30 seconds. */
const WEBHOOK_TIMEOUT = Seconds(15);
const SMS_TIMEOUT = Seconds(30);
/** Messages to one receiver under way at once: a receiver that hangs holds up its own messages only. */
const LANE_WIDTH = 4;
/** The longest sleep: timers of more than 24.8 days fire at once. */
const LONGEST_WAIT = Hours(24);
const AFTER_STORE_ERROR = Seconds(5);

type OutboxRow = Selectable<Tables["outbox"]>;

export interface OutboxOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly sms: SmsChannel;
}

/**
 * What merchants and payers are still to be told. A message is a row, written in the transaction that makes it true;
 * attempts and the time of the next one are kept in the row, so that a restart goes on where the last run stopped.
 * A message may arrive twice (the gateway died between the answer and its row): `webhook-id` is the same each time.
 */
export class Outbox {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #logger: Logger;
  readonly #sms: SmsChannel;
  /** One for each merchant, and one for texts. */
  readonly #lanes = new Map<string, PQueue>();
  /** Ids of the rows that a lane has taken. */
  readonly #taken = new Set<string>();
  readonly #stop = new AbortController();
  #running = false;
  #timer: Timer | undefined;
  /** Looks for due rows run one after another; this is the last. */
  #look: Promise<void> = Promise.resolve();

  constructor({ store, clock, random, logger, sms }: OutboxOptions) {
    this.#store = store;
    this.#clock = clock;
    this.#random = random;
    this.#logger = logger;
    this.#sms = sms;
  }

  /** Begins to deliver, with what an earlier run left. */
  start(): void {
    this.#running = true;
    this.#wake();
  }

  /** Stops delivering. An attempt under way is broken off and does not count. */
  async close(): Promise<void> {
    this.#running = false;
    this.#timer?.cancel();
    this.#stop.abort(new Error("the outbox is closing"));
    await this.#look;
    for (const lane of this.#lanes.values()) lane.clear();
    await Promise.all([...this.#lanes.values()].map((lane) => lane.onIdle()));
  }

  /** Owes the merchant an event. Delivery begins when the transaction has committed. */
  async enqueueWebhook(trx: Transaction, merchantId: string, event: WebhookEvent): Promise<void> {
    await this.#enqueue(trx, "webhook", merchantId, JSON.stringify(event));
  }

  /** Owes the payer a text; the number is in E.164. Delivery begins when the transaction has committed. */
  async enqueueSms(trx: Transaction, to: string, text: string): Promise<void> {
    await this.#enqueue(trx, "sms", null, JSON.stringify({ to, text }));
  }

  async #enqueue(trx: Transaction, kind: OutboxRow["kind"], merchantId: string | null, payload: string): Promise<void> {
    const now = this.#clock.now();
    await trx
      .insertInto("outbox")
      .values({
        id: randomUuid(this.#random),
        kind,
        merchant_id: merchantId,
        payload,
        created_at: now,
        attempts: 0,
        next_attempt_at: now,
        done_at: null,
        given_up_at: null,
        last_error: null,
      })
      .execute();
    // The look's query waits for the store's one connection, and so for the end of this transaction.
    this.#wake();
  }

  #wake(): void {
    if (!this.#running) return;
    this.#look = this.#look
      .then(() => this.#takeDue())
      .catch((error: unknown) => {
        this.#logger.error(whereabouts(error), "the outbox could not be read");
        this.#wakeAfter(AFTER_STORE_ERROR);
      });
  }

  #wakeAfter(delay: number): void {
    this.#timer?.cancel();
    if (!this.#running) return;
    this.#timer = this.#clock.after(Millis(Math.min(Math.max(delay, 0), LONGEST_WAIT)), () => this.#wake());
  }

  /** Hands what is due to its lane, and sleeps until the next row is. */
  async #takeDue(): Promise<void> {
    if (!this.#running) return;
    const now = this.#clock.now();
    const owed = this.#store
      .selectFrom("outbox")
      .where("done_at", "is", null)
      .where("given_up_at", "is", null)
      .orderBy("next_attempt_at");
    const due = await owed.select(["id", "merchant_id"]).where("next_attempt_at", "<=", now).execute();
    for (const { id, merchant_id } of due) {
      if (this.#taken.has(id)) continue;
      this.#taken.add(id);
      this.#lane(merchant_id ?? "sms")
        .add(() => this.#attempt(id))
        .catch((error: unknown) => {
          this.#logger.error({ ...whereabouts(error), message: id }, "a message could not be handled");
          this.#wakeAfter(AFTER_STORE_ERROR);
        })
        .finally(() => this.#taken.delete(id));
    }
    const next = await owed.select("next_attempt_at").where("next_attempt_at", ">", now).executeTakeFirst();
    if (next) this.#wakeAfter(next.next_attempt_at - now);
  }

  #lane(name: string): PQueue {
    let lane = this.#lanes.get(name);
    if (!lane) {
      lane = new PQueue({ concurrency: LANE_WIDTH });
      this.#lanes.set(name, lane);
    }
    return lane;
  }

  async #attempt(id: string): Promise<void> {
    if (!this.#running) return;
    const row = await this.#store.selectFrom("outbox").selectAll().where("id", "=", id).executeTakeFirstOrThrow();
    const attempts = row.attempts + 1;
    try {
      await this.#deliver(row);
    } catch (error) {
      if (!this.#running) return;
      await this.#recordFailure(row, attempts, error);
      return;
    }
    const done = { attempts, done_at: this.#clock.now(), last_error: null };
    await this.#store
      .updateTable("outbox")
      .set(row.kind === "sms" ? { ...done, payload: "{}" } : done)
      .where("id", "=", id)
      .execute();
    this.#logger.info({ message: id, kind: row.kind, attempts }, "message delivered");
  }

  async #deliver(row: OutboxRow): Promise<void> {
    if (row.merchant_id === null) {
      const { to, text } = JSON.parse(row.payload) as { to: string; text: string };
      return this.#text(to, text);
    }
    const merchant = await this.#store
      .selectFrom("merchants")
      .select(["webhook_url", "webhook_secret"])
      .where("id", "=", row.merchant_id)
      .executeTakeFirstOrThrow();
    await deliverWebhook(
      {
        id: row.id,
        url: merchant.webhook_url,
        secret: merchant.webhook_secret,
        body: row.payload,
        at: this.#clock.now(),
      },
      { clock: this.#clock, timeout: WEBHOOK_TIMEOUT, signal: this.#stop.signal },
    );
  }

  /** @throws SmsNotSent also where the channel does not say what became of the text: better twice than never */
  async #text(to: string, text: string): Promise<void> {
    const over = new AbortController();
    const tooLong = sleep(this.#clock, SMS_TIMEOUT, AbortSignal.any([this.#stop.signal, over.signal])).then(() => {
      throw new SmsNotSent({ detail: `no answer in ${SMS_TIMEOUT} ms` });
    });
    try {
      await Promise.race([this.#sms.send(to, text), tooLong]);
    } finally {
      over.abort();
    }
  }

  async #recordFailure(row: OutboxRow, attempts: number, error: unknown): Promise<void> {
    const now = this.#clock.now();
    const code = error instanceof SwipewireError ? error.code : "delivery_failed";
    const wait = (row.kind === "sms" ? SMS_SCHEDULE : WEBHOOK_SCHEDULE)[attempts - 1];
    const failed = { attempts, last_error: code };
    if (wait === undefined) {
      await this.#store
        .updateTable("outbox")
        .set({ ...failed, given_up_at: now, ...(row.kind === "sms" && { payload: "{}" }) })
        .where("id", "=", row.id)
        .execute();
      this.#logger.error({ message: row.id, kind: row.kind, attempts, code }, "message given up");
      return;
    }
    await this.#store
      .updateTable("outbox")
      .set({ ...failed, next_attempt_at: now + wait })
      .where("id", "=", row.id)
      .execute();
    this.#logger.warn({ message: row.id, kind: row.kind, attempts, code }, "message not delivered, will be repeated");
    this.#wake();
  }
}
