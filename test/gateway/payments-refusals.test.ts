import type { ClearSwipe } from "@swipewire/protocol/card/swipe";
import { withCounter } from "@swipewire/protocol/crypto/dukpt-tdes";
import { randomUuid } from "@swipewire/protocol/random";
import { Seconds } from "@swipewire/protocol/time";
import t, { type Test } from "tap";
import { settle } from "../simulated-clock.ts";
import { KSN, openPaymentFloor, swipeOf } from "./payment-floor.ts";

const floor = async (t: Test) => {
  const opened = await openPaymentFloor();
  t.teardown(() => opened.close());
  return opened;
};
type Floor = Awaited<ReturnType<typeof floor>>;
type Bent = NonNullable<Parameters<Floor["submission"]>[1]>;

/** Submits a good swipe that is bent in one way, and sees that it came to nothing but its own refusal. */
async function refuses(t: Test, code: string, bend: (f: Floor) => Promise<Bent> | Bent) {
  const f = await floor(t);
  const { order } = await f.placeOrder();
  const swipe = await f.submission(order, await bend(f));
  t.same(await f.payments.submit(f.kiosk.id, swipe), { refused: code });
  await settle();
  t.same(f.bank.charges, []);
  t.same(f.told, []);
  t.same(await f.store.selectFrom("payments").selectAll().execute(), []);
  t.equal((await f.orders.get(f.merchant, order)).status, "payable");
  t.ok(
    f.log.some((line) => JSON.parse(line).code === code),
    "it is logged by its code",
  );
  t.same(await f.payments.submit(f.kiosk.id, await f.submission(order, { payment: swipe.payment })), { refused: code });
  await f.payments.submit(f.kiosk.id, await f.submission(order, { ksn: withCounter(KSN, 900) }));
  await settle();
  t.equal((await f.orders.get(f.merchant, order)).status, "paid", "the next payment is not touched by it");
}

t.test("a swipe sealed for another payment is refused", (t) =>
  refuses(t, "swipe_foreign", (f) => ({ sealedFor: randomUuid(f.random) })),
);

t.test("a swipe that another terminal signed is refused", (t) =>
  refuses(t, "envelope_signature_invalid", async (f) => ({ by: await f.enrolKiosk(), inNameOf: f.kiosk.id })),
);

t.test("a swipe that is bound to another terminal is refused", (t) =>
  refuses(t, "swipe_foreign", async (f) => ({ inNameOf: (await f.enrolKiosk()).id })),
);

t.test("a PIN without a phone to ask it on is refused", (t) =>
  refuses(t, "payment_phone_missing", () => ({ pin: true, phone: undefined })),
);

t.test("a swipe that was held back on its way is refused", (t) =>
  refuses(t, "swipe_too_old", (f) => ({ at: f.clock.now() - Seconds(76) })),
);

t.test("a swipe without track 2 is refused", (t) =>
  refuses(t, "swipe_track2_missing", () => {
    const swipe = swipeOf("visa-no-pin", "ascii", KSN) as ClearSwipe;
    return { swipe: { ...swipe, tracks: swipe.tracks.filter(({ number }) => number === 1) } };
  }),
);

t.test("a reader whose key nobody holds is refused", (t) =>
  refuses(t, "reader_key_unknown", () => ({
    card: "magtek-sample",
    family: "magtek-magnesafe",
    ksn: Uint8Array.from(KSN, (byte, n) => (n === 0 ? 0x11 : byte)),
  })),
);

t.test(
  "a swipe sealed to a retired key is refused; those sealed before and after a rotation are charged",
  async (t) => {
    const f = await floor(t);
    const orders = [await f.placeOrder(), await f.placeOrder(), await f.placeOrder()].map(({ order }) => order);
    const [first = "", second = "", third = ""] = orders;
    const calling = await f.submission(first, { card: "unionpay-debit", pin: true });
    t.same(await f.payments.submit(f.kiosk.id, calling), {});
    await settle();
    const [onItsWay, tooLate] = [await f.submission(second), await f.submission(third)];
    await f.custody.rotateEnvelopeKey();
    t.same(await f.payments.submit(f.kiosk.id, onItsWay), {}, "sealed before the rotation");
    await f.custody.remove(f.custody.retirableEnvelopeKey().name);
    t.same(await f.payments.submit(f.kiosk.id, tooLate), { refused: "envelope_key_unknown" });
    t.equal((await f.orders.get(f.merchant, third)).status, "payable");
    t.same(await f.payments.submit(f.kiosk.id, await f.submission(third)), {}, "swiped again");
    f.voice.answer();
    f.voice.type("123456#");
    await settle();
    for (const order of orders) t.equal((await f.orders.get(f.merchant, order)).status, "paid");
    t.equal(f.bank.charges.length, 3);
  },
);

