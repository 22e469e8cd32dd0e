import { channel } from "node:diagnostics_channel";
import { once } from "node:events";
import type { Server } from "node:http";
import { connect } from "node:net";
import { enrolmentRoutes } from "@swipewire/gateway/http/enrolment-routes";
import { healthRoutes } from "@swipewire/gateway/http/health-routes";
import { startHttpServer } from "@swipewire/gateway/http/http-server";
import { merchantRoutes } from "@swipewire/gateway/http/merchant-routes";
import { payRoutes } from "@swipewire/gateway/http/pay-routes";
import { Refunds } from "@swipewire/gateway/refunds/refunds";
import { Terminals } from "@swipewire/gateway/terminals/terminals";
import {
  HttpFailure,
  IssuedTransactionCode,
  MerchantOrder,
  MerchantRefund,
} from "@swipewire/protocol/messages/merchant-api";
import { checker } from "@swipewire/protocol/messages/parse";
import { OrderView } from "@swipewire/protocol/messages/terminal-link";
import { Minutes, Seconds } from "@swipewire/protocol/time";
import { pino } from "pino";
import t, { type Test } from "tap";
import { BankBooks, TestBank } from "./payment-floor.ts";
import { openShopFloor } from "./shop-floor.ts";

const checkFailure = checker(HttpFailure);
const checkOrder = checker(MerchantOrder);
const tea = { orderNumber: "A-1", product: "Green tea", amount: 1_250, currency: "CNY" };

async function serve(t: Test, checkStore?: () => Promise<unknown>) {
  const floor = await openShopFloor();
  const { store, clock, random, merchants, orders, account } = floor;
  const log: string[] = [];
  const terminals = new Terminals({
    store,
    clock,
    random,
    sealingKeys: () => [{ kty: "OKP", crv: "X25519", x: "a".repeat(43) }],
    mqttUrl: () => "mqtt://127.0.0.1:1883",
  });
  const refunds = new Refunds({
    store,
    outbox: { enqueueWebhook: async () => {} },
    acquirer: new TestBank(new BankBooks()),
    clock,
    random,
    logger: pino({ level: "silent" }),
  });
  const server = await startHttpServer({
    host: "127.0.0.1",
    port: 0,
    trustedProxies: [],
    clock,
    logger: pino({ level: "debug" }, { write: (line) => log.push(line) }),
    routes: [
      merchantRoutes({ merchants, orders, payments: { cancelOrder: (...of) => orders.cancel(...of) }, refunds }),
      payRoutes({ orders }),
      enrolmentRoutes({ enrol: (request) => terminals.enrol(request), authority: undefined }),
      healthRoutes({
        checkStore: checkStore ?? (() => store.selectFrom("merchants").select("id").execute()),
        acquirerReady: () => false,
      }),
    ],
  });
  t.teardown(async () => {
    await server.close();
    await refunds.close();
    await store.destroy();
  });

  const ask = async (
    method: string,
    path: string,
    { body, headers = {} }: { body?: unknown; headers?: object } = {},
  ) => {
    const response = await fetch(`${server.url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${account.apiKey}`,
        ...(body !== undefined && { "content-type": "application/json" }),
        ...headers,
      },
      ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: text === "" ? undefined : JSON.parse(text) };
  };
  /** Asks for what must be refused; a refusal is always in the one form. */
  const refused = async (...request: Parameters<typeof ask>) => {
    const { status, body } = await ask(...request);
    return `${status} ${checkFailure(body).error.code}`;
  };
  const place = (key: string, body: unknown = tea) =>
    ask("POST", "/v1/orders", { body, headers: { "idempotency-key": key } });
  const refusedOrder = (body: unknown, headers: object = { "idempotency-key": "k" }) =>
    refused("POST", "/v1/orders", { body, headers });
  return { ...floor, server, terminals, log, ask, refused, place, refusedOrder };
}

