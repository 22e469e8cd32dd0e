import { recordSending } from "@swipewire/gateway/acquirer/bank-transactions";
import { AcquirerRequestRefused } from "@swipewire/gateway/errors";
import { nextTime } from "@swipewire/gateway/settlement/daily-time";
import { reconcile } from "@swipewire/gateway/settlement/reconciliation";
import { Hours, Minutes, Seconds } from "@swipewire/protocol/time";
import { sql } from "kysely";
import t from "tap";
import { settle } from "../simulated-clock.ts";
import { logLines } from "./acquirer/bank-and-acquirer.ts";
import { openBankFloor } from "./bank-floor.ts";

const timeZone = "Asia/Shanghai";

t.test("a request with nothing to settle is answered, and closes nothing", async (t) => {
  const floor = await openBankFloor(t);
  const process = await floor.startProcess();
  process.settlements.start();
  await floor.askToSettle(process);
  await floor.clock.advance(Seconds(20));
  const [request] = await process.store.selectFrom("settlement_requests").selectAll().execute();
  t.ok(request?.taken_at);
  t.equal(request?.batch, null);
  t.equal(await floor.settlementOf(process, 1), undefined);
});

t.test("a closed batch waits for what is undecided in it, and says why", async (t) => {
  const floor = await openBankFloor(t);
  const process = await floor.startProcess();
  process.settlements.start();
  const { order } = await floor.pay(process, 20_00);
  const { refund } = await process.refunds.request(floor.account.merchant, order, { amount: 10_68 }, "a");
  while (floor.bank.books.totalCharged === 20_00) await settle();
  await floor.askToSettle(process);
  await floor.clock.advance(Seconds(20));
  t.match(await floor.settlementOf(process, 1), { state: "closing", last_error: "settlement_waiting" });
  const report = await reconcile(process.store, { timeZone, now: floor.clock.now() });
  t.match(report.batches[0], {
    state: "closing",
    waitsFor: "settlement_waiting",
    bank: null,
    undecided: [{ kind: "refund", amount: 10_68, state: "sent", refund: refund.refund }],
  });
  t.equal(report.differs, false, "what is open is no difference");
  await floor.untilSettlement(process, 1, "settled");
  t.match(await floor.settlementOf(process, 1), { our_credit_amount: 10_68, bank_credit_amount: 10_68 });
});

t.test("after an hour a batch is settled without what is undecided in it", async (t) => {
  const floor = await openBankFloor(t);
  const process = await floor.startProcess();
  process.settlements.start();
  const { payment } = await floor.pay(process, 20_00);
  const sending = {
    kind: "purchase",
    payment_id: payment,
    refund_id: null,
    amount: 1_00,
    currency: "CNY",
    pin: 0,
  } as const;
  await process.store.transaction().execute((trx) => recordSending(trx, sending, floor.clock.now()));
  await floor.askToSettle(process);
  await floor.clock.advance(Minutes(55));
  t.equal((await floor.settlementOf(process, 1))?.state, "closing");
  await floor.clock.advance(Minutes(10));
  await floor.untilSettlement(process, 1, "settled");
});

t.test("a bank that can't be reached, or refuses, is asked again, and the operator told after two hours", async (t) => {
  const floor = await openBankFloor(t);
  const process = await floor.startProcess();
  await floor.pay(process, 20_00);
  const { settle: ask } = process.acquirer;
  let refused = 0;
  process.acquirer.settle = async () => {
    refused++;
    throw new AcquirerRequestRefused({ detail: "MTI 0500, field 39 is 12" });
  };
  process.settlements.start();
  await floor.askToSettle(process);
  for (let minute = 0; minute < 130; minute++) await floor.clock.advance(Minutes(1));
  t.match(await floor.settlementOf(process, 1), { state: "comparing", last_error: "acquirer_request_refused" });
  t.ok(refused > 100 && refused < 140, `${refused} times`);
  t.equal(logLines.filter((line) => line.includes("settlement_overdue")).length, 1);
  process.acquirer.settle = ask;
  await floor.untilSettlement(process, 1, "settled");
});

t.test("the batch is closed each day at its time, of which clocks decide in its time zone", async (t) => {
  const floor = await openBankFloor(t);
  const process = await floor.startProcess({ daily: { at: "23:00", timeZone }, lookEvery: Hours(12) });
  process.settlements.start();
  await floor.pay(process, 10_00);
  // It is 20:00 in Shanghai when the simulated clock starts.
  await floor.clock.advance(Minutes(179));
  t.equal(await floor.settlementOf(process, 1), undefined);
  await floor.clock.advance(Minutes(2));
  await floor.untilSettlement(process, 1, "settled");
  t.match(await floor.settlementOf(process, 1), { cause: "daily" });
  await floor.pay(process, 20_00);
  await floor.clock.advance(Hours(24));
  await floor.untilSettlement(process, 2, "settled");
});

