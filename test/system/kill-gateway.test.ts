import { join } from "node:path";
import { balance, checkZero, merchantAccount } from "@swipewire/gateway/ledger/ledger";
import { openStore } from "@swipewire/gateway/store/store";
import { startBank } from "@swipewire/simulator/bank/bank";
import { testCard, testCards } from "@swipewire/simulator/cards/test-cards";
import { gatewayConfig, makeTestKeys, startTerminal, TEST_TMK } from "@swipewire/simulator/demo/system";
import { startPhones } from "@swipewire/simulator/phone/phones";
import { startShop } from "@swipewire/simulator/shop/shop";
import t from "tap";
import { addMerchant, startGatewayProcess, terminalToken, writeConfig } from "./gateway-process.ts";
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
  untilView,
} from "./stage.ts";
import { tapWire } from "./wire-tap.ts";

t.test("the gateway is killed twice in mid-payment: nothing is lost, nobody is charged twice", async (t) => {
  const { logger } = recordingLogger();
  const local = { host: "127.0.0.1", port: 0, clock, random, logger };
  const folder = await emptyFolder(t);
  const bank = await startBank({ ...local, cards: testCards, tmk: TEST_TMK });
  t.teardown(() => bank.close());
  const phones = await startPhones(local);
  t.teardown(() => phones.close());
  const shop = await startShop(local);
  t.teardown(() => shop.close());

  let brokerPort = 0;
  const bankLine = await tapWire(() => bank.port);
  t.teardown(() => bankLine.close());
  const terminalLine = await tapWire(() => brokerPort);
  t.teardown(() => terminalLine.close());

  const usual = gatewayConfig({ folder, bankPort: bank.port, phonesUrl: phones.url, replySeconds: 60 });
  await makeTestKeys(usual, { clock, random });
  const config = await writeConfig(folder, {
    ...throughLine(usual, bankLine.port),
    broker: { kind: "embedded", host: "127.0.0.1", port: 0, publicUrl: `mqtt://127.0.0.1:${terminalLine.port}` },
  });
  const account = await addMerchant(config, shop.webhookUrl);
  let gateway = await startGatewayProcess(config);
  t.teardown(() => gateway.kill());
  const startAgain = async () => {
    gateway = await startGatewayProcess(config);
    brokerPort = gateway.brokerPort;
    shop.connect({ gatewayUrl: gateway.httpUrl, ...account });
  };
  brokerPort = gateway.brokerPort;
  shop.connect({ gatewayUrl: gateway.httpUrl, ...account });

  const { daemon, transport } = await startTerminal({
    gatewayUrl: gateway.httpUrl,
    token: await terminalToken(config),
    stateDir: join(folder, "terminal"),
    family: "magtek-magnesafe",
    clock,
    random,
    logger,
  });
  t.teardown(() => daemon.close());
  const { session } = daemon;
  const payer = { session, shop, deliver: (frame: Uint8Array) => transport.deliver(frame) };
  const card = testCard("unionpay-debit");
  const phone = phones.phone(PHONE);
  const order = await shop.placeOrder(newOrder("T-1"));

  // While the phone rings nothing has reached the bank.
  const rings = new Promise<void>((resolve) => phone.onRing(resolve));
  await untilView(session, (view) => view.gateway);
  await swipeFor(payer, order, card);
  await rings;
  await untilStep(session, "paying");
  await gateway.kill();
  await startAgain();
  const interrupted = await untilStep(session, "result");
  t.match(interrupted.result, { outcome: "failed", reason: "payment_interrupted", orderPayable: true });
  t.match(await shop.nextEvent(), { type: "payment.failed", data: { status: "payable" } });
  t.same(bank.books.journal, [], "the bank never heard of it");
  session.command({ do: "finish" });

  // When the bank has charged and its answer is lost, only a reversal makes the order payable again.
  phone.script = pinOf(card);
  await untilView(session, (view) => view.gateway);
  bankLine.deaf = true;
  const posted = untilEntry(bank.books, "purchase");
  await swipeFor(payer, order, card);
  t.equal((await posted).responseCode, "00");
  t.equal(bank.books.totalCharged, 10_000, "the bank has charged the card");
  await gateway.kill();
  bankLine.cut();
  bankLine.deaf = false;
  await startAgain();
  const undone = await untilStep(session, "result");
  t.match(undone.result, { outcome: "reversed", orderPayable: true });
  t.match(await shop.nextEvent(), { type: "payment.reversed", data: { status: "payable" } });
  t.equal(bank.books.totalCharged, 0, "the charge is undone");
  session.command({ do: "finish" });

  await untilView(session, (view) => view.gateway);
  await swipeFor(payer, order, card);
  t.match((await untilStep(session, "result")).result, { outcome: "approved" });
  t.match(await shop.nextEvent(), { type: "payment.approved", data: { status: "paid" } });
  t.equal((await shop.order(order.order)).status, "paid");
  t.equal(bank.books.totalCharged, 10_000, "charged once");
  t.equal(await gateway.stop(), 0, "it ends cleanly when it is asked to");

  const store = await openStore(join(folder, "gateway.sqlite"));
  t.teardown(() => store.destroy());
  await checkZero(store);
  t.equal(await balance(store, merchantAccount(account.merchant), "CNY"), 10_000);
  const states = await store.selectFrom("payments").select("state").orderBy("created_at").execute();
  t.same(
    states.map(({ state }) => state),
    ["failed", "reversed", "approved"],
  );
});