t.test("what is no sealed swipe is refused", async (t) => {
  const f = await floor(t);
  const swipe = await f.submission((await f.placeOrder()).order);
  const sealed = `${swipe.sealed.slice(0, -20)}${"A".repeat(20)}`;
  t.same(await f.payments.submit(f.kiosk.id, { ...swipe, sealed }), { refused: "envelope_unreadable" });
  t.same(await f.payments.submit(f.kiosk.id, swipe), { refused: "envelope_unreadable" }, "for good");
});

t.test("a sealed swipe is taken once, also under another payment", async (t) => {
  const f = await floor(t);
  f.bank.plan = { decline: "05" };
  const { order } = await f.placeOrder();
  const swipeId = randomUuid(f.random);
  t.same(await f.payments.submit(f.kiosk.id, await f.submission(order, { swipeId })), {});
  await settle();
  t.same(await f.payments.submit(f.kiosk.id, await f.submission(order, { swipeId })), { refused: "swipe_replayed" });
  await settle();
  t.equal(f.bank.charges.length, 1);
  t.equal((await f.orders.get(f.merchant, order)).status, "payable");
});

t.test("a reader's key serial number may neither repeat nor go back", async (t) => {
  const f = await floor(t);
  f.bank.plan = { decline: "05" };
  const { order } = await f.placeOrder();
  const swipeAt = async (counter: number) => {
    const ksn = withCounter(KSN, counter);
    const swipe = await f.submission(order, { card: "magtek-sample", family: "magtek-magnesafe", ksn });
    const { refused = "taken" } = await f.payments.submit(f.kiosk.id, swipe);
    await settle();
    return refused;
  };
  t.equal(await swipeAt(7), "taken");
  t.equal(await swipeAt(7), "swipe_ksn_not_advancing");
  t.equal(await swipeAt(6), "swipe_ksn_not_advancing");
  t.equal(await swipeAt(8), "taken");
  t.equal(f.bank.charges.length, 2);
});

t.test("an order that is paid, expired or unknown is refused, and that payment's id with it", async (t) => {
  const f = await floor(t);
  const paid = await f.placeOrder();
  await f.payments.submit(f.kiosk.id, await f.submission(paid.order));
  await settle();
  t.same(await f.payments.submit(f.kiosk.id, await f.submission(paid.order)), { refused: "order_paid" });
  const unknown = await f.submission(randomUuid(f.random));
  t.same(await f.payments.submit(f.kiosk.id, unknown), { refused: "order_unknown" });
  const { order } = await f.placeOrder();
  t.same(await f.payments.submit(f.kiosk.id, await f.submission(order, { payment: unknown.payment })), {
    refused: "order_unknown",
  });
  t.equal(f.books.total, 1_250);
});

t.test("a payment asked for, or cancelled, before it came is refused when it comes", async (t) => {
  for (const ask of ["query", "cancel"] as const) {
    const f = await floor(t);
    const swipe = await f.submission((await f.placeOrder()).order);
    t.same(await f.payments[ask](f.kiosk.id, swipe.payment), { refused: "payment_unknown" });
    t.same(await f.payments.submit(f.kiosk.id, swipe), { refused: "payment_unknown" });
    t.same(await f.payments[ask](f.kiosk.id, swipe.payment), { refused: "payment_unknown" });
    await settle();
    t.same(f.bank.charges, []);
  }
});

t.test("a submission under way is waited for before a query is answered", async (t) => {
  const f = await floor(t);
  const swipe = await f.submission((await f.placeOrder()).order);
  const [submitted, queried] = await Promise.all([
    f.payments.submit(f.kiosk.id, swipe),
    f.payments.query(f.kiosk.id, swipe.payment),
  ]);
  t.same([submitted, queried], [{}, {}]);
});

t.test("another terminal's payment is nobody else's", async (t) => {
  const f = await floor(t);
  f.bank.plan = "hang";
  const other = await f.enrolKiosk();
  const swipe = await f.submission((await f.placeOrder()).order);
  await f.payments.submit(f.kiosk.id, swipe);
  for (const ask of ["query", "cancel"] as const) {
    t.same(await f.payments[ask](other.id, swipe.payment), { refused: "payment_foreign" });
  }
  t.same(await f.payments.submit(other.id, swipe), { refused: "payment_foreign" });
  t.ok(f.told.every(({ terminal }) => terminal === f.kiosk.id));
});

t.test("a refusal from outside does not touch a payment that is known", async (t) => {
  const f = await floor(t);
  const swipe = await f.submission((await f.placeOrder()).order);
  await f.payments.submit(f.kiosk.id, swipe);
  await settle();
  t.same(await f.payments.refuse(f.kiosk.id, swipe.payment, "link_message_expired"), {});
  t.equal(f.lastResult()?.outcome, "approved");
});