t.test("a merchant places an order, finds it and cancels it", async (t) => {
  const { ask, place } = await serve(t);
  const placed = await place("k1");
  t.equal(placed.status, 201);
  const order = checkOrder(placed.body);
  t.match(order, { ...tea, status: "payable" });
  t.same((await ask("GET", `/v1/orders/${order.order}`)).body, order);
  t.same((await ask("GET", "/v1/orders?orderNumber=A-1")).body, { orders: [order] });
  t.same((await ask("GET", "/v1/orders?orderNumber=A-2")).body, { orders: [] });
  const cancelled = await ask("POST", `/v1/orders/${order.order}/cancel`);
  t.equal(cancelled.status, 200);
  t.same(cancelled.body, { ...order, status: "cancelled" });
});

t.test("the same key and body give the same answer, another body a refusal", async (t) => {
  const { place, refusedOrder } = await serve(t);
  const first = await place("k");
  const second = await place("k");
  t.same([second.status, second.body], [first.status, first.body]);
  t.equal(first.headers.get("idempotency-replayed"), null);
  t.equal(second.headers.get("idempotency-replayed"), "true");
  t.equal(await refusedOrder({ ...tea, amount: 1 }), "422 idempotency_key_reused");
  t.equal(await refusedOrder(tea, { "idempotency-key": "other" }), "409 order_number_taken");
});

t.test("identical requests at once make one order", async (t) => {
  const { place, store } = await serve(t);
  const answers = await Promise.all(Array.from({ length: 10 }, () => place("k")));
  t.same(new Set(answers.map(({ status }) => status)), new Set([201]));
  t.equal(new Set(answers.map(({ body }) => body.order)).size, 1);
  t.equal((await store.selectFrom("orders").select("id").execute()).length, 1);
});

t.test("an idempotency key must be there, and one that can be", async (t) => {
  const { refusedOrder } = await serve(t);
  t.equal(await refusedOrder(tea, {}), "400 idempotency_key_missing");
  t.equal(await refusedOrder(tea, { "idempotency-key": "" }), "400 idempotency_key_missing");
  t.equal(await refusedOrder(tea, { "idempotency-key": "a b" }), "400 idempotency_key_missing");
  t.equal(await refusedOrder(tea, { "idempotency-key": "k".repeat(256) }), "400 idempotency_key_missing");
});

t.test("without a valid API key nothing is done, whatever the rest says", async (t) => {
  const { refused, ask, account, store } = await serve(t);
  for (const authorization of ["", "Bearer", "Bearer wrong", `Basic ${account.apiKey}`, account.apiKey]) {
    const headers = { authorization, "idempotency-key": "k" };
    t.equal(await refused("POST", "/v1/orders", { body: tea, headers }), "401 api_key_refused", authorization);
    t.equal(await refused("POST", "/v1/orders", { body: "{", headers }), "401 api_key_refused");
    t.equal(await refused("GET", "/v1/orders?orderNumber=A-1", { headers }), "401 api_key_refused");
  }
  t.equal(
    (await ask("GET", "/v1/orders/x", { headers: { authorization: "" } })).headers.get("www-authenticate"),
    "Bearer",
  );
  t.same(await store.selectFrom("orders").select("id").execute(), []);
});

