import type { GatewayConfig } from "@swipewire/gateway/config/config-schema";
import { Millis } from "@swipewire/protocol/time";
import { testCard } from "@swipewire/simulator/cards/test-cards";
import { pay } from "@swipewire/simulator/demo/payment";
import { startSystem } from "@swipewire/simulator/demo/system";
import { PUBLISHED_BDK } from "@swipewire/simulator/readers/published-frames";
import { virtualReader } from "@swipewire/simulator/readers/virtual-reader";
import t from "tap";
import { gatewayCommand, writeConfig } from "./gateway-process.ts";
import { clock, emptyFolder, PHONE, random, recordingLogger, untilEntry } from "./stage.ts";

t.test("a card is paid with, a part is given back, the batch is settled, and the books agree", async (t) => {
  const folder = await emptyFolder(t);
  let config: GatewayConfig | undefined;
  const family = "magtek-magnesafe";
  const card = testCard("unionpay-debit");
  const system = await startSystem({
    folder,
    family,
    clock,
    random,
    logger: recordingLogger().logger,
    replySeconds: 60,
    cards: [card],
    adjust: (given) => {
      config = { ...given, metrics: { host: "127.0.0.1", port: 0 } };
      return config;
    },
  });
  t.teardown(() => system.close());
  if (!config) throw new Error("no config");
  const file = await writeConfig(folder, config);
  const { shop, bank, gateway } = system;

  const ksn = Uint8Array.from(Buffer.from("FFFF9876543210E00008", "hex"));
  const reader = virtualReader(family, { bdk: PUBLISHED_BDK, ksn });
  const visit = {
    card,
    amount: 10_000,
    orderNumber: "B-1",
    pin: card.pin ?? new Uint8Array(),
    phone: PHONE,
    typing: Millis(1),
  };
  t.same(await pay(system, reader, visit, clock, () => {}), { outcome: "approved" });
  const order = await shop.order(shop.events[0]?.data.order ?? "");
  t.equal((await shop.refund(order, 2_500)).status, "pending");
  t.match(await shop.nextEvent(), { type: "refund.approved", data: { amount: 2_500, refundedAmount: 2_500 } });
  t.match(await shop.order(order.order), { status: "paid", refundedAmount: 2_500 });
  t.equal(bank.books.charged(card.name), 7_500);
  await t.rejects(shop.refund(order, 7_501), { message: /refund_exceeds_paid/ });

  const metric = async (name: string) => {
    const text = await (await fetch(gateway.metricsUrl ?? "")).text();
    return new RegExp(`^${name} (.*)$`, "m").exec(text)?.[1];
  };
  t.equal(await metric("swipewire_acquirer_ready"), "1");
  t.equal(await metric("swipewire_reconciliation_timestamp_seconds"), "0", "not compared yet");
  const settled = untilEntry(bank.books, "settlement");
  t.equal((await gatewayCommand(file, "settlement", "run")).code, 0);
  await settled;
  const isSettled = async () => {
    const row = await gateway.store.selectFrom("settlements").select("state").executeTakeFirst();
    return row?.state === "settled";
  };
  while (!(await isSettled())) await new Promise(setImmediate);
  while ((await metric("swipewire_reconciliation_timestamp_seconds")) === "0");
  t.equal(await metric("swipewire_reconciliation_difference_minor_units"), "0");

  const [list, shown, report] = await Promise.all([
    gatewayCommand(file, "settlement", "list"),
    gatewayCommand(file, "settlement", "show", "1"),
    gatewayCommand(file, "reconcile"),
  ]);
  t.match(list.stdout, /^000001 .* operator +settled +-$/m);
  t.match(shown.stdout, /the bank +debits 1 of 10000, credits 1 of 2500\n/);
  t.match(shown.stdout, /refund +2500 +approved/);
  const { id } = await gateway.store.selectFrom("refunds").select("id").executeTakeFirstOrThrow();
  const [underWay, all, refund, unknown] = await Promise.all([
    gatewayCommand(file, "refund", "list"),
    gatewayCommand(file, "refund", "list", "--all"),
    gatewayCommand(file, "refund", "show", id),
    gatewayCommand(file, "refund", "show", order.order),
  ]);
  t.notMatch(underWay.stdout, id, "it is over");
  t.match(all.stdout, new RegExp(`^${id}  \\S+  approved   2500 CNY$`, "m"));
  t.match(refund.stdout, /^state {4}approved$/m);
  t.match(refund.stdout, /refunding {2}approved/);
  t.match(refund.stdout, / {2}refund {9}approved, reference /);
  t.equal(unknown.code, 1);
  t.match(unknown.stderr, /never heard of this refund/);
  t.equal(report.code, 0);
  t.match(report.stdout, /: ledger and bank agree\nbatch 1: settled\n +ledger +debits 1 of 10000, credits 1 of 2500\n/);

  await gateway.store.updateTable("settlements").set({ bank_credit_amount: 2_400 }).execute();
  const differing = await gatewayCommand(file, "reconcile", "--json");
  t.equal(differing.code, 1);
  t.match(JSON.parse(differing.stdout), { differs: true, difference: 100 });
});
