import { Minutes, Seconds } from "@swipewire/protocol/time";
import t from "tap";
import { settle } from "../simulated-clock.ts";
import { disagreements, paymentFloor } from "./payment-floor.ts";

t.test("a wrong PIN leads to one more call, and the second charge has a number of its own", async (t) => {
  const f = await paymentFloor(t);
  const { order } = await f.placeOrder();
  f.bank.plan = { decline: "55" };
  const payment = await f.submit(order, { pin: true });
  await f.type("1111#");
  t.equal(f.voice.calls.length, 2);
  t.same(f.storyOf(payment), ["accepted", "calling", "collecting", "charging", "calling"]);
  t.notOk(f.bank.held?.track2.wiped, "the track is needed once more");
  t.ok(
    f.bank.held?.pinBlock?.every((byte) => byte === 0),
    "the first PIN block is not",
  );
  f.bank.plan = "approve";
  await f.type("1234#");
  t.equal(f.storyOf(payment).at(-1), "approved");
  t.same(await f.bankTransactions(), ["1 declined", "2 approved"]);
  t.same(await disagreements(f, f), []);
  t.ok(f.bank.held?.track2.wiped);
});

t.test("a PIN that is wrong twice is not asked for a third time", async (t) => {
  const f = await paymentFloor(t);
  const { order } = await f.placeOrder();
  f.bank.plan = { decline: "55" };
  const payment = await f.submit(order, { pin: true });
  await f.type("1111#");
  await f.type("2222#");
  t.equal(f.storyOf(payment).at(-1), "declined: pin_wrong");
  const texts = await f.store.selectFrom("outbox").select("payload").where("kind", "=", "sms").execute();
  t.match(texts[0]?.payload, "The PIN was wrong. Please try again.");
  t.equal(f.voice.calls.length, 2);
  t.equal(f.lastResult()?.orderPayable, true);
});

t.test("PIN tries that are used up, and an order that has expired meanwhile, lead to no other call", async (t) => {
  const f = await paymentFloor(t);
  f.bank.plan = { decline: "75" };
  const payment = await f.submit((await f.placeOrder()).order, { pin: true });
  await f.type("1111#");
  t.equal(f.storyOf(payment).at(-1), "declined: pin_tries_exceeded");

  const { order } = await f.placeOrder();
  await f.clock.advance(Minutes(29.5));
  f.bank.plan = { decline: "55" };
  const answer = Promise.withResolvers<void>();
  f.bank.onCharge = () => answer.promise;
  const late = await f.submit(order, { pin: true });
  await f.type("1111#");
  await f.clock.advance(Seconds(60));
  answer.resolve();
  await settle();
  t.equal(f.storyOf(late).at(-1), "declined: pin_wrong");
  t.equal((await f.orders.get(f.merchant, order)).status, "expired");
  t.equal(f.voice.calls.length, 2);
});

t.test("the second call can be cancelled, and a payer who does not answer it is not charged", async (t) => {
  const f = await paymentFloor(t);
  f.bank.plan = { decline: "55" };
  const cancelled = await f.submit((await f.placeOrder()).order, { pin: true });
  await f.type("1111#");
  t.same(await f.payments.cancel(f.kiosk.id, cancelled), {});
  await settle();
  t.equal(f.storyOf(cancelled).at(-1), "cancelled: payment_cancelled");

  const unanswered = await f.submit((await f.placeOrder()).order, { pin: true });
  await f.type("1111#");
  f.voice.end("busy");
  await settle();
  t.equal(f.storyOf(unanswered).at(-1), "failed: pin_busy");
  t.same(await f.bankTransactions(), ["1 declined", "2 declined"]);
});

t.test("a bank that wants another sign-on is asked again, where no PIN is gone by that", async (t) => {
  const f = await paymentFloor(t);
  f.bank.plan = { decline: "A0" };
  const plain = await f.submit((await f.placeOrder()).order);
  f.bank.plan = "approve";
  await f.clock.advance(Seconds(3));
  t.equal(f.storyOf(plain).at(-1), "approved");
  t.same(await f.bankTransactions(), ["1 declined", "2 approved"]);

  f.bank.plan = { decline: "A0" };
  const withPin = await f.submit((await f.placeOrder()).order, { pin: true });
  await f.type("1234#");
  t.equal(f.storyOf(withPin).at(-1), "declined: acquirer_refused");
});

t.test("a bank whose day is changing is asked again, with the PIN that was entered", async (t) => {
  const f = await paymentFloor(t);
  f.bank.plan = { decline: "90" };
  const payment = await f.submit((await f.placeOrder()).order, { pin: true });
  await f.type("1234#");
  f.bank.plan = "approve";
  await f.clock.advance(Seconds(3));
  t.equal(f.storyOf(payment).at(-1), "approved");
  t.equal(f.voice.calls.length, 1);
  t.same(await f.bankTransactions(), ["1 declined", "2 approved"]);

  f.bank.plan = { decline: "90" };
  const twice = await f.submit((await f.placeOrder()).order);
  await f.clock.advance(Seconds(3));
  t.equal(f.storyOf(twice).at(-1), "declined: issuer_unavailable");
});