t.test("a body that is not an order is refused by place and rule, and changes nothing", async (t) => {
  const { refusedOrder, ask, store } = await serve(t);
  const wrong: [unknown, string][] = [
    ["", "400 message_not_json"],
    ["{", "400 message_not_json"],
    ['"\uD800"', "400 message_invalid"],
    ["[]", "400 message_invalid"],
    ["null", "400 message_invalid"],
    [{}, "400 message_invalid"],
    [{ ...tea, note: "x" }, "400 message_invalid"],
    ['{"__proto__":{"amount":1},"orderNumber":"A","product":"x","amount":1,"currency":"CNY"}', "400 message_invalid"],
    [{ ...tea, amount: "1250" }, "400 message_invalid"],
    [{ ...tea, amount: 12.5 }, "400 message_invalid"],
    [{ ...tea, amount: 0 }, "400 message_invalid"],
    [{ ...tea, amount: 1e12 }, "400 message_invalid"],
    [{ ...tea, currency: "cny" }, "400 message_invalid"],
    [{ ...tea, orderNumber: "" }, "400 message_invalid"],
    [{ ...tea, orderNumber: "A\n1" }, "400 message_invalid"],
    [{ ...tea, product: "\u001b[2Jtea" }, "400 message_invalid"],
    ['{"orderNumber":"A\\ud800","product":"x","amount":1,"currency":"CNY"}', "400 message_invalid"],
    [{ ...tea, product: "x".repeat(20_000) }, "413 message_too_large"],
  ];
  for (const [body, expected] of wrong) t.equal(await refusedOrder(body), expected, JSON.stringify(body).slice(0, 60));
  const { body } = await ask("POST", "/v1/orders", {
    body: { ...tea, amount: "4111111111111111" },
    headers: { "idempotency-key": "k" },
  });
  t.equal(body.error.detail, "/amount: type");
  t.same(await store.selectFrom("orders").select("id").execute(), []);
});

t.test("only JSON is taken", async (t) => {
  const { refused } = await serve(t);
  for (const type of ["text/plain", "application/x-www-form-urlencoded", "application/xml"]) {
    const headers = { "idempotency-key": "k", "content-type": type };
    t.equal(await refused("POST", "/v1/orders", { body: "a=b", headers }), "415 http_media_type_unsupported");
  }
});

t.test("unknown addresses, methods and queries are refused in the one form", async (t) => {
  const { refused, ask } = await serve(t);
  t.equal(await refused("GET", "/"), "404 http_route_unknown");
  t.equal(await refused("GET", "/v1/orders/x/y/z"), "404 http_route_unknown");
  t.equal(await refused("GET", "/v1/orders/no-such-order"), "404 order_unknown");
  t.equal(await refused("DELETE", "/v1/orders"), "405 http_method_not_allowed");
  t.equal((await ask("DELETE", "/v1/orders")).headers.get("allow"), "POST, GET, HEAD");
  t.equal(await refused("PUT", "/v1/pay/x/transaction-code"), "405 http_method_not_allowed");
  t.equal(await refused("GET", "/v1/orders"), "400 message_invalid");
  t.equal(await refused("GET", "/v1/orders?orderNumber=a&orderNumber=b"), "400 message_invalid");
  t.equal(await refused("GET", "/v1/orders?orderNumber=a&all=1"), "400 message_invalid");
  t.equal(await refused("GET", "/%E0%A4%A"), "400 http_request_malformed");
});

t.test("what is no HTTP at all is answered in the one form too, and leaves the rest running", async (t) => {
  const { server, ask } = await serve(t);
  const socket = connect(Number(new URL(server.url).port), "127.0.0.1");
  await once(socket, "connect");
  socket.write("swipewire\r\n\r\n");
  let answer = "";
  for await (const piece of socket.setEncoding("utf8")) answer += piece;
  const [head = "", body = ""] = answer.split("\r\n\r\n");
  t.match(head, /^HTTP\/1\.1 400 Bad Request\r\n/);
  t.equal(checkFailure(JSON.parse(body)).error.code, "http_request_malformed");
  t.same((await ask("GET", "/healthz")).body, { status: "ok", acquirer: "unreachable" });
});

t.test("a payer with the pay token sees the order and gets its code", async (t) => {
  const { ask, place, refused, orders, clock, account } = await serve(t);
  const order = checkOrder((await place("k")).body);
  const { body: view } = await ask("GET", `/v1/pay/${order.payToken}`, { headers: { authorization: "" } });
  t.match(checker(OrderView)(view), { merchant: "Tea House", amount: 1_250 });
  const { body: issued, status } = await ask("POST", `/v1/pay/${order.payToken}/transaction-code`);
  t.equal(status, 200);
  t.match(checker(IssuedTransactionCode)(issued), { payableUntil: order.payableUntil });
  t.equal(await refused("GET", `/v1/pay/${order.order}`), "404 order_unknown");
  t.equal(await refused("POST", "/v1/pay/x/transaction-code"), "404 order_unknown");
  await clock.advance(Minutes(30));
  t.equal(await refused("POST", `/v1/pay/${order.payToken}/transaction-code`), "410 order_expired");
  t.equal(await refused("POST", `/v1/orders/${order.order}/cancel`), "410 order_expired");
  const second = checkOrder((await place("k2", { ...tea, orderNumber: "A-2" })).body);
  await orders.cancel(account.merchant, second.order);
  t.equal(await refused("GET", `/v1/pay/${second.payToken}`), "410 order_cancelled");
});

