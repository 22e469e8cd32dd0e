import { balance, checkZero, merchantAccount } from "@swipewire/gateway/ledger/ledger";
import { decodePinBlockFormat0 } from "@swipewire/protocol/crypto/pin-block";
import { Minutes, Seconds } from "@swipewire/protocol/time";
import { testCard } from "@swipewire/simulator/cards/test-cards";
import t, { type Test } from "tap";
import { settle } from "../simulated-clock.ts";
import { openPaymentFloor, PHONE } from "./payment-floor.ts";

const floor = async (t: Test) => {
  const opened = await openPaymentFloor();
  t.teardown(() => opened.close());
  const orderStatus = async (id: string) => (await opened.orders.get(opened.merchant, id)).status;
  const webhooks = async () =>
    (await opened.store.selectFrom("outbox").selectAll().where("kind", "=", "webhook").execute()).map((row) =>
      JSON.parse(row.payload),
    );
  const row = (id: string) =>
    opened.store.selectFrom("payments").selectAll().where("id", "=", id).executeTakeFirstOrThrow();
  return { ...opened, orderStatus, webhooks, row };
};

t.test("an approved card pays the order, books the sale and owes the merchant a webhook", async (t) => {
  const f = await floor(t);
  const { order } = await f.placeOrder();
  const swipe = await f.submission(order);
  t.same(await f.payments.submit(f.kiosk.id, swipe), {});
  await settle();
  t.same(f.storyOf(swipe.payment), ["accepted", "charging", "approved"]);
  t.match(f.lastResult(), {
    payment: swipe.payment,
    order,
    amount: 1_250,
    currency: "CNY",
    maskedPan: "411111******1111",
    approvalCode: "A1B2C3",
    orderPayable: false,
  });
  t.equal(await f.orderStatus(order), "paid");
  t.equal(f.books.total, 1_250);
  t.equal(await balance(f.store, merchantAccount(f.merchant), "CNY"), 1_250);
  await checkZero(f.store);
  t.match(await f.webhooks(), [
    { type: "payment.approved", data: { order, payment: swipe.payment, status: "paid", amount: 1_250 } },
  ]);
  t.ok(f.bank.held?.track2.wiped, "the track is overwritten");
  t.equal(f.clock.pending, 0, "no limit is left running");
});

t.test("a card with a PIN is asked for it on the phone, and the payer gets a text", async (t) => {
  const f = await floor(t);
  const { order, orderNumber } = await f.placeOrder();
  const swipe = await f.submission(order, { card: "unionpay-debit", pin: true });
  await f.payments.submit(f.kiosk.id, swipe);
  await settle();
  t.equal(f.voice.calls[0]?.to, PHONE);
  f.bank.signOns = 7;
  f.voice.answer();
  f.voice.type("123456#");
  f.bank.signOns = 8;
  await settle();
  t.equal(f.bank.charges[0]?.signOns, 7, "the bank's keys of that moment are known");
  t.same(f.storyOf(swipe.payment), ["accepted", "calling", "collecting", "charging", "approved"]);
  t.ok(f.voice.calls[0]?.over, "the call is over");
  const block = f.bank.held?.pinBlockThen?.map((byte) => byte ^ 0xff) ?? new Uint8Array();
  const digits = decodePinBlockFormat0(block, testCard("unionpay-debit").pan).use((pin) => Buffer.from(pin).toString());
  t.equal(digits, "123456");
  t.ok(f.bank.held?.track2.wiped);
  t.ok(
    f.bank.held?.pinBlock?.every((byte) => byte === 0),
    "the PIN block is overwritten",
  );
  t.equal((await f.row(swipe.payment)).phone, null);
  const sms = await f.store.selectFrom("outbox").selectAll().where("kind", "=", "sms").execute();
  t.match(JSON.parse(sms[0]?.payload ?? ""), {
    to: PHONE,
    text: `Paid: CNY 12.50, Tea House, order ${orderNumber}.`,
  });
});

t.test("the trace number is on disk before the bank is asked, and no two charges share one", async (t) => {
  const f = await floor(t);
  await f.store.updateTable("acquirer_sequence").set({ next_trace: 999_999 }).execute();
  f.bank.onCharge = async ({ trace, batch }) => {
    const row = await f.store.selectFrom("payments").selectAll().where("state", "=", "charging").executeTakeFirst();
    t.match(row, { trace, batch });
  };
  for (let n = 0; n < 2; n++) {
    await f.payments.submit(f.kiosk.id, await f.submission((await f.placeOrder()).order));
    await settle();
  }
  t.match(f.bank.charges, [
    { trace: 999_999, batch: 1 },
    { trace: 1, batch: 2 },
  ]);
});

