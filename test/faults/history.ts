import { balance, checkZero, merchantAccount } from "@swipewire/gateway/ledger/ledger";
import { isProgress, mayFollow, type PaymentStateName, progressNames } from "@swipewire/gateway/payments/states";
import { isUnderWay, underWayNames } from "@swipewire/gateway/refunds/states";
import { Seconds } from "@swipewire/protocol/time";
import fc from "fast-check";
import { fillDisk, freeDisk } from "../gateway/payment-floor.ts";
import { settle } from "../simulated-clock.ts";
import { type PayerPlan, payerPlans } from "./payers.ts";
import { type WireFault, wireFaults } from "./wire.ts";
import { type Foundation, type GatewayProcess, World } from "./world.ts";

/** Endings of amounts by which the simulated bank answers otherwise: see its README. */
const amounts = [12_50, 12_05, 12_51, 12_62, 12_63, 12_64, 12_66, 12_67, 12_68, 12_69, 12_91, 12_98];

export type Step =
  | { do: "submit"; order: number; pin: boolean; payers: PayerPlan[]; wire: WireFault[] }
  | { do: "again" | "query" | "cancel"; nth: number }
  | { do: "merchant cancels"; order: number }
  | { do: "refund"; order: number; amount: number | undefined }
  | { do: "wait"; seconds: number }
  | { do: "crash"; points: number[] }
  | { do: "kill" | "stop" | "disk full" | "disk freed" };

export interface History {
  readonly amounts: readonly number[];
  readonly steps: readonly Step[];
}

const order = fc.nat(1);
const usually = <T>(value: T, others: readonly T[]) =>
  fc.oneof({ weight: 2, arbitrary: fc.constant(value) }, { weight: 3, arbitrary: fc.constantFrom(...others) });

/** Everything that payers, merchant, bank, network, disk and the gateway's own processes do in one run. */
export const histories: fc.Arbitrary<History> = fc.record({
  amounts: fc.array(usually(amounts[0] ?? 0, amounts), { minLength: 2, maxLength: 2 }),
  steps: fc.array(
    fc.oneof(
      {
        weight: 4,
        arbitrary: fc.record({
          do: fc.constant("submit" as const),
          order,
          pin: fc.boolean(),
          payers: fc.array(usually("right" as PayerPlan, payerPlans), { maxLength: 2 }),
          wire: fc.array(usually("none" as WireFault, wireFaults), { maxLength: 4 }),
        }),
      },
      {
        weight: 2,
        arbitrary: fc.record({
          do: fc.constantFrom("again" as const, "query" as const, "cancel" as const),
          nth: fc.nat(4),
        }),
      },
      { weight: 1, arbitrary: fc.record({ do: fc.constant("merchant cancels" as const), order }) },
      {
        weight: 2,
        arbitrary: fc.record({
          do: fc.constant("refund" as const),
          order,
          // The bank answers by these amounts too.
          amount: fc.constantFrom(undefined, 1_00, 5_00, 5_51, 5_68, 5_69),
        }),
      },
      {
        weight: 4,
        arbitrary: fc.record({
          do: fc.constant("wait" as const),
          seconds: fc.constantFrom(1, 5, 10, 31, 61, 90, 130),
        }),
      },
      {
        weight: 3,
        arbitrary: fc.record({
          do: fc.constant("crash" as const),
          points: fc.array(fc.integer({ min: 1, max: 25 }), { minLength: 1, maxLength: 2 }),
        }),
      },
      {
        weight: 1,
        arbitrary: fc.record({
          do: fc.constantFrom("kill" as const, "stop" as const, "disk full" as const, "disk freed" as const),
        }),
      },
    ),
    { minLength: 3, maxLength: 12 },
  ),
});

let runs = 0;

/** Lives through a history, lets everything heal, and tells what does not agree then. */
export async function live(foundation: Foundation, history: History): Promise<string[]> {
  const world = await World.open(foundation, `history-${runs++}`);
  const run = new Run(world, await world.start());
  try {
    for (const amount of history.amounts) await run.placeOrder(amount);
    for (const step of history.steps) await run.take(step);
    await run.heal();
    return await run.disagreements();
  } finally {
    run.end();
    await world.close();
  }
}

