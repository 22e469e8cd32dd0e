import { readFileSync } from "node:fs";
import { Seconds } from "@swipewire/protocol/time";
import t, { type Test } from "tap";
import { settle } from "../simulated-clock.ts";
import { findSecret } from "../system/secrets.ts";
import { type BankPlan, disagreements, fillDisk, freeDisk, openPaymentFloor } from "./payment-floor.ts";

const floor = async (t: Test) => {
  const opened = await openPaymentFloor();
  t.teardown(() => opened.close());
  return opened;
};
type Floor = Awaited<ReturnType<typeof floor>>;

/** Takes a payment to a state, each on its own. */
const goTo: Readonly<Record<string, (f: Floor, order: string) => Promise<string>>> = {
  async calling(f, order) {
    const swipe = await f.submission(order, { pin: true });
    await f.payments.submit(f.kiosk.id, swipe);
    await settle();
    return swipe.payment;
  },
  async collecting(f, order) {
    const payment = await goTo["calling"]?.(f, order);
    f.voice.answer();
    f.voice.type("123");
    await settle();
    return payment ?? "";
  },
  async charging(f, order) {
    f.bank.plan = "hang";
    const swipe = await f.submission(order);
    await f.payments.submit(f.kiosk.id, swipe);
    await settle();
    return swipe.payment;
  },
  async reversing(f, order) {
    f.bank.plan = "lost";
    f.bank.deafTo = Number.POSITIVE_INFINITY;
    const swipe = await f.submission(order);
    await f.payments.submit(f.kiosk.id, swipe);
    await settle();
    return swipe.payment;
  },
};

for (const [state, ends] of [
  ["calling", "failed: payment_interrupted"],
  ["collecting", "failed: payment_interrupted"],
  ["charging", "reversed: payment_interrupted"],
  ["reversing", "reversed: acquirer_outcome_unknown"],
] as const) {
  t.test(`a gateway that dies in ${state} comes back to order, ledger and bank that agree`, async (t) => {
    const f = await floor(t);
    const { order } = await f.placeOrder();
    const payment = (await goTo[state]?.(f, order)) ?? "";
    t.equal(f.storyOf(payment).at(-1), state);
    await f.store.destroy();
    const next = await f.startProcess();
    await next.payments.recover();
    await settle();
    t.equal(f.storyOf(payment).at(-1), ends);
    t.equal(f.lastResult()?.orderPayable, true);
    t.same(await disagreements(f, next), []);
    await next.payments.submit(f.kiosk.id, await f.submission(order));
    await settle();
    t.same(await disagreements(f, next), []);
    t.equal((await next.orders.get(f.merchant, order)).status, "paid");
    t.same(await next.payments.query(f.kiosk.id, payment), {}, "the ended payment is still known");
  });
}

t.test("a bank that is away at the start gets its reversal when it is back", async (t) => {
  const f = await floor(t);
  const { order } = await f.placeOrder();
  const payment = (await goTo["charging"]?.(f, order)) ?? "";
  await f.store.destroy();
  const next = await f.startProcess();
  next.bank.deafTo = 2;
  await next.payments.recover();
  await settle();
  t.equal((await next.orders.get(f.merchant, order)).status, "paying");
  await f.clock.advance(Seconds(3));
  t.equal(f.storyOf(payment).at(-1), "reversed: payment_interrupted");
  t.same(await disagreements(f, next), []);
});

t.test("a gateway that stops ends what has not reached the bank, and leaves what has to its successor", async (t) => {
  const f = await floor(t);
  const [a, b] = [await f.placeOrder(), await f.placeOrder()];
  const waiting = (await goTo["collecting"]?.(f, a.order)) ?? "";
  const charged = (await goTo["charging"]?.(f, b.order)) ?? "";
  const { held } = f.bank;
  await f.payments.close();
  t.equal(f.storyOf(waiting).at(-1), "failed: payment_interrupted");
  t.equal(f.storyOf(charged).at(-1), "charging");
  t.equal(f.books.total, 1_250);
  t.ok(held?.track2.wiped, "its track is gone all the same");
  t.ok(f.voice.calls[0]?.over);
  const late = await f.submission(a.order);
  await t.rejects(f.payments.submit(f.kiosk.id, late), { code: "payment_interrupted" }, "neither taken nor refused");
  const next = await f.startProcess();
  await next.payments.recover();
  await settle();
  t.equal(f.storyOf(charged).at(-1), "reversed: payment_interrupted");
  t.same(await disagreements(f, next), []);
  t.same(await next.payments.submit(f.kiosk.id, late), {});
});

