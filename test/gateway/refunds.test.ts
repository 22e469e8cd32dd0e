import { AcquirerReversalRefused } from "@swipewire/gateway/errors";
import { printRefund } from "@swipewire/gateway/refunds/commands";
import { checker } from "@swipewire/protocol/messages/parse";
import { WebhookEvent } from "@swipewire/protocol/messages/webhook";
import { Hours, Minutes, Seconds } from "@swipewire/protocol/time";
import t from "tap";
import { settle } from "../simulated-clock.ts";
import { logLines, REPLY_TIMEOUT } from "./acquirer/bank-and-acquirer.ts";
import { openBankFloor } from "./bank-floor.ts";

t.test("a whole purchase of the open batch is voided", async (t) => {
  const floor = await openBankFloor(t);
  const process = await floor.startProcess();
  const { order, payment } = await floor.pay(process, 12_00);
  const { merchant } = floor.account;
  const { refund, created } = await process.refunds.request(merchant, order, {}, "r1");
  t.equal(created, true);
  t.match(refund, { order, payment, amount: 12_00, currency: "CNY", status: "pending" });
  await floor.untilState(process, refund.refund, "approved");
  t.same(await floor.storyOf(process, refund.refund), ["requested", "voiding", "approved"]);
  t.match(await process.orders.get(merchant, order), { status: "refunded", refundedAmount: 12_00 });
  t.match(await process.refunds.list(merchant, order), [{ refund: refund.refund, status: "approved" }]);
  await floor.agree(t, process, 0);
  const [event] = (await floor.webhooks(process)).map(checker(WebhookEvent));
  t.match(event, {
    type: "refund.approved",
    data: { order, payment, refund: refund.refund, status: "refunded", amount: 12_00, refundedAmount: 12_00 },
  });
});

t.test("an operator reads the whole life of a refund, and what was sent to the bank for it", async (t) => {
  const floor = await openBankFloor(t);
  const process = await floor.startProcess();
  const { order, payment } = await floor.pay(process, 12_00);
  const id = await floor.refundAndWait(process, order);
  t.same(
    (await printRefund(process.store, id)).map((line) => line.replace(/^20\S+Z/, "when").trimEnd()),
    [
      `refund   ${id}`,
      `payment  ${payment}`,
      `order    ${order}`,
      "amount   1200 CNY (minor units)",
      "state    approved",
      "",
      "when                      from       to         cause",
      "when  -          requested  merchant_asked",
      "when  requested  voiding    bank_in_reach",
      "when  voiding    approved   bank_approved",
      "",
      "when                      batch   trace   sent           at the bank",
      "when  000001  000002  purchase void  approved, reference 000000000002",
    ],
  );
  await t.rejects(printRefund(process.store, payment), { code: "refund_unknown" });
});

t.test("parts of a purchase are refunded until nothing is left, and never more", async (t) => {
  const floor = await openBankFloor(t);
  const process = await floor.startProcess();
  const { merchant } = floor.account;
  const { order } = await floor.pay(process, 10_00);
  const ask = (key: string, amount?: number) =>
    process.refunds.request(merchant, order, amount === undefined ? {} : { amount }, key);
  await t.rejects(ask("too much", 10_01), { code: "refund_exceeds_paid" });
  const first = await ask("a", 3_00);
  await floor.untilState(process, first.refund.refund, "approved");
  t.same(await floor.storyOf(process, first.refund.refund), ["requested", "refunding", "approved"]);
  t.match(await process.orders.get(merchant, order), { status: "paid", refundedAmount: 3_00 });
  await t.rejects(ask("b", 7_01), { code: "refund_exceeds_paid" });

  const [second, third] = await Promise.allSettled([ask("c", 4_00), ask("d", 4_00)]);
  t.same([second.status, third.status], ["fulfilled", "rejected"], "what is under way counts as given back");
  const rest = await ask("e");
  t.equal(rest.refund.amount, 3_00);
  await floor.untilState(process, rest.refund.refund, "approved");
  await t.rejects(ask("f"), { code: "refund_exceeds_paid" });
  await t.rejects(ask("g", 1), { code: "refund_exceeds_paid" });
  for (const { refund } of await process.refunds.list(merchant, order)) {
    await floor.untilState(process, refund, "approved");
  }
  t.match(await process.orders.get(merchant, order), { status: "refunded", refundedAmount: 10_00 });
  await floor.agree(t, process, 0);
});