t.test("a one-time token enrols one terminal", async (t) => {
  const { ask, refused, terminals } = await serve(t);
  const { token } = await terminals.issueEnrolmentToken();
  const body = { token, name: "kiosk", signingKey: { kty: "OKP", crv: "Ed25519", x: "b".repeat(43) } };
  t.equal(
    await refused("POST", "/v1/terminals", { body: { ...body, signingKey: { ...body.signingKey, crv: "X25519" } } }),
    "422 enrolment_key_unsuitable",
  );
  t.equal(
    await refused("POST", "/v1/terminals", { body: { ...body, signingKey: { ...body.signingKey, d: "secret" } } }),
    "400 message_invalid",
  );
  const enrolled = await ask("POST", "/v1/terminals", { body });
  t.equal(enrolled.status, 201);
  t.match(enrolled.body, { mqtt: { url: "mqtt://127.0.0.1:1883", username: enrolled.body.terminal } });
  t.equal(await refused("POST", "/v1/terminals", { body }), "403 enrolment_token_invalid");
});

t.test("whoever asks too often waits", async (t) => {
  const { refused, ask } = await serve(t);
  for (let n = 0; n < 10; n++) t.equal(await refused("POST", "/v1/terminals", { body: {} }), "400 message_invalid");
  t.equal(await refused("POST", "/v1/terminals", { body: {} }), "429 http_too_many_requests");
  t.ok((await ask("POST", "/v1/terminals", { body: {} })).headers.get("retry-after"));
  t.equal((await ask("GET", "/healthz")).status, 200, "others are not held up");
});

t.test("the log names routes and codes, and holds nothing of a request", async (t) => {
  const { ask, place, log, account } = await serve(t);
  const order = checkOrder((await place("secret-key")).body);
  await place("k2", { ...tea, product: "4111111111111111", bad: 1 });
  await ask("POST", "/v1/orders", { body: '{"pan":4111111111111111', headers: { "idempotency-key": "k" } });
  await ask("GET", `/v1/pay/${order.payToken}`);
  await ask("GET", "/v1/4111111111111111");
  const text = log.join("");
  t.match(text, /"route":"\/v1\/pay\/:payToken","status":200/);
  t.match(text, /"code":"message_invalid"/);
  for (const secret of ["4111111111111111", order.payToken, account.apiKey, "secret-key", "Green tea"]) {
    t.notMatch(text, secret);
  }
});

t.test("a fault of the gateway is told without its words", async (t) => {
  const { ask, refused, store, log, place } = await serve(t);
  await store.destroy();
  t.equal(await refused("GET", "/healthz"), "500 gateway_fault");
  const { body } = await place("k");
  t.notMatch(JSON.stringify(body), /destroyed|driver|sqlite/i);
  t.match(log.join(""), /a request failed/);
  t.equal((await ask("GET", "/nothing")).status, 404, "it still answers");
});

t.test("the log of a fault says where it was, and none of its words nor of their cause's", async (t) => {
  const { refused, log } = await serve(t, async () => {
    throw new Error("quoted 4111111111111111", { cause: new Error("quoted 5105105105105100") });
  });
  t.equal(await refused("GET", "/healthz"), "500 gateway_fault");
  const fault = log.find((line) => line.includes("a request failed")) ?? "";
  t.match(JSON.parse(fault), { kind: "Error", at: [/^at .*http\.test\.ts/] });
  t.notMatch(log.join(""), /quoted|4111111111111111|5105105105105100/);
});