class Run {
  readonly #world: World;
  readonly #orders: string[] = [];
  readonly #sent: Awaited<ReturnType<World["swipe"]>>[] = [];
  /** Points after which the next processes end. */
  readonly #doomed: number[] = [];
  #refunds = 0;
  #process: GatewayProcess;

  constructor(world: World, process: GatewayProcess) {
    this.#world = world;
    this.#process = process;
  }

  async placeOrder(amount: number): Promise<void> {
    const order = await this.#world.placeOrder(this.#process, amount);
    if (order !== undefined) this.#orders.push(order);
  }

  end(): void {
    this.#process.life.end();
  }

  async take(step: Step): Promise<void> {
    const { payments, refunds } = this.#process;
    const { terminal, merchant } = this.#world;
    switch (step.do) {
      case "submit": {
        const swipe = await this.#world.swipe(this.#orders[step.order] ?? "", step);
        this.#sent.push(swipe);
        this.#world.payers.plan(step.payers);
        this.#world.wire.plan(step.wire);
        await this.#ask(() => payments.submit(terminal, swipe));
        break;
      }
      case "again":
        await this.#about(step.nth, (swipe) => payments.submit(terminal, swipe));
        break;
      case "query":
        await this.#about(step.nth, ({ payment }) => payments.query(terminal, payment));
        break;
      case "cancel":
        await this.#about(step.nth, ({ payment }) => payments.cancel(terminal, payment));
        break;
      case "merchant cancels":
        await this.#ask(() => payments.cancelOrder(merchant, this.#orders[step.order] ?? ""));
        break;
      case "refund":
        await this.#ask(() =>
          refunds.request(
            merchant,
            this.#orders[step.order] ?? "",
            step.amount === undefined ? {} : { amount: step.amount },
            `refund-${++this.#refunds}`,
          ),
        );
        break;
      case "wait":
        await this.#world.clock.advance(Seconds(step.seconds));
        break;
      case "crash":
        this.#doomed.push(...step.points.slice(1));
        this.#process.life.endAfter(step.points[0] ?? 1);
        break;
      case "kill":
        this.end();
        break;
      case "stop":
        await this.#process.stop();
        break;
      case "disk full":
        if (this.#process.life.alive) await fillDisk(this.#process.store);
        break;
      case "disk freed":
        if (this.#process.life.alive) await freeDisk(this.#process.store);
    }
    await settle();
    await this.#restartTheDead();
  }

  /** No fault from now on; whatever is still under way has the time that it takes. */
  async heal(): Promise<void> {
    this.#world.wire.heal();
    this.#world.payers.heal();
    this.#doomed.length = 0;
    this.#process.life.end();
    await this.#restartTheDead();
    await freeDisk(this.#process.store);
    for (let minutes = 0; minutes < 40 && (await this.#underWay()) > 0; minutes++) {
      await this.#world.clock.advance(Seconds(60));
    }
    // Late replies, and what is asked of the bank again because of them.
    await this.#world.clock.advance(Seconds(240));
  }

  /** What must hold once nothing is under way: bank, ledger, orders, payments and the merchant's view are of one mind. */
  async disagreements(): Promise<string[]> {
    const { store } = this.#process;
    const { books, merchant } = this.#world;
    await checkZero(store);
    const wrong: string[] = [];
    const say = (holds: boolean, problem: string) => void (holds || wrong.push(problem));
    const orders = await store.selectFrom("orders").selectAll().execute();
    const payments = await store.selectFrom("payments").selectAll().execute();
    const transactions = await store.selectFrom("bank_transactions").selectAll().execute();
    const standing = books.standing().map(({ key }) => `${Number(key.batch)}/${Number(key.trace)}`);
    const events = (await store.selectFrom("outbox").selectAll().where("kind", "=", "webhook").execute()).map(
      ({ payload }) => JSON.parse(payload) as { type: string; data: { order: string; amount: number } },
    );

    for (const { kind, batch, trace, state } of transactions) {
      const stands = standing.includes(`${batch}/${trace}`);
      say(stands === (state === "approved"), `${kind} ${trace} is ${state}, the bank ${stands ? "has" : "has not"} it`);
    }
    say(
      standing.every((key) => transactions.some(({ batch, trace }) => `${batch}/${trace}` === key)),
      "the bank has what nobody sent",
    );
    for (const order of orders) {
      const approved = payments.filter(({ order_id, state }) => order_id === order.id && state === "approved");
      const charged = transactions.filter(
        ({ kind, payment_id, batch, trace }) =>
          kind === "purchase" &&
          standing.includes(`${batch}/${trace}`) &&
          payments.some(({ id, order_id }) => id === payment_id && order_id === order.id),
      );
      const paid = order.status === "paid";
      say(order.status !== "paying", "an order is left in mid-payment");
      say(charged.length === (paid ? 1 : 0), `an order that is ${order.status} is charged ${charged.length} times`);
      say(
        approved.length === (paid ? 1 : 0),
        `an order that is ${order.status} has ${approved.length} approved payments`,
      );
      const lastWord = events.filter(({ type, data }) => type.startsWith("payment") && data.order === order.id).at(-1);
      say(order.refunded_amount <= (paid ? order.amount : 0), "more was given back than was paid");
      say(
        (lastWord?.type === "payment.approved") === paid,
        `the merchant heard ${lastWord?.type}, it is ${order.status}`,
      );
    }
    const total = orders.reduce(
      (sum, { amount, refunded_amount, status }) => sum + (status === "paid" ? amount - refunded_amount : 0),
      0,
    );
    say(books.totalCharged === total, `${books.totalCharged} is charged, ${total} is paid and kept`);
    say(
      (await balance(store, merchantAccount(merchant), "CNY")) === total,
      "the merchant is not credited what is paid and kept",
    );

    const refunds = await store.selectFrom("refunds").selectAll().execute();
    for (const { state } of refunds) say(!isUnderWay(state), `a refund is left ${state}`);
    const givenBack = refunds.reduce((sum, { amount, state }) => sum + (state === "approved" ? amount : 0), 0);
    const heard = events.reduce((sum, { type, data }) => sum + (type === "refund.approved" ? data.amount : 0), 0);
    say(heard === givenBack, `the merchant heard of ${heard} given back, it is ${givenBack}`);

    for (const { id, state } of payments) {
      say(!isProgress(state), `a payment is left ${state}`);
      const steps = await store
        .selectFrom("payment_transitions")
        .selectAll()
        .where("payment_id", "=", id)
        .orderBy("seq")
        .execute();
      say(
        steps.every(({ from_state, to_state }, i) =>
          i === 0
            ? from_state === null
            : from_state === steps[i - 1]?.to_state &&
              mayFollow(from_state as PaymentStateName, to_state as PaymentStateName),
        ) && steps.at(-1)?.to_state === state,
        "a payment's history has a gap",
      );
      const told = new Set(
        this.#world.told.flatMap(({ type, body }) =>
          type === "payment.result" && body.payment === id ? [body.outcome] : [],
        ),
      );
      say(told.size <= 1, `two outcomes of a payment were told: ${[...told].join(" and ")}`);
    }
    return wrong;
  }

  async #underWay(): Promise<number> {
    const { store } = this.#process;
    const payments = await store.selectFrom("payments").select("id").where("state", "in", progressNames).execute();
    const refunds = await store.selectFrom("refunds").select("id").where("state", "in", underWayNames).execute();
    return payments.length + refunds.length;
  }

  async #restartTheDead(): Promise<void> {
    while (!this.#process.life.alive) this.#process = await this.#world.start({ endsAfter: this.#doomed.shift() });
    await settle();
  }

  #about(nth: number, ask: (swipe: Awaited<ReturnType<World["swipe"]>>) => Promise<unknown>): Promise<void> {
    const swipe = this.#sent[nth % Math.max(this.#sent.length, 1)];
    return swipe ? this.#ask(() => ask(swipe)) : Promise.resolve();
  }

  /** Whoever asks gets an answer, a refusal, or none at all. */
  async #ask(question: () => Promise<unknown>): Promise<void> {
    await Promise.race([question().catch(() => {}), this.#process.life.ended]);
  }
}
