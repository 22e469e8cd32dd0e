import { Leases } from "@swipewire/gateway/payments/leases";
import { Seconds } from "@swipewire/protocol/time";
import t from "tap";
import { settle } from "../simulated-clock.ts";
import { paymentFloor } from "./payment-floor.ts";

t.test(
  "a living process's payments are left to it, a dead one's are taken over when their lease is over",
  async (t) => {
    const f = await paymentFloor(t);
    await f.payments.recover();
    const payment = await f.submit((await f.placeOrder()).order, { pin: true });
    const other = await f.startProcess({ instance: "other" });
    await other.payments.recover();
    await f.clock.advance(Seconds(35));
    t.equal(f.storyOf(payment).at(-1), "calling");

    await f.store.destroy();
    await f.clock.advance(Seconds(29));
    t.equal(f.storyOf(payment).at(-1), "calling");
    await f.clock.advance(Seconds(30));
    t.equal(f.storyOf(payment).at(-1), "failed: payment_interrupted");
  },
);

t.test("a process that was thought dead can do no more to its payment", async (t) => {
  const f = await paymentFloor(t);
  const payment = await f.submit((await f.placeOrder()).order, { pin: true });
  // Its leases were never renewed, as when its machine hung.
  await f.clock.advance(Seconds(31));
  const other = await f.startProcess({ instance: "other" });
  await other.payments.recover();
  t.equal(f.storyOf(payment).at(-1), "failed: payment_interrupted");
  await f.type("1234#");
  await f.clock.advance(Seconds(120));
  t.equal(f.bank.charges.length, 0);
  t.equal(f.storyOf(payment).at(-1), "failed: payment_interrupted");
});

t.test("a process that stops lets others have what it leaves at once", async (t) => {
  const f = await paymentFloor(t);
  f.bank.plan = "hang";
  const payment = await f.submit((await f.placeOrder()).order);
  await f.payments.close();
  const other = await f.startProcess({ instance: "other" });
  await other.payments.recover();
  await settle();
  t.equal(f.storyOf(payment).at(-1), "reversed: payment_interrupted");
});

t.test("no two processes have the same name as owners", async (t) => {
  const f = await paymentFloor(t);
  const owners = ["a", "a", "b"].map((instance) => new Leases({ ...f, instance }).owner);
  t.equal(new Set(owners).size, 3);
});