t.test("the same key gives the same refund; what can't be given back is refused", async (t) => {
  const floor = await openBankFloor(t);
  const process = await floor.startProcess();
  const { merchant } = floor.account;
  const { order } = await floor.pay(process, 10_00);
  const first = await process.refunds.request(merchant, order, { amount: 1_00 }, "a");
  await floor.untilState(process, first.refund.refund, "approved");
  const again = await process.refunds.request(merchant, order, { amount: 1_00 }, "a");
  t.match(again, { created: false, refund: { refund: first.refund.refund, status: "approved" } });
  await t.rejects(process.refunds.request(merchant, order, { amount: 2_00 }, "a"), { code: "idempotency_key_reused" });
  const unpaid = await floor.placeOrder();
  await t.rejects(process.refunds.request(merchant, unpaid.order, {}, "b"), { code: "order_not_paid" });
  await t.rejects(process.refunds.request(merchant, unpaid.payToken, {}, "c"), { code: "order_unknown" });
  await t.rejects(process.refunds.request("another merchant", order, {}, "d"), { code: "order_unknown" });
  await t.rejects(process.refunds.list("another merchant", order), { code: "order_unknown" });
  await process.store.updateTable("bank_transactions").set({ retrieval_reference: null }).execute();
  await t.rejects(process.refunds.request(merchant, order, {}, "e"), { code: "refund_original_unknown" });
});

t.test("a refund that the bank declines is told, and its amount is free again", async (t) => {
  const floor = await openBankFloor(t);
  const process = await floor.startProcess();
  const { merchant } = floor.account;
  const { order } = await floor.pay(process, 20_00);
  const { refund } = await process.refunds.request(merchant, order, { amount: 15_05 }, "a");
  await floor.untilState(process, refund.refund, "declined");
  t.match(await process.refunds.list(merchant, order), [{ status: "failed", reason: "card_declined" }]);
  t.match(await floor.webhooks(process), [
    { type: "refund.failed", data: { reason: "card_declined", status: "paid", refundedAmount: 0 } },
  ]);
  await floor.agree(t, process, 20_00);
  const all = await process.refunds.request(merchant, order, {}, "b");
  await floor.untilState(process, all.refund.refund, "approved");
  await floor.agree(t, process, 0);
});

t.test("a whole purchase is refunded once its batch is closed", async (t) => {
  const floor = await openBankFloor(t);
  const process = await floor.startProcess();
  const { order } = await floor.pay(process, 20_00);
  const { terminal, batch } = floor.bank.books.standing()[0]?.key ?? { terminal: "", batch: "" };
  const totals = { debitAmount: 20_00, debitCount: 1, creditAmount: 0, creditCount: 0 };
  await t.resolveMatch(process.acquirer.settle({ batch: Number(batch), trace: 900_000, currency: "CNY" }, totals), {
    balanced: true,
  });
  t.ok(floor.bank.books.batches.isClosed(terminal, batch), "the bank settled it, and the gateway does not know");
  // The gateway's next batch, so that the refund itself has one that is open.
  await process.store.updateTable("acquirer_sequence").set({ batch: 2 }).execute();
  const { refund } = await process.refunds.request(floor.account.merchant, order, {}, "a");
  await floor.untilState(process, refund.refund, "approved");
  t.same(await floor.storyOf(process, refund.refund), ["requested", "refunding", "approved"]);
  await floor.agree(t, process, 0);
});

t.test("a bank that refuses to void gives back by a refund", async (t) => {
  const floor = await openBankFloor(t);
  const process = await floor.startProcess();
  const { order } = await floor.pay(process, 20_00);
  process.acquirer.voidPurchase = async () => ({ kind: "declined", responseCode: "40" });
  const { refund } = await process.refunds.request(floor.account.merchant, order, {}, "a");
  await floor.untilState(process, refund.refund, "approved");
  t.same(await floor.storyOf(process, refund.refund), ["requested", "voiding", "refunding", "approved"]);
  await floor.agree(t, process, 0);
});

for (const [responseCode, what] of [
  ["90", "closes its day"],
  ["A0", "finds the MAC wrong, its keys being others by now,"],
] as const) {
  t.test(`a bank that ${what} is told again`, async (t) => {
    const floor = await openBankFloor(t);
    const process = await floor.startProcess();
    const { order } = await floor.pay(process, 20_00);
    const { refund: ask } = process.acquirer;
    process.acquirer.refund = async () => {
      process.acquirer.refund = ask;
      return { kind: "declined", responseCode };
    };
    const { refund } = await process.refunds.request(floor.account.merchant, order, { amount: 5_00 }, "a");
    while ((await floor.stateOf(process, refund.refund)) !== "approved") await floor.clock.advance(Seconds(1));
    t.same(await floor.storyOf(process, refund.refund), ["requested", "refunding", "approved"]);
    await floor.agree(t, process, 15_00);
  });
}