for (const [plan, story] of [
  [{ decline: "51" }, "declined: insufficient_funds"],
  [{ decline: "55" }, "declined: pin_wrong"],
  ["unreachable", "failed: acquirer_unreachable"],
  ["not-sent", "failed: acquirer_request_not_sent"],
] as const) {
  t.test(`the order is payable again after ${story}`, async (t) => {
    const f = await floor(t);
    const { order } = await f.placeOrder();
    f.bank.plan = plan;
    const swipe = await f.submission(order);
    await f.payments.submit(f.kiosk.id, swipe);
    await settle();
    t.same(f.storyOf(swipe.payment), ["accepted", "charging", story]);
    t.equal(f.lastResult()?.orderPayable, true);
    t.equal(await f.orderStatus(order), "payable");
    t.equal(f.books.total, 0);
    t.same(f.bank.reversals, []);
    t.match(await f.webhooks(), [{ type: "payment.failed", data: { status: "payable" } }]);
    t.ok(f.bank.held?.track2.wiped);
    f.bank.plan = "approve";
    await f.payments.submit(f.kiosk.id, await f.submission(order));
    await settle();
    t.equal(await f.orderStatus(order), "paid");
  });
}

t.test("nobody's phone rings while the bank is out of reach", async (t) => {
  const f = await floor(t);
  f.bank.ready = false;
  const swipe = await f.submission((await f.placeOrder()).order, { pin: true });
  await f.payments.submit(f.kiosk.id, swipe);
  await settle();
  t.same(f.storyOf(swipe.payment), ["accepted", "failed: acquirer_unreachable"]);
  t.same(f.voice.calls, []);
});

t.test(
  "a charge without an answer is reversed until the bank says so, and only then is the order payable",
  async (t) => {
    const f = await floor(t);
    const { order } = await f.placeOrder();
    f.bank.plan = "lost";
    f.bank.deafTo = 3;
    const swipe = await f.submission(order);
    await f.payments.submit(f.kiosk.id, swipe);
    await settle();
    t.same(f.storyOf(swipe.payment), ["accepted", "charging", "reversing"]);
    t.equal(f.books.total, 1_250);
    t.ok(f.bank.held?.track2.wiped, "the track is gone before the reversal is through");
    t.match(await f.payments.submit(f.kiosk.id, await f.submission(order)), { refused: "order_being_paid" });
    await f.clock.advance(Seconds(3));
    t.equal(f.bank.reversals.length, 3);
    t.equal(await f.orderStatus(order), "paying");
    await f.clock.advance(Seconds(4));
    t.equal(f.bank.reversals.length, 4);
    t.same(new Set(f.bank.reversals.map(({ reason }) => reason)), new Set(["98"]));
    t.match(f.bank.reversals[3]?.charge, { trace: 1, batch: 1, amount: 1_250, pin: false });
    t.equal(f.storyOf(swipe.payment).at(-1), "reversed: acquirer_outcome_unknown");
    t.equal(f.lastResult()?.orderPayable, true);
    t.equal(await f.orderStatus(order), "payable");
    t.equal(f.books.total, 0);
    t.match(await f.webhooks(), [{ type: "payment.reversed", data: { status: "payable" } }]);
  },
);

t.test("a bank that never settles at all is not waited for without end", async (t) => {
  const f = await floor(t);
  f.bank.plan = "hang";
  const swipe = await f.submission((await f.placeOrder()).order);
  await f.payments.submit(f.kiosk.id, swipe);
  await settle();
  await f.clock.advance(Minutes(6));
  t.equal(f.storyOf(swipe.payment).at(-1), "reversed: payment_timed_out");
  t.equal(f.books.total, 0);
});

t.test("an approval that cannot be booked is reversed", async (t) => {
  const f = await floor(t);
  const { order } = await f.placeOrder();
  const swipe = await f.submission(order);
  f.bank.onCharge = async () => {
    // The order is taken away behind the payment's back.
    await f.store.updateTable("orders").set({ status: "cancelled" }).where("id", "=", order).execute();
  };
  f.bank.deafTo = 1;
  await f.payments.submit(f.kiosk.id, swipe);
  await settle();
  t.equal(f.storyOf(swipe.payment).at(-1), "reversing");
  t.equal(f.bank.reversals[0]?.reason, "06");
  await f.clock.advance(Seconds(1));
  t.equal(f.books.total, 0);
  t.equal(await balance(f.store, merchantAccount(f.merchant), "CNY"), 0);
});

