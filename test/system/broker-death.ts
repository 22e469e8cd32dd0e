import { balance, checkZero, merchantAccount } from "@swipewire/gateway/ledger/ledger";
import { testCard } from "@swipewire/simulator/cards/test-cards";
import { startSystem } from "@swipewire/simulator/demo/system";
import type { Test } from "tap";
import {
  clock,
  emptyFolder,
  newOrder,
  PHONE,
  pinOf,
  random,
  recordingLogger,
  swipeFor,
  untilStep,
  untilView,
} from "./stage.ts";

export interface MortalBroker {
  readonly url: string;
  readonly username: string;
  readonly password: string;
  /** Ends it without a word to its clients; what it held in memory is lost. */
  kill(): Promise<void>;
  /** Starts it again on the same port. */
  restart(): Promise<void>;
}

/** A broker dies while the payer is on the phone: the payment ends at the gateway, and the terminal learns how. */
export async function outliveBroker(t: Test, broker: MortalBroker): Promise<void> {
  const { logger } = recordingLogger();
  const { url, username, password } = broker;
  const system = await startSystem({
    folder: await emptyFolder(t),
    family: "magtek-magnesafe",
    clock,
    random,
    logger,
    replySeconds: 60,
    adjust: (config) => ({ ...config, broker: { kind: "external", url, username, password } }),
  });
  t.teardown(() => system.close());
  const { shop, gateway, phones, bank } = system;
  const { session } = system.daemon;
  const card = testCard("unionpay-debit");
  const phone = phones.phone(PHONE);
  const rings = new Promise<void>((resolve) => phone.onRing(resolve));

  const order = await shop.placeOrder(newOrder("T-1"));
  await untilView(session, (view) => view.gateway);
  await swipeFor({ session, shop, deliver: (frame) => system.transport.deliver(frame) }, order, card);
  await rings;
  await untilStep(session, "paying");
  await broker.kill();
  const lost = await untilView(session, (view) => !view.gateway);
  t.equal(lost.step, "checking", "the terminal does not claim to know");

  phone.answer();
  for (const key of card.pin ?? []) phone.press(key);
  phone.press(0x23);
  t.match(await shop.nextEvent(), { type: "payment.approved", data: { status: "paid" } });
  t.equal(session.view().step, "checking");

  await broker.restart();
  const known = await untilStep(session, "result");
  t.match(known.result, { outcome: "approved", orderPayable: false });
  t.equal(bank.books.totalCharged, 10_000, "charged once");
  await checkZero(gateway.store);
  const merchant = await gateway.store.selectFrom("merchants").select("id").executeTakeFirstOrThrow();
  t.equal(await balance(gateway.store, merchantAccount(merchant.id), "CNY"), 10_000);
  t.equal((await shop.order(order.order)).status, "paid");

  session.command({ do: "finish" });
  const next = await shop.placeOrder(newOrder("T-2", 2_500));
  phone.script = pinOf(card);
  await swipeFor({ session, shop, deliver: (frame) => system.transport.deliver(frame) }, next, card);
  t.match((await untilStep(session, "result")).result, { outcome: "approved" }, "and the next payment is as any other");
  t.equal(bank.books.totalCharged, 12_500);
}
