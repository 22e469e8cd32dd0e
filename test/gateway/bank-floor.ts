import { join } from "node:path";
import type { Acquirer } from "@swipewire/gateway/acquirer/acquirer";
import { recordOutcome, recordSending } from "@swipewire/gateway/acquirer/bank-transactions";
import { AcquirerOutcomeUnknown } from "@swipewire/gateway/errors";
import { balance, checkZero, merchantAccount } from "@swipewire/gateway/ledger/ledger";
import { Outbox } from "@swipewire/gateway/notify/outbox";
import { Orders } from "@swipewire/gateway/orders/orders";
import { endPayment } from "@swipewire/gateway/payments/payment-ending";
import { insertPayment, transition } from "@swipewire/gateway/payments/payment-record";
import { Refunds } from "@swipewire/gateway/refunds/refunds";
import { Settlements, type SettlementsOptions } from "@swipewire/gateway/settlement/settlements";
import { openStore } from "@swipewire/gateway/store/store";
import type { PosDialectName } from "@swipewire/protocol/iso8583/pos-codecs";
import type { SettlementRules } from "@swipewire/protocol/iso8583/settlement-rules";
import { randomUuid } from "@swipewire/protocol/random";
import { SensitiveBytes } from "@swipewire/protocol/sensitive-bytes";
import { Seconds } from "@swipewire/protocol/time";
import type { Test } from "tap";
import { settle } from "../simulated-clock.ts";
import { acquirer, bank, credit, keyStore, logger, until } from "./acquirer/bank-and-acquirer.ts";
import { openShopFloor } from "./shop-floor.ts";

type Asked = "voidPurchase" | "refund" | "reverse" | "settle" | "uploadSlips" | "endUpload";

/** Where an answer never comes, or is lost: `after` the bank has carried out what was asked. */
export interface Interruption {
  readonly moment: "before" | "after";
  readonly asked: Asked;
  readonly how: "hang" | "lose";
}

/** Passes everything on to the bank, except where it is told to come between. */
export class Interrupted implements Acquirer {
  /** What was passed on. */
  readonly asked: Asked[] = [];
  ready = true;
  readonly #inner: Acquirer;
  #plan: Interruption[] = [];
  #reached: () => void = () => {};

  constructor(inner: Acquirer) {
    this.#inner = inner;
  }

  /** Comes between at each of these in turn. Resolves when the last is reached. */
  interrupt(...at: Interruption[]): Promise<void> {
    this.#plan = at;
    return new Promise((resolve) => {
      this.#reached = resolve;
    });
  }

  get signOns(): number {
    return this.#inner.signOns;
  }

  charge: Acquirer["charge"] = (request) => this.#inner.charge(request);
  voidPurchase: Acquirer["voidPurchase"] = (request) =>
    this.#pass("voidPurchase", () => this.#inner.voidPurchase(request));
  refund: Acquirer["refund"] = (request) => this.#pass("refund", () => this.#inner.refund(request));
  reverse: Acquirer["reverse"] = (...of) => this.#pass("reverse", () => this.#inner.reverse(...of));
  settle: Acquirer["settle"] = (...of) => this.#pass("settle", () => this.#inner.settle(...of));
  uploadParts: Acquirer["uploadParts"] = (slips) => this.#inner.uploadParts(slips);
  uploadSlips: Acquirer["uploadSlips"] = (...of) => this.#pass("uploadSlips", () => this.#inner.uploadSlips(...of));
  endUpload: Acquirer["endUpload"] = (...of) => this.#pass("endUpload", () => this.#inner.endUpload(...of));
  onLateReply: Acquirer["onLateReply"] = (listener) => this.#inner.onLateReply(listener);
  close: Acquirer["close"] = () => this.#inner.close();

  async #pass<T>(asked: Asked, pass: () => Promise<T>): Promise<T> {
    const [next] = this.#plan;
    const here = next?.asked === asked ? next : undefined;
    if (here?.moment === "before") return this.#stop(here);
    this.asked.push(asked);
    const reply = await pass();
    return here ? this.#stop(here) : reply;
  }

  #stop({ how }: Interruption): Promise<never> {
    this.#plan.shift();
    if (this.#plan.length === 0) this.#reached();
    return how === "hang" ? new Promise(() => {}) : Promise.reject(new AcquirerOutcomeUnknown());
  }
}

export type BankFloor = Awaited<ReturnType<typeof openBankFloor>>;

/** How gateway and bank talk to each other. */
export interface BankChannel {
  readonly dialect?: PosDialectName;
  readonly settlement?: SettlementRules;
}