t.test("an order that expires while the bank is asked is paid all the same, or expired when it says no", async (t) => {
  for (const plan of ["approve", { decline: "51" }] as const) {
    const f = await floor(t);
    const { order } = await f.placeOrder();
    f.bank.plan = plan;
    f.bank.onCharge = async () => {
      await f.store
        .updateTable("orders")
        .set({ payable_until: f.clock.now() - 1 })
        .where("id", "=", order)
        .execute();
      await f.orders.expireOverdue();
    };
    await f.payments.submit(f.kiosk.id, await f.submission(order));
    await settle();
    t.equal(await f.orderStatus(order), plan === "approve" ? "paid" : "expired");
    t.equal(f.lastResult()?.orderPayable, false);
  }
});

t.test("the same submission again is answered with how the payment stands, and charges nothing", async (t) => {
  const f = await floor(t);
  const { order } = await f.placeOrder();
  const swipe = await f.submission(order);
  const answers = await Promise.all([1, 2, 3].map(() => f.payments.submit(f.kiosk.id, swipe)));
  await settle();
  t.same(answers, [{}, {}, {}]);
  t.same(await f.payments.submit(f.kiosk.id, swipe), {});
  t.equal(f.bank.charges.length, 1);
  t.equal(f.books.total, 1_250);
  t.match(f.lastResult(), { payment: swipe.payment, outcome: "approved", orderPayable: false });
});

t.test("two cards for one order at once: one pays, the other is refused", async (t) => {
  const f = await floor(t);
  const { order } = await f.placeOrder();
  f.bank.plan = "hang";
  const swipes = await Promise.all([f.submission(order), f.submission(order, { card: "mastercard-chip" })]);
  const answers = await Promise.all(swipes.map((swipe) => f.payments.submit(f.kiosk.id, swipe)));
  await settle();
  t.same(answers.map(({ refused }) => refused).sort(), ["order_being_paid", undefined]);
  t.equal(f.books.total, 1_250);
});

t.test("the payer can cancel until the bank is asked, and not after", async (t) => {
  const f = await floor(t);
  const { order } = await f.placeOrder();
  const early = await f.submission(order, { pin: true });
  await f.payments.submit(f.kiosk.id, early);
  await settle();
  f.voice.answer();
  f.voice.type("12");
  await settle();
  t.same(await f.payments.cancel(f.kiosk.id, early.payment), {});
  await settle();
  t.same(f.storyOf(early.payment).slice(-2), ["collecting", "cancelled: payment_cancelled"]);
  t.ok(f.voice.calls[0]?.over);
  t.equal(f.bank.charges.length, 0);
  t.equal(await f.orderStatus(order), "payable");

  f.bank.plan = "hang";
  const late = await f.submission(order);
  await f.payments.submit(f.kiosk.id, late);
  await settle();
  t.same(await f.payments.cancel(f.kiosk.id, late.payment), { refused: "payment_not_cancellable" });
  t.equal(f.storyOf(late.payment).at(-1), "charging");
});

t.test("a query is answered with the state or the result", async (t) => {
  const f = await floor(t);
  const swipe = await f.submission((await f.placeOrder()).order, { pin: true });
  await f.payments.submit(f.kiosk.id, swipe);
  await settle();
  t.same(await f.payments.query(f.kiosk.id, swipe.payment), {});
  t.same(f.storyOf(swipe.payment), ["accepted", "calling", "calling"]);
  f.voice.end("busy");
  await settle();
  t.same(await f.payments.query(f.kiosk.id, swipe.payment), {});
  t.same(f.storyOf(swipe.payment).slice(-2), ["failed: pin_busy", "failed: pin_busy"]);
  t.equal(f.lastResult()?.orderPayable, true);
});

t.test("every step is appended to the payment's history", async (t) => {
  const f = await floor(t);
  const swipe = await f.submission((await f.placeOrder()).order, { pin: true });
  await f.payments.submit(f.kiosk.id, swipe);
  await settle();
  f.voice.answer();
  f.voice.type("123456#");
  await settle();
  const history = await f.store.selectFrom("payment_transitions").selectAll().orderBy("seq").execute();
  t.same(
    history.map(({ from_state, to_state, cause }) => [from_state, to_state, cause]),
    [
      [null, "accepted", "swipe_submitted"],
      ["accepted", "calling", "card_with_pin"],
      ["calling", "collecting", "call_answered"],
      ["collecting", "charging", "pin_entered"],
      ["charging", "approved", "bank_approved"],
    ],
  );
});