for (const [what, plan, ends] of [
  ["an approval", "approve", "reversed: payment_fault"],
  ["a refusal", { decline: "51" }, "reversed: payment_fault"],
  ["the loss of an answer", "lost", "reversed: payment_fault"],
] as const) {
  t.test(`${what} that could not be written down is undone as soon as the disk takes it`, async (t) => {
    const f = await floor(t);
    const { order } = await f.placeOrder();
    f.bank.plan = plan;
    f.bank.onCharge = () => fillDisk(f.store);
    const swipe = await f.submission(order);
    await f.payments.submit(f.kiosk.id, swipe);
    await f.clock.advance(Seconds(600));
    t.equal(f.storyOf(swipe.payment).at(-1), "charging");
    await freeDisk(f.store);
    await f.clock.advance(Seconds(60));
    t.equal(f.storyOf(swipe.payment).at(-1), ends);
    t.equal(f.lastResult()?.orderPayable, true);
    t.same(await disagreements(f, f), []);
    await f.payments.close();
    t.equal(f.clock.pending, 0);
  });
}

t.test(
  "a payment that could not be ended before it reached the bank is ended as soon as the disk takes it",
  async (t) => {
    const f = await floor(t);
    const { order } = await f.placeOrder();
    const payment = (await goTo["collecting"]?.(f, order)) ?? "";
    await fillDisk(f.store);
    f.voice.end("hangup");
    await f.clock.advance(Seconds(5));
    t.equal(f.storyOf(payment).at(-1), "collecting");
    await freeDisk(f.store);
    await f.clock.advance(Seconds(60));
    t.equal(f.storyOf(payment).at(-1), "failed: payment_fault");
    t.same(await disagreements(f, f), []);
  },
);

t.test("a call does not outlive its payment", async (t) => {
  const f = await floor(t);
  const { order } = await f.placeOrder();
  const payment = (await goTo["calling"]?.(f, order)) ?? "";
  await fillDisk(f.store);
  f.voice.answer();
  await settle();
  t.ok(f.voice.calls[0]?.over, "the payer types a PIN for nothing no longer");
  await freeDisk(f.store);
  await f.clock.advance(Seconds(1));
  t.equal(f.storyOf(payment).at(-1), "failed: payment_fault");
  t.equal(f.clock.pending, 0);
});

t.test("what the start could not settle is settled as soon as the disk takes it", async (t) => {
  const f = await floor(t);
  const { order } = await f.placeOrder();
  const payment = (await goTo["charging"]?.(f, order)) ?? "";
  await fillDisk(f.store);
  await f.store.destroy();
  const next = await f.startProcess();
  await next.payments.recover();
  await freeDisk(next.store);
  await f.clock.advance(Seconds(60));
  t.match(f.storyOf(payment).at(-1), /^reversed/);
  t.same(await disagreements(f, next), []);
});

t.test("track, PAN, PIN and PIN block are in no table and no log line", async (t) => {
  const f = await floor(t);
  const ends: (BankPlan | "wrong")[] = ["approve", { decline: "55" }, "lost", "unreachable", "wrong"];
  const blocks: string[] = [];
  for (const plan of ends) {
    const { order } = await f.placeOrder();
    const swipe = await f.submission(order, { card: "unionpay-debit", pin: true });
    if (plan === "wrong") {
      await f.payments.submit(f.kiosk.id, { ...swipe, sealed: `${swipe.sealed.slice(0, -8)}AAAAAAAA` });
      continue;
    }
    f.bank.plan = plan;
    await f.payments.submit(f.kiosk.id, swipe);
    await settle();
    f.voice.answer();
    f.voice.type("907351826407#");
    await settle();
    blocks.push(Buffer.from(f.bank.held?.pinBlockThen ?? []).toString("latin1"));
  }
  // Twelve digits: the BCD of a short PIN is found in any file by chance.
  const secrets = ["6224242300000069", "6224242300000069=30122200000000000", "907351826407", ...blocks];
  const places = [f.path, `${f.path}-wal`].map((file) => readFileSync(file));
  t.equal(blocks.length, 4);
  for (const secret of secrets) {
    for (const place of [...places, Buffer.from(f.log.join("\n"))]) t.same(findSecret(place, secret), []);
  }
  t.ok(
    places.some((place) => place.includes("622424******0069")),
    "the search would have found it",
  );
});
