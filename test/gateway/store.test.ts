import { readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openStore } from "@swipewire/gateway/store/store";
import Database from "better-sqlite3";
import { sql } from "kysely";
import t from "tap";
import { openShopFloor } from "./shop-floor.ts";

t.test("commits survive a power cut, and foreign keys hold", async (t) => {
  const store = await openStore(join(t.testdir(), "gateway.sqlite"));
  t.teardown(() => store.destroy());
  const pragma = async (name: string) =>
    Object.values((await sql.raw(`pragma ${name}`).execute(store)).rows[0] ?? {})[0];
  t.equal(await pragma("journal_mode"), "wal");
  t.equal(await pragma("synchronous"), 2);
  t.equal(await pragma("foreign_keys"), 1);
});

t.test("a new database is its owner's only, and so are the files beside it", async (t) => {
  const directory = t.testdir();
  const { store } = await openShopFloor({ path: join(directory, "gateway.sqlite") });
  t.teardown(() => store.destroy());
  const files = readdirSync(directory);
  t.ok(files.includes("gateway.sqlite-wal"));
  for (const file of files) t.equal(statSync(join(directory, file)).mode & 0o777, 0o600, file);
});

t.test("opens again with what was written", async (t) => {
  const path = join(t.testdir(), "gateway.sqlite");
  const first = await openShopFloor({ path });
  const order = await first.placeOrder();
  await first.store.destroy();
  const store = await openStore(path);
  t.teardown(() => store.destroy());
  t.same(await store.selectFrom("orders").select("id").execute(), [{ id: order.order }]);
});

t.test("a file that is no database, or of a newer release, is refused by name", async (t) => {
  const path = join(t.testdir(), "gateway.sqlite");
  writeFileSync(path, "this is not a database, whatever its name says".repeat(40));
  await t.rejects(openStore(path), { code: "store_not_opened" });
  await t.rejects(openStore(join(t.testdir(), "nowhere", "gateway.sqlite")), { code: "store_not_opened" });

  const newer = join(t.testdir(), "newer.sqlite");
  const store = await openStore(newer);
  await sql`insert into kysely_migration (name, timestamp) values ('9999-not-ours', '2099-01-01')`.execute(store);
  await store.destroy();
  await t.rejects(openStore(newer), { code: "store_not_opened" });
});

t.test("payment transitions and ledger entries can't be changed or removed", async (t) => {
  const { store, clock, placeOrder, addPayment } = await openShopFloor();
  t.teardown(() => store.destroy());
  const payment_id = await addPayment((await placeOrder()).order);
  const at = clock.now();
  await store
    .insertInto("payment_transitions")
    .values({ payment_id, from_state: null, to_state: "accepted", cause: "swipe", at })
    .execute();
  await store
    .insertInto("ledger_entries")
    .values({ transfer_id: "t", account: "acquirer", amount: 1, currency: "CNY", payment_id, at })
    .execute();
  for (const table of ["payment_transitions", "ledger_entries"] as const) {
    await t.rejects(store.updateTable(table).set({ at: 0 }).execute(), /append-only/);
    await t.rejects(store.deleteFrom(table).execute(), /append-only/);
    t.equal((await store.selectFrom(table).select("at").execute())[0]?.at, at);
  }
});

t.test("an order has at most one payment that is under way or approved", async (t) => {
  const { store, placeOrder, addPayment } = await openShopFloor();
  t.teardown(() => store.destroy());
  const { order } = await placeOrder();
  await addPayment(order, "declined");
  await addPayment(order, "accepted");
  await t.rejects(addPayment(order, "accepted"), /UNIQUE/);
  await t.rejects(addPayment(order, "approved"), /UNIQUE/);
});

t.test("amounts and states outside the protocol are refused by the tables themselves", async (t) => {
  const { store, placeOrder } = await openShopFloor();
  t.teardown(() => store.destroy());
  const { order } = await placeOrder();
  const update = (set: string) => sql`update orders set ${sql.raw(set)} where id = ${order}`.execute(store);
  await t.rejects(update("amount = 0"), /CHECK/);
  await t.rejects(update("amount = 1000000000000"), /CHECK/);
  await t.rejects(update("status = 'free'"), /CHECK/);
  await t.rejects(update("merchant_id = 'nobody'"), /FOREIGN KEY/);
});

t.test(
  "a transaction holds the lock from its beginning, so that none fails between its reading and its writing",
  async (t) => {
    const path = join(t.testdir(), "gateway.sqlite");
    const { store } = await openShopFloor({ path });
    // Another process that does not wait.
    const other = new Database(path, { timeout: 0 });
    t.teardown(() => other.close());
    t.teardown(() => store.destroy());
    await store.transaction().execute(async (trx) => {
      await trx.selectFrom("merchants").select("id").execute();
      t.throws(() => other.exec("update merchants set name = 'Other'"), /locked/);
      await trx.updateTable("merchants").set({ name: "Coffee House" }).execute();
    });
    other.exec("update merchants set name = name || '!'");
    t.same(await store.selectFrom("merchants").select("name").execute(), [{ name: "Coffee House!" }]);
  },
);