t.test("a client that was refused and does not hang up is hung up on", async (t) => {
  const { server } = await serve(t);
  const socket = connect({ port: Number(new URL(server.url).port), host: "127.0.0.1", allowHalfOpen: true });
  socket.on("error", () => {});
  await once(socket, "connect");
  socket.write("swipewire\r\n\r\n");
  await once(socket.resume(), "end");
  await server.close();
  t.pass("no connection was left");
  socket.destroy();
});

t.test("a request that does not go on is not waited for, neither while serving nor at the end", async (t) => {
  const { server, clock } = await serve(t);
  const started = new Promise<Server>((resolve) => {
    channel("http.server.request.start").subscribe((message) => resolve((message as { server: Server }).server));
  });
  const socket = connect(Number(new URL(server.url).port), "127.0.0.1");
  t.teardown(() => socket.destroy());
  socket.on("error", () => {});
  socket.write(
    "POST /v1/terminals HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{",
  );
  const { requestTimeout, headersTimeout } = await started;
  t.equal(requestTimeout, 30_000);
  t.ok(headersTimeout > 0 && headersTimeout <= requestTimeout, "the longer of both is what Node gives the body");
  const closed = server.close();
  await clock.advance(Seconds(10));
  await closed;
});

t.test("a port that is taken is told by name", async (t) => {
  const { server, clock } = await serve(t);
  const options = { clock, host: "127.0.0.1", port: Number(new URL(server.url).port), trustedProxies: [], routes: [] };
  await t.rejects(startHttpServer({ ...options, logger: pino({ level: "silent" }) }), { code: "http_not_listening" });
});

t.test("a merchant asks for a refund, the same one again by its key, and sees what became of it", async (t) => {
  const { ask, refused, place, store, clock, addPayment } = await serve(t);
  const { order } = checkOrder((await place("k1")).body);
  const url = `/v1/orders/${order}/refunds`;
  const headers = { "idempotency-key": "r1" };
  t.equal(await refused("POST", url, { body: {}, headers }), "409 order_not_paid");
  const payment_id = await addPayment(order, "approved");
  await store.updateTable("orders").set({ status: "paid" }).execute();
  await store
    .insertInto("bank_transactions")
    .values({
      batch: 1,
      trace: 1,
      kind: "purchase",
      payment_id,
      refund_id: null,
      amount: tea.amount,
      currency: "CNY",
      pin: 0,
      state: "approved",
      reversal_reason: null,
      approval_code: null,
      retrieval_reference: "000000000001",
      bank_date: "1101",
      at: clock.now(),
    })
    .execute();
  await store.updateTable("acquirer_sequence").set({ next_trace: 2 }).execute();
  t.equal(await refused("POST", url, { body: {} }), "400 idempotency_key_missing");
  t.equal(await refused("POST", url, { body: { amount: 0 }, headers }), "400 message_invalid");
  t.equal(await refused("POST", url, { body: { amount: 1_251 }, headers }), "422 refund_exceeds_paid");
  const asked = await ask("POST", url, { body: { amount: 250 }, headers });
  t.equal(asked.status, 201);
  const refund = checker(MerchantRefund)(asked.body);
  t.match(refund, { order, payment: payment_id, amount: 250, currency: "CNY", status: "pending" });
  const again = await ask("POST", url, { body: { amount: 250 }, headers });
  t.equal(again.headers.get("idempotency-replayed"), "true");
  t.equal(again.body.refund, refund.refund);
  t.equal(await refused("POST", url, { body: { amount: 251 }, headers }), "422 idempotency_key_reused");
  const { body } = await ask("GET", url);
  t.same(body.refunds.map(checker(MerchantRefund)).length, 1);
  t.equal(await refused("GET", "/v1/orders/no-such/refunds"), "404 order_unknown");
  t.equal(await refused("GET", url, { headers: { authorization: "" } }), "401 api_key_refused");
});