/** A gateway's back office on a store that outlives the process that uses it, and the simulated bank over TCP. */
export async function openBankFloor(t: Test, channel: BankChannel = {}) {
  // First, for each call of testdir() empties the folder.
  const keys = await keyStore(t);
  const path = join(t.testdir(), "gateway.sqlite");
  const shop = await openShopFloor({ path });
  const { clock, random, account } = shop;
  t.teardown(() => shop.store.destroy());
  const host = await bank(t, clock, channel);

  /** A process that has just started on the store, signed on to the bank. */
  const startProcess = async (settling: Pick<SettlementsOptions, "daily" | "lookEvery" | "onSettled"> = {}) => {
    const store = await openStore(path);
    const line = acquirer(t, clock, host.port, keys, channel);
    await until(() => line.ready);
    const interrupted = new Interrupted(line);
    const orders = new Orders({ store, clock, random });
    const outbox = new Outbox({ store, clock, random, logger, sms: { send: async () => {}, close: async () => {} } });
    const refunds = new Refunds({ store, outbox, acquirer: interrupted, clock, random, logger });
    const settlements = new Settlements({ store, acquirer: interrupted, clock, logger, ...settling });
    const stop = async () => {
      await settlements.close();
      await refunds.close();
      await line.close();
    };
    t.teardown(async () => {
      await stop();
      await store.destroy();
    });
    /** Nothing more can be written by it, as when it is killed. */
    const crash = async () => {
      await store.destroy();
      await stop();
    };
    return { store, line, acquirer: interrupted, orders, outbox, refunds, settlements, crash };
  };
  type Process = Awaited<ReturnType<typeof startProcess>>;

  let paid = 0;
  /** An order that was paid with a card. */
  const pay = async ({ store, orders, outbox, line }: Process, amount: number) => {
    const number = ++paid;
    const id = randomUuid(random);
    const { order } = await orders.create(
      account.merchant,
      { orderNumber: `P-${number}`, product: "Green tea", amount, currency: "CNY" },
      `pay-${number}`,
    );
    const at = clock.now();
    const { payment, charge } = await store.transaction().execute(async (trx) => {
      await orders.beginPayment(trx, order.order);
      const facts = { order_id: order.order, terminal_id: shop.terminal, amount, currency: "CNY", pin: 0 };
      const owner = { owner: "test", leased_until: at };
      const taken = await insertPayment(trx, { ...facts, ...owner, id, phone: null, masked_pan: null }, at);
      const sending = { kind: "purchase", payment_id: id, refund_id: null, amount, currency: "CNY", pin: 0 } as const;
      const sent = await recordSending(trx, sending, at);
      const { batch, trace } = sent;
      return { payment: await transition(trx, taken, "charging", { cause: "test", at, batch, trace }), charge: sent };
    });
    const { batch, trace } = charge;
    const track2 = SensitiveBytes.copyOf(credit.track2);
    const reply = await line.charge({ batch, trace, amount, currency: "CNY", pin: false, track2 });
    if (reply.kind !== "approved") throw new Error(`the bank answered ${reply.responseCode}`);
    await store.transaction().execute(async (trx) => {
      await recordOutcome(trx, charge, { state: "approved", approval: reply }, at);
      await endPayment(trx, { orders, outbox }, payment, { outcome: "approved", cause: "test", approval: reply, at });
    });
    return { order: order.order, payment: id, batch, trace };
  };

  const stateOf = async ({ store }: Process, refund: string) =>
    (await store.selectFrom("refunds").select("state").where("id", "=", refund).executeTakeFirstOrThrow()).state;
  const untilState = async (process: Process, refund: string, state: string) => {
    while ((await stateOf(process, refund)) !== state) await settle();
  };
  const storyOf = async ({ store }: Process, refund: string) =>
    (
      await store
        .selectFrom("refund_transitions")
        .select("to_state")
        .where("refund_id", "=", refund)
        .orderBy("seq")
        .execute()
    ).map(({ to_state }) => to_state);
  const webhooks = async ({ store }: Process) =>
    (await store.selectFrom("outbox").select("payload").where("kind", "=", "webhook").orderBy("created_at").execute())
      .map(({ payload }) => JSON.parse(payload) as { type: string; data: Record<string, unknown> })
      .filter(({ type }) => type.startsWith("refund."));

  const refundAndWait = async (process: Process, order: string, amount?: number) => {
    const asked = amount === undefined ? {} : { amount };
    const { refund } = await process.refunds.request(account.merchant, order, asked, `refund ${order} ${amount}`);
    await untilState(process, refund.refund, "approved");
    return refund.refund;
  };

  /** What `settlement run` does. */
  const askToSettle = ({ store }: Process) =>
    store.insertInto("settlement_requests").values({ at: clock.now(), taken_at: null, batch: null }).execute();
  const settlementOf = ({ store }: Process, batch: number) =>
    store.selectFrom("settlements").selectAll().where("batch", "=", batch).executeTakeFirst();
  const untilSettlement = async (process: Process, batch: number, state: string) => {
    while ((await settlementOf(process, batch))?.state !== state) await clock.advance(Seconds(5));
  };

  /** Does everybody say the same: bank, ledger, and the merchant's view? */
  const agree = async (t: Test, { store }: Process, left: number) => {
    await checkZero(store);
    t.equal(host.books.totalCharged, left, "what stands at the bank");
    t.equal(await balance(store, merchantAccount(account.merchant), "CNY"), left, "what the merchant is credited");
    t.equal(await balance(store, "acquirer", "CNY"), -left || 0, "what the acquirer owes");
  };

  return {
    ...shop,
    path,
    bank: host,
    startProcess,
    pay,
    stateOf,
    untilState,
    storyOf,
    webhooks,
    refundAndWait,
    askToSettle,
    settlementOf,
    untilSettlement,
    agree,
  };
}
