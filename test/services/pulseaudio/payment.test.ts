import { join } from "node:path";
import { startDaemon } from "@swipewire/daemon/daemon";
import { enrol } from "@swipewire/daemon/enrolment/enrol";
import { audioTransport } from "@swipewire/daemon/transports/audio";
import { testCard } from "@swipewire/simulator/cards/test-cards";
import { startSystem } from "@swipewire/simulator/demo/system";
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
} from "../../system/stage.ts";
import { startSoundServer } from "./sound-server.ts";

t.test("an order is paid by a swipe that is played into a sound input", async (t) => {
  const server = await startSoundServer(t);
  await server.plug("head");
  const { logger, written } = recordingLogger();
  const folder = await emptyFolder(t);
  const system = await startSystem({ folder, family: "ascii", clock, random, logger, replySeconds: 60 });
  t.teardown(() => system.close());
  const { token } = await system.gateway.terminals.issueEnrolmentToken();
  const stateDir = join(folder, "jack");
  const { identity } = await enrol({ gateway: system.gateway.httpUrl, token, name: "Jack", stateDir });
  const input = { name: "jack", source: "pulse:head.monitor", channels: 1 } as const;
  const daemon = await startDaemon({
    config: { stateDir, log: { level: "info" }, localApi: { port: 0, allowedOrigins: [] }, readers: [], profiles: [] },
    identity,
    transports: [audioTransport({ ...input, warn: () => {}, clock, random })],
    clock,
    random,
    logger,
  });
  t.teardown(() => daemon.close());
  const { session } = daemon;
  await untilView(session, ({ gateway, reader }) => gateway && reader.connected);

  const card = testCard("unionpay-debit");
  system.phones.phone(PHONE).script = pinOf(card);
  const deliver = () => void server.play("head", "swipe", "--card", card.name);
  await swipeFor({ session, shop: system.shop, deliver }, await system.shop.placeOrder(newOrder("T-1")));
  t.match((await untilStep(session, "result")).result, { outcome: "approved" });
  t.equal(system.bank.books.charged(card.name), 10_000);
  await daemon.close();
  t.notOk(written().includes("6224242300000069"), "the card is in no log");
});
