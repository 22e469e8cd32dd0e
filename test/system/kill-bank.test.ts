import { balance, checkZero, merchantAccount } from "@swipewire/gateway/ledger/ledger";
import { startBank } from "@swipewire/simulator/bank/bank";
import { testCard, testCards } from "@swipewire/simulator/cards/test-cards";
import { startSystem, TEST_TMK } from "@swipewire/simulator/demo/system";
import t from "tap";
import {
  clock,
  emptyFolder,
  newOrder,
  PHONE,
  pinOf,
  random,
  recordingLogger,
  swipeFor,
  throughLine,
  untilEntry,
  untilStep,
} from "./stage.ts";
import { tapWire } from "./wire-tap.ts";

t.test(
  "a bank that dies after charging, before answering: the charge is undone, and the order can be paid",
  async (t) => {
    const { logger } = recordingLogger();
    let bankPort = 0;
    const line = await tapWire(() => bankPort);
    const system = await startSystem({
      folder: await emptyFolder(t),
      family: "magtek-magnesafe",
      clock,
      random,
      logger,
      replySeconds: 60,
      adjust: (config) => {
        bankPort = config.acquirer.port;
        return throughLine(config, line.port);
      },
    });
    t.teardown(() => line.close());
    t.teardown(() => system.close());
    const { shop, gateway, phones, bank } = system;
    const { session } = system.daemon;
    const payer = { session, shop, deliver: (frame: Uint8Array) => system.transport.deliver(frame) };
    phones.phone(PHONE).script = pinOf(testCard("unionpay-debit"));

    const order = await shop.placeOrder(newOrder("T-1"));
    const posted = untilEntry(bank.books, "purchase");
    line.deaf = true;
    await swipeFor(payer, order);
    t.equal((await posted).responseCode, "00");
    t.equal(bank.books.totalCharged, 10_000, "the bank has charged the card");
    await bank.close();
    line.cut();
    line.deaf = false;
    t.equal((await shop.order(order.order)).status, "paying", "nobody claims to know how it ended");

    const again = await startBank({
      host: "127.0.0.1",
      port: 0,
      cards: testCards,
      tmk: TEST_TMK,
      clock,
      random,
      logger,
      books: bank.books,
    });
    t.teardown(() => again.close());
    bankPort = again.port;
    const undone = await untilStep(session, "result");
    t.match(undone.result, { outcome: "reversed", orderPayable: true });
    t.equal(bank.books.totalCharged, 0);
    t.match(await shop.nextEvent(), { type: "payment.reversed", data: { status: "payable" } });
    session.command({ do: "finish" });

    await swipeFor(payer, order);
    t.match((await untilStep(session, "result")).result, { outcome: "approved" });
    t.match(await shop.nextEvent(), { type: "payment.approved", data: { status: "paid" } });
    t.equal(bank.books.totalCharged, 10_000, "charged once");
    await checkZero(gateway.store);
    const merchant = await gateway.store.selectFrom("merchants").select("id").executeTakeFirstOrThrow();
    t.equal(await balance(gateway.store, merchantAccount(merchant.id), "CNY"), 10_000);
    t.equal((await shop.order(order.order)).status, "paid");
  },
);
