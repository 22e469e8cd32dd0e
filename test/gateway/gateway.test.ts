import { once } from "node:events";
import { createServer } from "node:net";
import { join } from "node:path";
import type { GatewayConfig } from "@swipewire/gateway/config/config-schema";
import { type Gateway, startGateway } from "@swipewire/gateway/gateway";
import { makeKeyFile } from "@swipewire/gateway/keys/open-keys";
import { openStore } from "@swipewire/gateway/store/store";
import { Terminals } from "@swipewire/gateway/terminals/terminals";
import { EnrolmentReply } from "@swipewire/protocol/messages/enrolment";
import { HttpFailure, IssuedTransactionCode, MerchantOrder } from "@swipewire/protocol/messages/merchant-api";
import { checker } from "@swipewire/protocol/messages/parse";
import { DownMessage } from "@swipewire/protocol/messages/terminal-link";
import { topics } from "@swipewire/protocol/messages/topics";
import { isoTime, Minutes, Seconds, systemClock } from "@swipewire/protocol/time";
import { connectAsync } from "mqtt";
import { pino } from "pino";
import t, { type Test } from "tap";
import { seededRandom } from "../seeded-random.ts";
import { SimulatedClock } from "../simulated-clock.ts";

const HOST = "127.0.0.1";
const logger = pino({ level: "silent" });
const tea = { orderNumber: "A-1", product: "Green tea", amount: 1_250, currency: "CNY" };

/** A gateway's config with neither bank nor phones within reach. */
async function alone(t: Test, httpPort = 0): Promise<GatewayConfig> {
  const folder = t.testdir();
  const keys = { kind: "file", file: join(folder, "keys.json"), secretFile: join(folder, "keys.secret") } as const;
  await makeKeyFile(
    keys,
    { clock: systemClock, random: seededRandom(1) },
    { terminalMasterKey: new Uint8Array(16).fill(0x44) },
  );
  const phones = { kind: "simulated", url: `ws://${HOST}:1` } as const;
  return {
    instance: "gateway",
    http: { host: HOST, port: httpPort, trustedProxies: [] },
    store: { path: join(folder, "gateway.sqlite") },
    keys,
    broker: { kind: "embedded", host: HOST, port: 0 },
    acquirer: {
      host: HOST,
      port: 1,
      terminal: "11115007",
      merchant: "123456789111115",
      dialect: "unionpay",
      tpdu: "6000000000",
      header: "603100311003",
      replySeconds: 5,
      idleSeconds: 60,
    },
    voice: phones,
    sms: phones,
    order: { lifetimeMinutes: 30 },
    log: { level: "silent" },
  };
}

const start = (config: GatewayConfig, seed = 1) =>
  startGateway({ config, clock: systemClock, random: seededRandom(seed), logger });

