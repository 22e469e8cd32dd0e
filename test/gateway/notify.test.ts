import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { Outbox } from "@swipewire/gateway/notify/outbox";
import type { SmsChannel } from "@swipewire/gateway/notify/sms-channel";
import type { WebhookEvent } from "@swipewire/protocol/messages/webhook";
import { Hours, isoTime, Millis, Minutes, Seconds } from "@swipewire/protocol/time";
import { pino } from "pino";
import { Webhook } from "standardwebhooks";
import t, { type Test } from "tap";
import { settle } from "../simulated-clock.ts";
import { openShopFloor, type ShopFloor } from "./shop-floor.ts";

interface Delivery {
  readonly headers: Record<string, string>;
  readonly body: string;
  readonly response: ServerResponse;
}

/** A merchant's server that does with each delivery what the test says. */
async function startReceiver(t: Test, answer: (delivery: Delivery, count: number) => void) {
  const deliveries: Delivery[] = [];
  const server = createServer(async (request: IncomingMessage, response: ServerResponse) => {
    let body = "";
    for await (const piece of request) body += piece;
    const delivery = { headers: request.headers as Record<string, string>, body, response };
    deliveries.push(delivery);
    server.emit("delivery");
    answer(delivery, deliveries.length);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    deliveries,
    async arrived(count: number) {
      while (deliveries.length < count) await once(server, "delivery");
    },
  };
}

const answerWith =
  (status: number, headers = {}) =>
  (delivery: Delivery) => {
    delivery.response.writeHead(status, headers).end();
  };

const noSms: SmsChannel = {
  send: async () => {
    throw new Error("no text was to be sent");
  },
  close: async () => {},
};

const openOutbox = (t: Test, { store, clock, random }: ShopFloor, sms = noSms) => {
  const outbox = new Outbox({ store, clock, random, logger: pino({ level: "silent" }), sms });
  t.teardown(async () => {
    await outbox.close();
    await store.destroy();
  });
  return outbox;
};

const event = (floor: ShopFloor): WebhookEvent => ({
  type: "payment.approved",
  timestamp: isoTime(floor.clock.now()),
  data: {
    order: "00000000-0000-4000-8000-000000000001",
    orderNumber: "N-1",
    payment: "00000000-0000-4000-8000-000000000002",
    status: "paid",
    amount: 1_250,
    currency: "CNY",
  },
});

const owe = async (floor: ShopFloor, outbox: Outbox, merchant = floor.account.merchant) =>
  floor.store.transaction().execute((trx) => outbox.enqueueWebhook(trx, merchant, event(floor)));

const setUrl = (floor: ShopFloor, url: string, merchant = floor.account.merchant) =>
  floor.store.updateTable("merchants").set({ webhook_url: url }).where("id", "=", merchant).execute();

const rows = ({ store }: ShopFloor) => store.selectFrom("outbox").selectAll().orderBy("created_at").execute();

/** Waits in real time for what real sockets bring about: a row that is as the test expects. */
async function until(floor: ShopFloor, holds: (all: Awaited<ReturnType<typeof rows>>) => boolean) {
  for (;;) {
    const now = await rows(floor);
    if (holds(now)) return now;
    await settle();
  }
}

/** Once the first row has failed so often, on to the moment of its next attempt and no further. */
async function advanceToNextAttempt(floor: ShopFloor, attempts: number) {
  const [row] = await until(floor, ([row]) => row?.attempts === attempts);
  await floor.clock.advance(Millis((row?.next_attempt_at ?? 0) - floor.clock.now()));
}

t.test("an event is delivered at once, signed so that the library verifies it", async (t) => {
  // The library checks the timestamp against the machine's clock.
  const floor = await openShopFloor({ now: Date.now() });
  const outbox = openOutbox(t, floor);
  const receiver = await startReceiver(t, answerWith(204));
  await setUrl(floor, receiver.url);
  outbox.start();
  await owe(floor, outbox);
  const [row] = await until(floor, ([row]) => row?.done_at != null);
  const [delivery] = receiver.deliveries;
  t.same(new Webhook(floor.account.webhookSecret).verify(delivery?.body ?? "", delivery?.headers ?? {}), event(floor));
  t.equal(delivery?.headers["webhook-id"], row?.id);
  t.equal(delivery?.headers["content-type"], "application/json");
  t.throws(() => new Webhook(floor.account.webhookSecret).verify(`${delivery?.body} `, delivery?.headers ?? {}));
});

t.test("failed deliveries are repeated on the schedule, under one id, until one succeeds", async (t) => {
  const floor = await openShopFloor();
  const outbox = openOutbox(t, floor);
  const receiver = await startReceiver(t, (delivery, count) => answerWith(count < 4 ? 500 : 200)(delivery));
  await setUrl(floor, receiver.url);
  outbox.start();
  await owe(floor, outbox);
  for (const [attempt, wait] of [Seconds(5), Minutes(5), Minutes(30)].entries()) {
    const [row] = await until(floor, ([row]) => row?.attempts === attempt + 1);
    t.equal(row?.last_error, "webhook_refused");
    t.equal(row?.next_attempt_at, floor.clock.now() + wait);
    await floor.clock.advance(Seconds(wait / 1000 - 1));
    t.equal(receiver.deliveries.length, attempt + 1, "not before its time");
    await floor.clock.advance(Seconds(1));
    await receiver.arrived(attempt + 2);
  }
  const [row] = await until(floor, ([row]) => row?.done_at != null);
  t.equal(row?.attempts, 4);
  t.equal(new Set(receiver.deliveries.map(({ headers }) => headers["webhook-id"])).size, 1);
  t.equal(new Set(receiver.deliveries.map(({ body }) => body)).size, 1);
  t.equal(new Set(receiver.deliveries.map(({ headers }) => headers["webhook-timestamp"])).size, 4);
});

t.test("after the last attempt of the schedule the event is given up and kept", async (t) => {
  const floor = await openShopFloor();
  const outbox = openOutbox(t, floor);
  const receiver = await startReceiver(t, answerWith(404));
  await setUrl(floor, receiver.url);
  outbox.start();
  await owe(floor, outbox);
  for (let attempt = 1; attempt < 10; attempt++) {
    await advanceToNextAttempt(floor, attempt);
  }
  const [row] = await until(floor, ([row]) => row?.given_up_at != null);
  t.match(row, { attempts: 10, done_at: null, last_error: "webhook_refused" });
  await floor.clock.advance(Hours(48));
  t.equal(receiver.deliveries.length, 10);
});

t.test("a restart goes on with the attempts and times of before", async (t) => {
  const path = join(t.testdir(), "gateway.sqlite");
  const receiver = await startReceiver(t, (delivery, count) => answerWith(count === 1 ? 503 : 200)(delivery));

  const before = await openShopFloor({ path });
  await setUrl(before, receiver.url);
  const first = new Outbox({ ...before, logger: pino({ level: "silent" }), sms: noSms });
  first.start();
  await owe(before, first);
  const [failed] = await until(before, ([row]) => row?.attempts === 1);
  await first.close();
  t.equal(before.clock.pending, 0, "no timer is left behind");
  await before.store.destroy();

  const { openStore } = await import("@swipewire/gateway/store/store");
  const store = await openStore(path);
  const after = { ...before, store };
  const second = openOutbox(t, after);
  second.start();
  await settle();
  t.equal(receiver.deliveries.length, 1, "not before its time");
  await after.clock.advance(Seconds(5));
  const [done] = await until(after, ([row]) => row?.done_at != null);
  t.match(done, { id: failed?.id, attempts: 2 });
});

t.test("redirects are not followed, and count as a failure", async (t) => {
  const floor = await openShopFloor();
  const outbox = openOutbox(t, floor);
  const target = await startReceiver(t, answerWith(200));
  const receiver = await startReceiver(t, answerWith(307, { location: target.url }));
  await setUrl(floor, receiver.url);
  outbox.start();
  await owe(floor, outbox);
  const [row] = await until(floor, ([row]) => row?.attempts === 1);
  t.match(row, { done_at: null, last_error: "webhook_refused" });
  t.equal(target.deliveries.length, 0);
});

t.test("a merchant's server that is not there is told apart from one that refuses", async (t) => {
  const floor = await openShopFloor();
  const outbox = openOutbox(t, floor);
  outbox.start();
  await setUrl(floor, "http://127.0.0.1:1/hook");
  await owe(floor, outbox);
  const [row] = await until(floor, ([row]) => row?.attempts === 1);
  t.match(row, { done_at: null, last_error: "webhook_unreachable" });
});

t.test("a server that never answers is left after its time, and holds up no other merchant", async (t) => {
  const floor = await openShopFloor();
  const outbox = openOutbox(t, floor);
  const silent = await startReceiver(t, () => {});
  const quick = await startReceiver(t, answerWith(200));
  const other = await floor.merchants.add({ memberCode: "M-2", name: "Other", webhookUrl: "https://example.com/" });
  await setUrl(floor, silent.url);
  await setUrl(floor, quick.url, other.merchant);
  outbox.start();
  for (let n = 0; n < 30; n++) await owe(floor, outbox);
  await silent.arrived(4);
  await owe(floor, outbox, other.merchant);
  await until(floor, (rows) => rows.some((row) => row.merchant_id === other.merchant && row.done_at !== null));
  t.equal(silent.deliveries.length, 4, "few at once to one receiver");
  await floor.clock.advance(Seconds(15));
  await until(floor, (rows) => rows.filter((row) => row.last_error === "webhook_timed_out").length === 4);
});

t.test("closing breaks off an attempt under way without counting it", async (t) => {
  const floor = await openShopFloor();
  const outbox = openOutbox(t, floor);
  const silent = await startReceiver(t, () => {});
  await setUrl(floor, silent.url);
  outbox.start();
  await owe(floor, outbox);
  await silent.arrived(1);
  await outbox.close();
  t.match(await rows(floor), [{ attempts: 0, done_at: null, last_error: null }]);
  t.equal(floor.clock.pending, 0);
});

t.test("what is taken back with its transaction is never sent", async (t) => {
  const floor = await openShopFloor();
  const outbox = openOutbox(t, floor);
  const receiver = await startReceiver(t, answerWith(200));
  await setUrl(floor, receiver.url);
  outbox.start();
  await t.rejects(
    floor.store.transaction().execute(async (trx) => {
      await outbox.enqueueWebhook(trx, floor.account.merchant, event(floor));
      throw new Error("the power went");
    }),
  );
  await owe(floor, outbox);
  await until(floor, (rows) => rows.every((row) => row.done_at !== null));
  t.equal(receiver.deliveries.length, 1);
});

t.test("a text is repeated, and its number and words are forgotten once it is sent", async (t) => {
  const floor = await openShopFloor();
  const sent: string[] = [];
  const outbox = openOutbox(t, floor, {
    async send(to, text) {
      sent.push(`${to} ${text}`);
      if (sent.length === 1) throw new Error("no signal");
    },
    close: async () => {},
  });
  outbox.start();
  await floor.store.transaction().execute((trx) => outbox.enqueueSms(trx, "+8613800138000", "Paid: 12.50"));
  await until(floor, ([row]) => row?.attempts === 1);
  await floor.clock.advance(Seconds(5));
  const [row] = await until(floor, ([row]) => row?.done_at != null);
  t.same(sent, Array(2).fill("+8613800138000 Paid: 12.50"));
  t.equal(row?.payload, "{}");
});

t.test("a channel that hangs holds up the texts behind it for a while only, and not the stop", async (t) => {
  const floor = await openShopFloor();
  const asked: string[] = [];
  const outbox = openOutbox(t, floor, {
    send: (to) => {
      asked.push(to);
      return to.endsWith("9") ? Promise.resolve() : new Promise(() => {});
    },
    close: async () => {},
  });
  outbox.start();
  const text = (to: string) => floor.store.transaction().execute((trx) => outbox.enqueueSms(trx, to, "Paid"));
  for (let n = 0; n < 4; n++) await text(`+861380013800${n}`);
  while (asked.length < 4) await settle();
  await text("+8613800138009");
  await floor.clock.advance(Seconds(30));
  await until(floor, (rows) => rows.some(({ done_at }) => done_at !== null));
  const failed = await until(floor, (rows) => rows.filter(({ attempts }) => attempts === 1).length === 5);
  t.same(new Set(failed.map(({ last_error }) => last_error)), new Set(["sms_not_sent", null]));
  await floor.clock.advance(Seconds(5));
  while (asked.length < 9) await settle();
  await outbox.close();
  t.equal(floor.clock.pending, 0);
});

t.test("a text that is given up is forgotten too", async (t) => {
  const floor = await openShopFloor();
  const outbox = openOutbox(t, floor);
  outbox.start();
  await floor.store.transaction().execute((trx) => outbox.enqueueSms(trx, "+8613800138000", "Paid: 12.50"));
  for (let attempt = 1; attempt < 6; attempt++) {
    await advanceToNextAttempt(floor, attempt);
  }
  const [row] = await until(floor, ([row]) => row?.given_up_at != null);
  t.match(row, { attempts: 6, payload: "{}" });
});
