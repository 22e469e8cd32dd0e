import { Minutes } from "@swipewire/protocol/time";
import t from "tap";
import { paymentFloor } from "./payment-floor.ts";

for (const ruling of ["reversed", "approved"] as const) {
  t.test(`what the operator rules, ${ruling}, ends a reversal that the bank refuses`, async (t) => {
    const f = await paymentFloor(t);
    const { order } = await f.placeOrder();
    f.bank.plan = "lost";
    f.bank.deafTo = Number.POSITIVE_INFINITY;
    const payment = await f.submit(order);
    await f.clock.advance(Minutes(61));
    t.match(f.log.join(""), /"code":"payment_reversal_overdue"/);
    await f.records.rule(payment, ruling);
    await f.clock.advance(Minutes(1));
    t.match(f.storyOf(payment).at(-1), ruling);
    t.same(await f.bankTransactions(), [`1 ${ruling}`]);
    t.equal((await f.orders.get(f.merchant, order)).status, ruling === "approved" ? "paid" : "expired");
    t.match((await f.records.history(payment)).at(-1), { from: "reversing", to: ruling, cause: "operator_ruled" });
    await t.rejects(f.records.rule(payment, ruling), { code: "payment_not_settleable" });
  });
}
