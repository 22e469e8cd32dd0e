import { gatewayMetrics } from "@swipewire/gateway/metrics/metrics";
import { OwnReconciliation } from "@swipewire/gateway/settlement/own-reconciliation";
import { Seconds } from "@swipewire/protocol/time";
import t from "tap";
import { settle } from "../simulated-clock.ts";
import { logger } from "./acquirer/bank-and-acquirer.ts";
import { openBankFloor } from "./bank-floor.ts";

t.test("metrics tell what is under way, what is owed to the bank, and whether the books agree", async (t) => {
  const floor = await openBankFloor(t);
  const process = await floor.startProcess();
  const { clock } = floor;
  const reconciliation = new OwnReconciliation({ store: process.store, clock, logger, timeZone: "Asia/Shanghai" });
  const link = { failures: new Map([["link_fault", 2]]) };
  const registry = gatewayMetrics({
    store: process.store,
    clock,
    acquirer: process.line,
    link,
    reconciliation: () => reconciliation.last,
  });
  const read = async () => {
    const lines = (await registry.metrics()).split("\n").filter((line) => line !== "" && !line.startsWith("#"));
    return Object.fromEntries(lines.map((line) => line.split(/ (?=\S+$)/))) as Record<string, string>;
  };
  t.match(await read(), {
    swipewire_acquirer_ready: "1",
    swipewire_open_reversals: "0",
    swipewire_unsettled_batch_age_seconds: "0",
    'swipewire_link_failures_total{code="link_fault"}': "2",
    'swipewire_payments_under_way{state="charging"}': "0",
    'swipewire_refunds_under_way{state="refunding"}': "0",
  });
  t.match(await read(), { swipewire_reconciliation_timestamp_seconds: "0" }, "not compared yet");

  const { order, payment } = await floor.pay(process, 20_00);
  const { refund } = await process.refunds.request(floor.account.merchant, order, { amount: 10_68 }, "a");
  while ((await floor.stateOf(process, refund.refund)) !== "refunding") await settle();
  process.settlements.start();
  await floor.askToSettle(process);
  await clock.advance(Seconds(30));
  await process.store
    .updateTable("bank_transactions")
    .set({ state: "reversing" })
    .where("kind", "=", "refund")
    .execute();
  await reconciliation.run();
  t.match(await read(), {
    'swipewire_refunds_under_way{state="refunding"}': "1",
    swipewire_open_reversals: "1",
    swipewire_unsettled_batch_age_seconds: "25",
    swipewire_reconciliation_differs: "0",
    swipewire_reconciliation_difference_minor_units: "0",
    swipewire_reconciliation_timestamp_seconds: String(clock.now() / 1000),
  });

  const entry = { transfer_id: "refund:x", payment_id: payment, currency: "CNY", at: clock.now() };
  await process.store
    .insertInto("ledger_entries")
    .values([
      { ...entry, account: "acquirer", amount: 1_00 },
      { ...entry, account: "merchant:x", amount: -1_00 },
    ])
    .execute();
  await reconciliation.run();
  t.match(await read(), {
    swipewire_reconciliation_differs: "1",
    swipewire_reconciliation_difference_minor_units: "100",
  });
});
