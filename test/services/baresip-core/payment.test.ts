import { testCard } from "@swipewire/simulator/cards/test-cards";
import { startSystem } from "@swipewire/simulator/demo/system";
import t from "tap";
import {
  clock,
  emptyFolder,
  newOrder,
  random,
  recordingLogger,
  swipeFor,
  untilStep,
  untilView,
} from "../../system/stage.ts";
import { LOCAL_TRUNK, NUMBER } from "./baresip-floor.ts";
import { startCallee } from "./sipp-callee.ts";

t.test("a payment is made with the PIN of a real phone call, and its log does not know the number", async (t) => {
  const port = await startCallee(t, "types");
  const card = { ...testCard("unionpay-debit"), pin: new TextEncoder().encode(NUMBER.slice(-4)) };
  const { logger, written } = recordingLogger();
  const system = await startSystem({
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
        kind: "baresip",
        ...LOCAL_TRUNK,
        port,
        languages: [{ prefix: "+86", language: "zh" }],
      },
    }),
  });
  t.teardown(() => system.close());
  const { session } = system.daemon;
  const { shop, bank } = system;
  await untilView(session, (view) => view.gateway);
  const order = await shop.placeOrder(newOrder("T-1"));
  await swipeFor(
    { session, shop, deliver: (frame) => system.transport.deliver(frame) },
    order,
    card,
    undefined,
    NUMBER,
  );
  const { result } = await untilStep(session, "result");
  t.match(result, { outcome: "approved" });
  t.equal(bank.books.totalCharged, 10_000);
  t.equal((await shop.order(order.order)).status, "paid");
  t.notOk(written().includes(NUMBER.slice(1)));
});