for (const [ending, what] of [
  [68, "carries a refund out and never answers"],
  [69, "answers too late"],
  [66, "answers with a wrong MAC"],
  [67, "hangs up in place of an answer"],
] as const) {
  t.test(`a bank that ${what} gives back once`, async (t) => {
    const floor = await openBankFloor(t);
    const process = await floor.startProcess();
    const { order } = await floor.pay(process, 20_00);
    const { refund } = await process.refunds.request(floor.account.merchant, order, { amount: 10_00 + ending }, "a");
    while (floor.bank.books.totalCharged === 20_00) await settle();
    while ((await floor.stateOf(process, refund.refund)) !== "approved") await floor.clock.advance(Seconds(10));
    t.same(await floor.storyOf(process, refund.refund), ["requested", "refunding", "approved"]);
    await floor.agree(t, process, 10_00 - ending);
  });
}

t.test("a bank that does not get the refund is told again", async (t) => {
  const floor = await openBankFloor(t);
  const process = await floor.startProcess();
  const { order } = await floor.pay(process, 20_00);
  const { refund } = await process.refunds.request(floor.account.merchant, order, { amount: 10_63 }, "a");
  for (let i = 0; i < 20; i++) await floor.clock.advance(REPLY_TIMEOUT);
  t.equal(await floor.stateOf(process, refund.refund), "refunding", "for as long as it takes");
  const { batch, trace } = await process.store.selectFrom("refunds").selectAll().executeTakeFirstOrThrow();
  t.same(
    await process.store
      .selectFrom("bank_transactions")
      .select(["batch", "trace"])
      .where("kind", "=", "refund")
      .execute(),
    [{ batch, trace }],
    "under one number",
  );
  t.ok(process.acquirer.asked.length >= 10);
});

for (const moment of ["before", "after"] as const) {
  t.test(`a void whose answer is lost ${moment} the bank carried it out is reversed, then refunded`, async (t) => {
    const floor = await openBankFloor(t);
    const process = await floor.startProcess();
    const { order } = await floor.pay(process, 20_00);
    void process.acquirer.interrupt({ moment, asked: "voidPurchase", how: "lose" });
    const { refund } = await process.refunds.request(floor.account.merchant, order, {}, "a");
    while ((await floor.stateOf(process, refund.refund)) !== "approved") await floor.clock.advance(Minutes(1));
    t.same(await floor.storyOf(process, refund.refund), ["requested", "voiding", "reversing", "refunding", "approved"]);
    const voided = await process.store
      .selectFrom("bank_transactions")
      .select("state")
      .where("kind", "=", "purchase void")
      .executeTakeFirst();
    t.equal(voided?.state, moment === "before" ? "unknown-to-bank" : "reversed");
    await floor.agree(t, process, 0);
  });
}

t.test("a void that arrives after the bank said that it did not know it is reversed too", async (t) => {
  const floor = await openBankFloor(t);
  const process = await floor.startProcess();
  const { order } = await floor.pay(process, 20_00);
  void process.acquirer.interrupt({ moment: "after", asked: "voidPurchase", how: "lose" });
  const { reverse } = process.acquirer;
  process.acquirer.reverse = async () => {
    process.acquirer.reverse = reverse;
    return "unknown";
  };
  const { refund } = await process.refunds.request(floor.account.merchant, order, {}, "a");
  await floor.untilState(process, refund.refund, "reversing");
  t.equal(floor.bank.books.totalCharged, 0, "the void stands");
  while ((await floor.stateOf(process, refund.refund)) !== "approved") await floor.clock.advance(Minutes(1));
  const states = await process.store
    .selectFrom("bank_transactions")
    .select(["kind", "state"])
    .where("refund_id", "is not", null)
    .orderBy("trace")
    .execute();
  t.same(states, [
    { kind: "purchase void", state: "reversed" },
    { kind: "refund", state: "approved" },
  ]);
  await floor.agree(t, process, 0);
});

for (const asked of ["voidPurchase", "reverse", "refund"] as const) {
  t.test(`an acquirer that says nothing at all to ${asked} is not waited for without end`, async (t) => {
    const floor = await openBankFloor(t);
    const process = await floor.startProcess();
    const { order } = await floor.pay(process, 20_00);
    const silence = { moment: "before", asked, how: "hang" } as const;
    const lostVoid = { moment: "after", asked: "voidPurchase", how: "lose" } as const;
    const reached = process.acquirer.interrupt(...(asked === "reverse" ? [lostVoid, silence] : [silence]));
    const amount = asked === "refund" ? { amount: 5_00 } : {};
    const { refund } = await process.refunds.request(floor.account.merchant, order, amount, "a");
    await reached;
    while ((await floor.stateOf(process, refund.refund)) !== "approved") await floor.clock.advance(Minutes(1));
    await floor.agree(t, process, asked === "refund" ? 15_00 : 0);
  });
}

