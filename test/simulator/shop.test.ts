import type { WebhookEvent } from "@swipewire/protocol/messages/webhook";
import { startShop } from "@swipewire/simulator/shop/shop";
import Fastify from "fastify";
import { pino } from "pino";
import { Webhook } from "standardwebhooks";
import t, { type Test } from "tap";
import { seededRandom } from "../seeded-random.ts";

const webhookSecret = `whsec_${Buffer.from("a secret of thirty-two bytes!!!!").toString("base64")}`;
const order = {
  order: "00000000-0000-4000-8000-000000000001",
  orderNumber: "N-1",
  product: "Green tea",
  amount: 1_250,
  currency: "CNY",
  status: "payable",
  refundedAmount: 0,
  createdAt: "2026-11-01T12:00:00.000Z",
  payableUntil: "2026-11-01T12:30:00.000Z",
  payToken: "p".repeat(32),
} as const;
const newOrder = { orderNumber: "N-1", product: "Green tea", amount: 1_250, currency: "CNY" };

const event: WebhookEvent = {
  type: "payment.approved",
  timestamp: "2026-11-01T12:00:00.000Z",
  data: {
    order: order.order,
    orderNumber: "N-1",
    payment: "00000000-0000-4000-8000-000000000002",
    status: "paid",
    amount: 1_250,
    currency: "CNY",
  },
};

async function openShop(t: Test) {
  const shop = await startShop({
    host: "127.0.0.1",
    port: 0,
    random: seededRandom(3),
    logger: pino({ level: "silent" }),
  });
  t.teardown(() => shop.close());
  return shop;
}

/** Delivers an event as a gateway would, changed as the test says. */
async function deliver(
  url: string,
  { id = "evt-1", secret = webhookSecret, payload = event as object, at = new Date(), tamper = "" } = {},
): Promise<number> {
  const body = JSON.stringify(payload);
  const response = await fetch(url, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      "webhook-id": id,
      "webhook-timestamp": Math.floor(at.getTime() / 1000).toString(),
      "webhook-signature": new Webhook(secret).sign(id, at, body),
    },
    body: body + tamper,
  });
  return response.status;
}

const account = { gatewayUrl: "http://127.0.0.1:1", apiKey: "swk_test", webhookSecret };

t.test("an event is kept once, however often it is delivered", async (t) => {
  const shop = await openShop(t);
  shop.connect(account);
  const waiting = shop.nextEvent();
  t.equal(await deliver(shop.webhookUrl), 204);
  t.equal(await deliver(shop.webhookUrl), 204);
  t.same(await waiting, event);
  t.same(shop.events, [event]);
  t.equal(shop.deliveries, 2);
  t.equal(await deliver(shop.webhookUrl, { id: "evt-2" }), 204);
  t.same(await shop.nextEvent(), event);
});

t.test("a webhook that is forged, altered, old or no event is refused and not kept", async (t) => {
  const shop = await openShop(t);
  shop.connect(account);
  t.equal(await deliver(shop.webhookUrl, { secret: `whsec_${Buffer.from("another").toString("base64")}` }), 401);
  t.equal(await deliver(shop.webhookUrl, { tamper: " " }), 401);
  t.equal(await deliver(shop.webhookUrl, { at: new Date(Date.now() - 3_600_000) }), 401);
  t.equal(await deliver(shop.webhookUrl, { payload: { ...event, extra: 1 } }), 400);
  t.equal((await fetch(shop.webhookUrl, { method: "POST" })).status, 401);
  t.equal(shop.refused, 5);
  t.same(shop.events, []);
});

t.test("it fails as many deliveries as it is told", async (t) => {
  const shop = await openShop(t);
  shop.connect(account);
  shop.failNext(2);
  t.equal(await deliver(shop.webhookUrl), 503);
  t.equal(await deliver(shop.webhookUrl), 503);
  t.same(shop.events, []);
  t.equal(await deliver(shop.webhookUrl), 204);
  t.same(shop.events, [event]);
});

t.test("before it has an account it refuses webhooks and places no order", async (t) => {
  const shop = await openShop(t);
  t.equal(await deliver(shop.webhookUrl), 400);
  await t.rejects(shop.placeOrder(newOrder), { code: "shop_not_connected" });
});

t.test("it places orders and asks for their code as the API has it, and tells what was refused", async (t) => {
  const shop = await openShop(t);
  const asked: unknown[] = [];
  const gateway = Fastify();
  gateway.post("/v1/orders", async (request, reply) => {
    const { authorization, "idempotency-key": key } = request.headers;
    asked.push({ authorization, key, body: request.body });
    return reply.code(201).send(order);
  });
  gateway.get(`/v1/orders/${order.order}`, async () => order);
  gateway.post(`/v1/pay/${order.payToken}/transaction-code`, async (_request, reply) =>
    reply
      .code(410)
      .send({ error: { code: "order_expired", what: "It is over.", means: "Nothing.", todo: "Order again." } }),
  );
  const gatewayUrl = await gateway.listen({ host: "127.0.0.1", port: 0 });
  t.teardown(() => gateway.close());
  shop.connect({ ...account, gatewayUrl });
  t.same(await shop.placeOrder(newOrder, "key-1"), order);
  t.same(asked, [{ authorization: "Bearer swk_test", key: "key-1", body: newOrder }]);
  t.same(await shop.order(order.order), order);
  await t.rejects(shop.transactionCode(order), { code: "shop_request_refused", message: /order_expired/ });
});