t.test("daily times over changes of the clocks", async (t) => {
  const berlin = (at: string, now: string) => nextTime({ at, timeZone: "Europe/Berlin" }, Date.parse(now));
  t.equal(berlin("23:00", "2026-03-28T22:00:00Z"), Hours(23), "the day that is an hour short");
  t.equal(berlin("23:00", "2026-10-24T21:00:00Z"), Hours(25), "the day that is an hour long");
  t.equal(berlin("23:00", "2026-11-01T22:00:00Z"), Hours(24), "never at once again");
  t.ok(berlin("02:30", "2026-03-29T00:00:00Z") <= Hours(24), "a time that is skipped");
});

t.test("a full batch, and one whose trace numbers run out, is closed and settled by itself", async (t) => {
  const floor = await openBankFloor(t);
  const process = await floor.startProcess();
  const { payment } = await floor.pay(process, 1_00);
  const { store } = process;
  const fill = sql`
    with recursive n(trace) as (select 2 union all select trace + 1 from n where trace < 900)
    insert into bank_transactions (batch, trace, kind, payment_id, amount, currency, pin, state, at)
    select 1, trace, 'purchase', ${payment}, 1, 'CNY', 0, 'declined', 0 from n`;
  await fill.execute(store);
  await store.updateTable("acquirer_sequence").set({ next_trace: 901 }).execute();
  const second = await floor.pay(process, 2_00);
  t.match(second, { batch: 2, trace: 901 });
  t.match(await floor.settlementOf(process, 1), { cause: "full", state: "closing" });

  await store.updateTable("acquirer_sequence").set({ next_trace: 999_999 }).execute();
  t.match(await floor.pay(process, 3_00), { batch: 2, trace: 999_999 });
  t.match(await floor.pay(process, 4_00), { batch: 3, trace: 1 });
  t.match(await floor.settlementOf(process, 2), { cause: "full", state: "closing" });
  process.settlements.start();
  await floor.untilSettlement(process, 1, "settled");
  await floor.untilSettlement(process, 2, "settled");
  t.match(await floor.settlementOf(process, 2), { our_debit_amount: 5_00, our_debit_count: 2 });

  await store.updateTable("acquirer_sequence").set({ batch: 999_999 }).execute();
  t.match(await floor.pay(process, 5_00), { batch: 999_999 });
  await store.deleteFrom("settlements").where("batch", "=", 1).execute();
  await store.deleteFrom("bank_transactions").where("state", "=", "declined").execute();
  await floor.askToSettle(process);
  await floor.untilSettlement(process, 999_999, "settled");
  t.equal((await store.selectFrom("acquirer_sequence").select("batch").executeTakeFirst())?.batch, 1, "wraps");
});

t.test("the ledger is reconciled with the bank, and every kind of difference is found", async (t) => {
  const floor = await openBankFloor(t);
  const process = await floor.startProcess();
  process.settlements.start();
  const { store } = process;
  const { order, payment } = await floor.pay(process, 10_00);
  await floor.pay(process, 20_00);
  await floor.refundAndWait(process, order, 4_00);
  await floor.askToSettle(process);
  await floor.untilSettlement(process, 1, "settled");
  await floor.pay(process, 5_00);
  const now = floor.clock.now();
  const totals = { debitAmount: 30_00, debitCount: 2, creditAmount: 4_00, creditCount: 1 };
  const report = await reconcile(store, { timeZone, now });
  t.match(report, { day: "2026-11-01", differs: false, difference: 0, unfounded: [] });
  t.match(report.batches, [
    { batch: 1, state: "settled", ledger: totals, records: totals, bank: totals, differs: false, undecided: [] },
    { batch: 2, state: "open", bank: null, differs: false },
  ]);
  t.match(await reconcile(store, { timeZone, now, day: "2026-10-31" }), { batches: [], differs: false });
  t.match(await reconcile(store, { timeZone, now: now + Hours(24) }), { day: "2026-11-02", batches: [{ batch: 2 }] });

  const entry = { payment_id: payment, currency: "CNY", at: now };
  await store
    .insertInto("ledger_entries")
    .values([
      { ...entry, transfer_id: "refund:unheard-of", account: "acquirer", amount: 1_00 },
      { ...entry, transfer_id: "refund:unheard-of", account: `merchant:${floor.account.merchant}`, amount: -1_00 },
    ])
    .execute();
  t.match(await reconcile(store, { timeZone, now }), {
    differs: true,
    difference: 1_00,
    unfounded: [{ transfer: "refund:unheard-of", amount: 1_00, currency: "CNY" }],
  });
  await store.updateTable("settlements").set({ bank_debit_amount: 29_00 }).execute();
  t.match(await reconcile(store, { timeZone, now }), {
    differs: true,
    difference: 2_00,
    batches: [{ differs: true }, {}],
  });
});