t.test("a reversal that the bank refuses is repeated slowly, and the operator alarmed", async (t) => {
  const floor = await openBankFloor(t);
  const process = await floor.startProcess();
  const { order } = await floor.pay(process, 20_00);
  void process.acquirer.interrupt({ moment: "after", asked: "voidPurchase", how: "lose" });
  const { reverse } = process.acquirer;
  const before = logLines.length;
  let refused = 0;
  process.acquirer.reverse = async () => {
    refused++;
    throw new AcquirerReversalRefused();
  };
  const { refund } = await process.refunds.request(floor.account.merchant, order, {}, "a");
  await floor.untilState(process, refund.refund, "reversing");
  for (let minute = 0; minute < 70; minute++) await floor.clock.advance(Minutes(1));
  const alarms = logLines.slice(before).filter((line) => line.includes("refund_overdue"));
  t.equal(alarms.length, 1);
  t.ok(refused >= 60 && refused <= 72, `${refused} times in 70 minutes`);
  process.acquirer.reverse = reverse;
  while ((await floor.stateOf(process, refund.refund)) !== "approved") await floor.clock.advance(Minutes(1));
  await floor.agree(t, process, 0);
});

for (const asked of ["voidPurchase", "reverse", "refund"] as const) {
  for (const moment of ["before", "after"] as const) {
    t.test(`a gateway that dies ${moment} ${asked} gives back once`, async (t) => {
      const floor = await openBankFloor(t);
      const first = await floor.startProcess();
      const { order } = await floor.pay(first, 20_00);
      const lostVoid = { moment: "after", asked: "voidPurchase", how: "lose" } as const;
      const death = { moment, asked, how: "hang" } as const;
      const reached = first.acquirer.interrupt(...(asked === "reverse" ? [lostVoid, death] : [death]));
      const amount = asked === "refund" ? { amount: 5_00 } : {};
      const { refund } = await first.refunds.request(floor.account.merchant, order, amount, "a");
      await reached;
      await first.crash();
      const next = await floor.startProcess();
      await next.refunds.recover();
      while ((await floor.stateOf(next, refund.refund)) !== "approved") await floor.clock.advance(Minutes(1));
      await floor.agree(t, next, asked === "refund" ? 15_00 : 0);
      t.equal((await floor.webhooks(next)).length, 1);
    });
  }
}

t.test("a refund that was only written down is sent by the next process, or expires after a day", async (t) => {
  const floor = await openBankFloor(t);
  const first = await floor.startProcess();
  const { merchant } = floor.account;
  const { order } = await floor.pay(first, 20_00);
  first.acquirer.ready = false;
  const { refund } = await first.refunds.request(merchant, order, { amount: 5_00 }, "a");
  await floor.clock.advance(Minutes(5));
  t.equal(await floor.stateOf(first, refund.refund), "requested");
  await first.crash();
  const next = await floor.startProcess();
  await next.refunds.recover();
  await floor.untilState(next, refund.refund, "approved");

  next.acquirer.ready = false;
  const late = await next.refunds.request(merchant, order, {}, "b");
  for (let hour = 0; hour < 25; hour++) await floor.clock.advance(Hours(1));
  t.equal(await floor.stateOf(next, late.refund.refund), "failed");
  t.match((await floor.webhooks(next)).at(-1), { type: "refund.failed", data: { reason: "refund_expired" } });
  await floor.agree(t, next, 15_00);
});

t.test("two processes that both work on a refund give back once", async (t) => {
  const floor = await openBankFloor(t);
  const first = await floor.startProcess();
  const { order } = await floor.pay(first, 20_00);
  first.acquirer.ready = false;
  const { refund } = await first.refunds.request(floor.account.merchant, order, { amount: 5_00 }, "a");
  const second = await floor.startProcess();
  await second.refunds.recover();
  first.acquirer.ready = true;
  while ((await floor.stateOf(second, refund.refund)) !== "approved") await floor.clock.advance(Seconds(5));
  await floor.clock.advance(Minutes(5));
  await floor.agree(t, second, 15_00);
  t.same(await floor.storyOf(second, refund.refund), ["requested", "refunding", "approved"]);
});

t.test("the history of refunds can't be changed", async (t) => {
  const floor = await openBankFloor(t);
  const process = await floor.startProcess();
  const { order } = await floor.pay(process, 20_00);
  const { refund } = await process.refunds.request(floor.account.merchant, order, {}, "a");
  await floor.untilState(process, refund.refund, "approved");
  await t.rejects(process.store.updateTable("refund_transitions").set({ at: 0 }).execute(), /append-only/);
  await t.rejects(process.store.deleteFrom("refund_transitions").execute(), /append-only/);
});
