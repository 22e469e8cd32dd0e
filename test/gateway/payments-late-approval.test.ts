import { Minutes, Seconds } from "@swipewire/protocol/time";
import t from "tap";
import { settle } from "../simulated-clock.ts";
import { paymentFloor } from "./payment-floor.ts";

t.test("an approval that comes while the charge is being reversed is undone by that", async (t) => {
  const f = await paymentFloor(t);
  f.bank.plan = "lost";
  f.bank.deafTo = 1;
  const payment = await f.submit((await f.placeOrder()).order);
  f.bank.late({ batch: 1, trace: 1, approved: true });
  await f.clock.advance(Seconds(60));
  t.equal(f.storyOf(payment).at(-1), "reversed: acquirer_outcome_unknown");
  t.equal(f.bank.reversals.length, 2, "one was not answered");
  t.same(await f.bankTransactions(), ["1 reversed"]);
});

t.test("a charge that reaches the bank after its reversal is reversed once more, and only once", async (t) => {
  const f = await paymentFloor(t);
  f.bank.plan = "lost-on-the-way";
  const payment = await f.submit((await f.placeOrder()).order);
  t.equal(f.storyOf(payment).at(-1), "reversed: acquirer_outcome_unknown");
  t.same(await f.bankTransactions(), ["1 unknown-to-bank"]);

  f.books.arriveLate({ batch: 1, trace: 1, amount: 1_250, currency: "CNY", pin: false });
  t.equal(f.books.total, 1_250);
  for (let copies = 0; copies < 3; copies++) f.bank.late({ batch: 1, trace: 1, approved: true });
  await f.clock.advance(Seconds(60));
  t.equal(f.books.total, 0);
  t.equal(f.bank.reversals.length, 2);
  t.same(await f.bankTransactions(), ["1 reversed"]);
});

t.test("a charge that comes after its reversal is found even when its approval is lost", async (t) => {
  const f = await paymentFloor(t);
  f.bank.plan = "lost-on-the-way";
  await f.submit((await f.placeOrder()).order);
  f.books.arriveLate({ batch: 1, trace: 1, amount: 1_250, currency: "CNY", pin: false });
  await f.clock.advance(Minutes(2));
  t.equal(f.books.total, 0);
  t.same(await f.bankTransactions(), ["1 reversed"]);
});

t.test("a late approval is undone also by the process that comes after", async (t) => {
  const f = await paymentFloor(t);
  f.bank.plan = "lost-on-the-way";
  await f.submit((await f.placeOrder()).order);
  f.books.arriveLate({ batch: 1, trace: 1, amount: 1_250, currency: "CNY", pin: false });
  f.bank.deafTo = Number.POSITIVE_INFINITY;
  f.bank.late({ batch: 1, trace: 1, approved: true });
  await settle();
  await f.store.destroy();

  const next = await f.startProcess();
  await next.payments.recover();
  await f.clock.advance(Seconds(60));
  t.equal(f.books.total, 0);
});
