import { Minutes, Seconds } from "@swipewire/protocol/time";
import t from "tap";
import { paymentFloor } from "./payment-floor.ts";

t.test("the merchant's cancellation ends a payment that has not reached the bank", async (t) => {
  const f = await paymentFloor(t);
  const { order } = await f.placeOrder();
  const payment = await f.submit(order, { pin: true });
  t.match(await f.payments.cancelOrder(f.merchant, order), { status: "cancelled" });
  t.equal(f.storyOf(payment).at(-1), "cancelled: payment_withdrawn");
  t.ok(f.voice.calls[0]?.over, "the payer's phone rings no more");
});

t.test("a payment at the bank can't be cancelled by the merchant", async (t) => {
  const f = await paymentFloor(t);
  const { order } = await f.placeOrder();
  f.bank.plan = "hang";
  await f.submit(order);
  await t.rejects(f.payments.cancelOrder(f.merchant, order), { code: "order_being_paid" });
  await t.rejects(f.payments.cancelOrder("another", order), { code: "order_unknown" });
});

t.test("another process's payment is cancelled when that one hears of it", async (t) => {
  const f = await paymentFloor(t);
  const { order } = await f.placeOrder();
  await f.payments.recover();
  const payment = await f.submit(order, { pin: true });
  const other = await f.startProcess({ instance: "other" });
  await t.rejects(other.payments.cancelOrder(f.merchant, order), { code: "order_being_paid" });
  await f.clock.advance(Seconds(10));
  t.equal(f.storyOf(payment).at(-1), "cancelled: payment_withdrawn");
  t.match(await other.payments.cancelOrder(f.merchant, order), { status: "cancelled" });
});

t.test("an order that expires takes its payment with it, unless that is at the bank", async (t) => {
  const f = await paymentFloor(t);
  const [slow, quick] = [await f.placeOrder(), await f.placeOrder()];
  await f.clock.advance(Minutes(29.9));
  const called = await f.submit(slow.order, { pin: true });
  f.bank.plan = "hang";
  const charged = await f.submit(quick.order);
  await f.clock.advance(Seconds(10));
  t.equal(f.storyOf(called).at(-1), "cancelled: order_expired");
  t.equal((await f.orders.get(f.merchant, slow.order)).status, "expired");
  t.equal(f.storyOf(charged).at(-1), "charging");
});