const post = async <T>(
  check: (value: unknown) => T,
  url: string,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<T> => {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
  return check(await response.json());
};

const checkOrder = checker(MerchantOrder);
const checkCode = checker(IssuedTransactionCode);
const checkFailure = checker(HttpFailure);
const checkEnrolment = checker(EnrolmentReply);
const checkDown = checker(DownMessage);

async function enrol(gateway: Gateway) {
  const { token } = await gateway.terminals.issueEnrolmentToken();
  return post(checkEnrolment, `${gateway.httpUrl}/v1/terminals`, {
    token,
    name: "kiosk",
    signingKey: { kty: "OKP", crv: "Ed25519", x: "b".repeat(43) },
  });
}

function orderFind(id: string, code: string): string {
  const now = Date.now();
  return JSON.stringify({
    v: 1,
    id,
    type: "order.find",
    at: isoTime(now),
    until: isoTime(now + Minutes(1)),
    body: { code },
  });
}

t.test("an enrolled terminal finds a merchant's order by its code, with bank and phones out of reach", async (t) => {
  const gateway = await start(await alone(t));
  t.teardown(() => gateway.close());
  const { apiKey } = await gateway.merchants.add({
    memberCode: "M-1",
    name: "Tea House",
    webhookUrl: "https://example.com/",
  });
  const order = await post(checkOrder, `${gateway.httpUrl}/v1/orders`, tea, {
    authorization: `Bearer ${apiKey}`,
    "idempotency-key": "k",
  });
  const { code } = await post(checkCode, `${gateway.httpUrl}/v1/pay/${order.payToken}/transaction-code`, {});

  const { terminal, mqtt, sealingKeys } = await enrol(gateway);
  t.equal(mqtt.url, gateway.brokerUrl);
  t.equal(sealingKeys.length, 1);

  const client = await connectAsync(mqtt.url, { ...mqtt, clientId: terminal, protocolVersion: 4 });
  t.teardown(() => client.endAsync(true));
  await client.subscribeAsync(topics.down(terminal), { qos: 1 });
  const id = "00000000-0000-4000-8000-000000000001";
  const found = Promise.withResolvers<unknown>();
  client.on("message", (_topic, payload) => {
    const message = checkDown(JSON.parse(payload.toString()));
    if (message.type === "order.found") found.resolve(message.body);
  });
  await client.publishAsync(topics.up(terminal), orderFind(id, code), { qos: 1 });
  t.match(await found.promise, { re: id, order: { order: order.order, merchant: "Tea House" } });

  const foreign = await post(
    checkFailure,
    `${gateway.httpUrl}/v1/orders`,
    { ...tea, orderNumber: "A-2", currency: "EUR" },
    { authorization: `Bearer ${apiKey}`, "idempotency-key": "k2" },
  );
  t.equal(foreign.error.code, "order_currency_unsupported");
});

t.test("a terminal that another process revokes is refused at once and cut off soon", async (t) => {
  const config = await alone(t);
  const clock = new SimulatedClock(Date.now());
  const random = seededRandom(1);
  const refused = Promise.withResolvers<void>();
  const log = pino({}, { write: (line: string) => JSON.parse(line).code === "terminal_revoked" && refused.resolve() });
  const gateway = await startGateway({ config, clock, random, logger: log });
  t.teardown(() => gateway.close());
  const { terminal, mqtt } = await enrol(gateway);
  const login = { ...mqtt, clientId: terminal, protocolVersion: 4, reconnectPeriod: 0 } as const;
  const client = await connectAsync(mqtt.url, login);
  t.teardown(() => client.endAsync(true));
  const gone = new Promise<void>((resolve) => client.once("close", () => resolve()));
  await clock.advance(Seconds(10));
  t.ok(client.connected);

  const beside = await openStore(config.store.path);
  t.teardown(() => beside.destroy());
  await new Terminals({ store: beside, clock, random, sealingKeys: () => [], mqttUrl: () => "" }).revoke(terminal);
  await client.publishAsync(topics.up(terminal), orderFind("00000000-0000-4000-8000-000000000001", "12345678"), {
    qos: 1,
  });
  await refused.promise;
  t.ok(client.connected, "no time has passed yet");
  await clock.advance(Seconds(2));
  await gone;
  await t.rejects(connectAsync(mqtt.url, login, false), { code: 4 });
});

t.test("an order that nobody looks at expires too", async (t) => {
  const clock = new SimulatedClock(Date.now());
  const gateway = await startGateway({ config: await alone(t), clock, random: seededRandom(1), logger });
  t.teardown(() => gateway.close());
  const { apiKey } = await gateway.merchants.add({
    memberCode: "M-1",
    name: "Tea House",
    webhookUrl: "https://example.com/",
  });
  const headers = { authorization: `Bearer ${apiKey}`, "idempotency-key": "k" };
  await post(checkOrder, `${gateway.httpUrl}/v1/orders`, tea, headers);
  const status = async () => (await gateway.store.selectFrom("orders").select("status").executeTakeFirst())?.status;
  await clock.advance(Minutes(29));
  t.equal(await status(), "payable");
  await clock.advance(Minutes(2));
  t.equal(await status(), "expired");
});

t.test("a restart finds everything as it was", async (t) => {
  const config = await alone(t);
  const first = await start(config, 1);
  const { apiKey } = await first.merchants.add({
    memberCode: "M-1",
    name: "Tea House",
    webhookUrl: "https://example.com/",
  });
  const headers = { authorization: `Bearer ${apiKey}`, "idempotency-key": "k" };
  const placed = await post(checkOrder, `${first.httpUrl}/v1/orders`, tea, headers);
  await first.close();
  const second = await start(config, 2);
  t.teardown(() => second.close());
  t.same(await post(checkOrder, `${second.httpUrl}/v1/orders`, tea, headers), placed);
});

t.test("a start that fails lets go of what it had taken", async (t) => {
  const blocker = createServer().listen(0, HOST);
  await once(blocker, "listening");
  const { port } = blocker.address() as { port: number };
  const config = await alone(t, port);
  await t.rejects(start(config), { code: "http_not_listening" });
  blocker.close();
  await once(blocker, "close");
  const gateway = await start(config);
  t.equal(gateway.httpUrl, `http://${HOST}:${port}`);
  await gateway.close();
});

t.test("does not start without an authority where terminals need certificates", async (t) => {
  const config = await alone(t);
  const broker = { kind: "embedded", host: HOST, port: 0, tls: { host: HOST, port: 0 } } as const;
  await t.rejects(start({ ...config, broker }), { code: "authority_missing" });
});
