import type { Clock } from "@swipewire/protocol/time";
import { Counter, Gauge, Registry } from "prom-client";
import { undecidedReversals } from "../acquirer/bank-transactions.ts";
import { progressNames } from "../payments/states.ts";
import { underWayNames } from "../refunds/states.ts";
import type { LastReconciliation } from "../settlement/own-reconciliation.ts";
import { settledStates } from "../settlement/settlement-record.ts";
import type { Store } from "../store/store.ts";

type Failures = ReadonlyMap<string, number>;

export interface MetricsOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly acquirer: { readonly ready: boolean; readonly failures: Failures };
  readonly link: { readonly failures: Failures };
  /** The last reconciliation of this process. */
  readonly reconciliation: () => LastReconciliation | undefined;
}

/** The gateway in numbers, read when they are asked for. Nothing in them names a merchant, an order or a card. */
export function gatewayMetrics({ store, clock, acquirer, link, reconciliation }: MetricsOptions): Registry {
  const registry = new Registry();
  const registers = [registry];

  const gauge = (name: string, help: string, read: () => number | Promise<number>) =>
    new Gauge({
      name: `swipewire_${name}`,
      help,
      registers,
      async collect() {
        this.set(await read());
      },
    });
  gauge("acquirer_ready", "1 when signed on to the bank and within reach", () => Number(acquirer.ready));
  gauge("open_reversals", "Transactions whose reversal the bank has not acknowledged", () => undecidedReversals(store));
  gauge(
    "unsettled_batch_age_seconds",
    "Since the oldest batch that is not settled was closed; 0 without one",
    async () => {
      const { closedAt } = await store
        .selectFrom("settlements")
        .select((e) => e.fn.min("closed_at").as("closedAt"))
        .where("state", "not in", settledStates)
        .executeTakeFirstOrThrow();
      return closedAt === null ? 0 : (clock.now() - closedAt) / 1000;
    },
  );
  gauge("reconciliation_differs", "1 where ledger and bank differed at the last reconciliation", () =>
    Number(reconciliation()?.differs ?? false),
  );
  gauge(
    "reconciliation_difference_minor_units",
    "How far ledger and bank were apart in amounts at the last reconciliation",
    () => reconciliation()?.difference ?? 0,
  );
  gauge(
    "reconciliation_timestamp_seconds",
    "When ledger and bank were last compared; 0 where not since the start",
    () => (reconciliation()?.at ?? 0) / 1000,
  );

  byState("payments", "Payments under way", progressNames);
  byState("refunds", "Refunds under way", underWayNames);
  function byState(table: "payments" | "refunds", help: string, names: readonly string[]): void {
    new Gauge({
      name: `swipewire_${table}_under_way`,
      help: `${help}, by state`,
      labelNames: ["state"],
      registers,
      async collect() {
        for (const state of names) this.set({ state }, 0);
        const rows = await store
          .selectFrom(table)
          .select((e) => ["state", e.fn.countAll<number>().as("count")])
          .where("state", "in", names as never)
          .groupBy("state")
          .execute();
        for (const { state, count } of rows) this.set({ state }, count);
      },
    });
  }

  for (const [part, { failures }] of Object.entries({ acquirer, link })) {
    new Counter({
      name: `swipewire_${part}_failures_total`,
      help: `What went wrong with messages of the ${part} since the start, by the failure's code`,
      labelNames: ["code"],
      registers,
      collect() {
        this.reset();
        for (const [code, count] of failures) this.inc({ code }, count);
      },
    });
  }
  return registry;
}
