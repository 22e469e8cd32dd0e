import { balance, checkZero, merchantAccount, postSale } from "@swipewire/gateway/ledger/ledger";
import fc from "fast-check";
import t from "tap";
import { openShopFloor } from "./shop-floor.ts";

t.test("a sale credits the merchant with what the acquirer owes", async (t) => {
  const { store, clock, account, placeOrder, addPayment } = await openShopFloor();
  t.teardown(() => store.destroy());
  const payment = await addPayment((await placeOrder()).order, "approved");
  const sale = { payment, merchantId: account.merchant, amount: 1_250, currency: "CNY", at: clock.now() };
  await store.transaction().execute((trx) => postSale(trx, sale));
  t.equal(await balance(store, merchantAccount(account.merchant), "CNY"), 1_250);
  t.equal(await balance(store, "acquirer", "CNY"), -1_250);
  t.equal(await balance(store, "acquirer", "EUR"), 0);
  await checkZero(store);
  await t.rejects(
    store.transaction().execute((trx) => postSale(trx, sale)),
    /UNIQUE/,
    "a payment is booked once",
  );
  t.equal(await balance(store, merchantAccount(account.merchant), "CNY"), 1_250);
});

t.test("balances are the sums of the sales, and the ledger sums to zero, whatever is sold", async (t) => {
  const sales = fc.array(
    fc.record({ amount: fc.integer({ min: 1, max: 999_999_999_999 }), currency: fc.constantFrom("CNY", "EUR", "JPY") }),
    { maxLength: 10 },
  );
  await fc.assert(
    fc.asyncProperty(sales, async (sales) => {
      const { store, clock, account, placeOrder, addPayment } = await openShopFloor();
      const expected = new Map<string, number>();
      for (const { amount, currency } of sales) {
        const payment = await addPayment((await placeOrder()).order, "approved");
        const sale = { payment, merchantId: account.merchant, amount, currency, at: clock.now() };
        await store.transaction().execute((trx) => postSale(trx, sale));
        expected.set(currency, (expected.get(currency) ?? 0) + amount);
      }
      for (const currency of ["CNY", "EUR", "JPY"]) {
        const sold = expected.get(currency) ?? 0;
        t.equal(await balance(store, merchantAccount(account.merchant), currency), sold);
        t.equal(await balance(store, "acquirer", currency), 0 - sold);
      }
      await checkZero(store);
      await store.destroy();
    }),
    { seed: 11, numRuns: 15 },
  );
});

t.test("a transfer booked on one side only is found", async (t) => {
  const { store, clock, placeOrder, addPayment } = await openShopFloor();
  t.teardown(() => store.destroy());
  const payment_id = await addPayment((await placeOrder()).order, "approved");
  const entry = { account: "acquirer", currency: "CNY", payment_id, at: clock.now() };
  // Two wrongs that add up to zero are still two wrongs.
  await store
    .insertInto("ledger_entries")
    .values([
      { ...entry, transfer_id: "a", amount: 5 },
      { ...entry, transfer_id: "b", amount: -5 },
    ])
    .execute();
  await t.rejects(checkZero(store), { code: "ledger_unbalanced" });
});

t.test("a sale that is taken back with its transaction leaves nothing behind", async (t) => {
  const { store, clock, account, placeOrder, addPayment } = await openShopFloor();
  t.teardown(() => store.destroy());
  const payment = await addPayment((await placeOrder()).order, "approved");
  await t.rejects(
    store.transaction().execute(async (trx) => {
      await postSale(trx, { payment, merchantId: account.merchant, amount: 5, currency: "CNY", at: clock.now() });
      throw new Error("the power went");
    }),
    /the power went/,
  );
  t.equal(await balance(store, "acquirer", "CNY"), 0);
});
