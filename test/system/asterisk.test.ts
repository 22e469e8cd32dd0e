import { startAriServer } from "@swipewire/simulator/asterisk/ari-server";
import { testCard } from "@swipewire/simulator/cards/test-cards";
import { type System, startSystem } from "@swipewire/simulator/demo/system";
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
  untilStep,
  untilView,
} from "./stage.ts";

t.test("a payer who is phoned through Asterisk types a wrong PIN, is phoned again and pays", async (t) => {
  let system: System | undefined;
  const account = { user: "gateway", password: "not-in-any-log" };
  const asterisk = await startAriServer({
    host: "127.0.0.1",
    port: 0,
    ...account,
    clock,
    phone: (number) => {
      if (!system) throw new Error("called before there is anybody");
      return system.phones.phone(number);
    },
  });
  t.teardown(() => asterisk.close());
  const card = testCard("unionpay-debit");
  const { logger, written } = recordingLogger();
  system = await startSystem({
    folder: await emptyFolder(t),
    family: "magtek-magnesafe",
    clock,
    random,
    logger,
    replySeconds: 60,
    cards: [card],
    adjust: (config) => ({
      ...config,
      voice: {
        kind: "asterisk",
        url: asterisk.url,
        ...account,
        app: "swipewire",
        endpoint: "PJSIP/{number}@trunk",
        sounds: "swipewire",
        language: "zh",
        languages: [],
      },
    }),
  });
  t.teardown(() => system?.close());
  const { daemon, shop, phones, bank, transport } = system;
  const payer = phones.phone(PHONE);
  payer.script = pinOf({ ...card, pin: new TextEncoder().encode("000000") });
  // The bank has just refused the wrong one.
  bank.books.onEntry(() => {
    payer.script = pinOf(card);
  });

  await untilView(daemon.session, (view) => view.gateway);
  const order = await shop.placeOrder(newOrder("T-1"));
  await swipeFor({ session: daemon.session, shop, deliver: (frame) => transport.deliver(frame) }, order, card);
  const { result } = await untilStep(daemon.session, "result");
  t.match(result, { outcome: "approved" });
  t.same(
    bank.books.journal.map(({ kind, responseCode }) => `${kind} ${responseCode}`),
    ["purchase 55", "purchase 00"],
  );
  t.equal((await shop.order(order.order)).status, "paid");
  t.notOk(/not-in-any-log|13800000000/.test(written().toString()), "the log knows neither password nor number");
});
