import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { startEmbeddedBroker } from "@swipewire/gateway/broker/embedded-broker";
import { CertificateAuthority } from "@swipewire/gateway/certificates/authority";
import { TerminalCertificates } from "@swipewire/gateway/certificates/terminal-certificates";
import { KeyQuestions } from "@swipewire/gateway/terminals/key-questions";
import { TerminalLink, type TerminalServices } from "@swipewire/gateway/terminals/link";
import { signCertificateRequest, verifyCertificateFinding } from "@swipewire/protocol/envelope/certificates";
import { challengeGateway, verifySealingKeys } from "@swipewire/protocol/envelope/sealing-keys";
import type { PublicJwk } from "@swipewire/protocol/messages/fields";
import { checker } from "@swipewire/protocol/messages/parse";
import { DownMessage, MAX_LINK_MESSAGE, type UpMessage } from "@swipewire/protocol/messages/terminal-link";
import { topics } from "@swipewire/protocol/messages/topics";
import { randomUuid } from "@swipewire/protocol/random";
import { isoTime, Minutes, Seconds } from "@swipewire/protocol/time";
import { Aedes, type AedesOptions } from "aedes";
import mqtt, { type MqttClient } from "mqtt";
import t, { type Test } from "tap";
import { settle } from "../simulated-clock.ts";
import { certificateRequest } from "./certificates/signing-floor.ts";
import { type Kiosk, openPaymentFloor } from "./payment-floor.ts";

const credentials = { username: "swipewire-gateway", password: "gateway-secret" };
const checkDown = checker(DownMessage);

/** A terminal with nothing in it but its end of the link. */
class TestTerminal {
  readonly client: MqttClient;
  readonly heard: DownMessage[] = [];
  #waiting: (() => void)[] = [];

  constructor(client: MqttClient) {
    this.client = client;
    client.on("message", (topic, payload) => {
      if (topic === topics.gatewayPresence) return;
      this.heard.push(checkDown(JSON.parse(payload.toString())));
      for (const wake of this.#waiting.splice(0)) wake();
    });
  }

  /** The first message, heard already or not yet, that fits. */
  async hear<T extends DownMessage["type"]>(
    type: T,
    fits: (message: Extract<DownMessage, { type: T }>) => boolean = () => true,
  ): Promise<Extract<DownMessage, { type: T }>> {
    for (;;) {
      for (const message of this.heard) {
        const candidate = message as Extract<DownMessage, { type: T }>;
        if (message.type === type && fits(candidate)) return candidate;
      }
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }
}

const open = async (
  t: Test,
  services: (f: Floor) => Partial<TerminalServices> | Promise<Partial<TerminalServices>> = () => ({}),
) => {
  const f = await openPaymentFloor();
  const startBroker = (port: number) =>
    startEmbeddedBroker({
      host: "127.0.0.1",
      port,
      authenticate: (username, password) => f.terminals.authenticate(username, password),
      gateway: credentials,
      logger: f.logger,
    });
  let broker = await startBroker(0);
  const link = new TerminalLink({
    url: broker.url,
    credentials,
    terminals: f.terminals,
    clock: f.clock,
    random: f.random,
    logger: f.logger,
  });
  f.audience.tell = (terminal, notice) => link.tell(terminal, notice);
  const keys = new KeyQuestions(f);
  await link.start({ orders: f.orders, payments: f.payments, keys, ...(await services(f)) });

  const clients: MqttClient[] = [];
  const connect = async (kiosk: Kiosk = f.kiosk) => {
    const client = await mqtt.connectAsync(broker.url, {
      clientId: kiosk.id,
      username: kiosk.id,
      password: kiosk.password,
      protocolVersion: 4,
      reconnectPeriod: 0,
    });
    clients.push(client);
    const terminal = new TestTerminal(client);
    await client.subscribeAsync([topics.down(kiosk.id), topics.gatewayPresence], { qos: 1 }).catch(() => {});
    return terminal;
  };
  const message = <T extends UpMessage["type"]>(type: T, body: Extract<UpMessage, { type: T }>["body"]) => ({
    v: 1,
    id: randomUuid(f.random),
    type,
    at: isoTime(f.clock.now()),
    until: isoTime(f.clock.now() + Minutes(1)),
    body,
  });
  const say = (terminal: TestTerminal, payload: unknown, kiosk = f.kiosk) =>
    terminal.client.publishAsync(
      topics.up(kiosk.id),
      payload instanceof Uint8Array ? Buffer.from(payload) : JSON.stringify(payload),
      { qos: 1 },
    );
  const codeOf = async (order: Awaited<ReturnType<Floor["placeOrder"]>>) =>
    (await f.orders.issueTransactionCode(order.payToken)).code;
  t.teardown(async () => {
    for (const client of clients) await client.endAsync(true);
    await link.close();
    await broker.close();
    await f.close();
  });
  return {
    ...f,
    link,
    connect,
    message,
    say,
    codeOf,
    restartBroker: async () => {
      const { port } = broker;
      await broker.close();
      broker = await startBroker(port);
    },
  };
};
type Floor = Awaited<ReturnType<typeof openPaymentFloor>>;

t.test("a terminal finds an order, pays it and is told each step", async (t) => {
  const f = await open(t);
  const order = await f.placeOrder();
  const terminal = await f.connect();
  const find = f.message("order.find", { code: await f.codeOf(order) });
  await f.say(terminal, find);
  const found = await terminal.hear("order.found");
  t.match(found.body, { re: find.id, order: { order: order.order, merchant: "Tea House", amount: 1_250 } });
  await terminal.hear("ack", ({ body }) => body.of === find.id);
  const submit = f.message("swipe.submit", await f.submission(order.order));
  await f.say(terminal, submit);
  await terminal.hear("ack", ({ body }) => body.of === submit.id);
  const result = await terminal.hear("payment.result");
  t.match(result.body, { payment: submit.body.payment, outcome: "approved", orderPayable: false });
});

t.test("a terminal is told which keys to seal to, and what it seals to is remembered", async (t) => {
  const f = await open(t);
  const terminal = await f.connect();
  const sealsTo = "a key of its own";
  const find = f.message("keys.find", { sealsTo });
  await f.say(terminal, find);
  const { body } = await terminal.hear("keys.found");
  t.same(await verifySealingKeys(body.statement, find.id, f.keys.gatewayKey()), f.keys.sealingKeys());
  t.notOk("gatewayKey" in body);
  const [enrolled] = (await f.terminals.list()).filter(({ terminal }) => terminal === f.kiosk.id);
  t.equal(enrolled?.sealsTo, sealsTo);

  const unknown = f.message("keys.find", {
    challenge: (await challengeGateway({ ...f.keys.sealingKeys()[0], kid: "gone" } as PublicJwk, f.random)).challenge,
  });
  await f.say(terminal, unknown);
  const refused = await terminal.hear("refused");
  t.same(refused.body, { re: unknown.id, code: "envelope_key_unknown" });
  const late = { ...f.message("keys.find", {}), until: isoTime(f.clock.now() - Minutes(1)) };
  await f.say(terminal, late);
  await terminal.hear("refused", ({ body }) => body.re === late.id && body.code === "link_message_expired");
});

t.test("a terminal is told that there are no certificates, and it is no fault", async (t) => {
  const f = await open(t);
  const terminal = await f.connect();
  const find = f.message("certificate.find", {});
  await f.say(terminal, find);
  const refused = await terminal.hear("refused");
  t.same(refused.body, { re: find.id, code: "certificates_not_signed" });
  t.equal(f.link.failures.get("certificates_not_signed"), undefined);
});

t.test("a terminal is given a certificate for a request that it signed itself, one for each question", async (t) => {
  const f = await open(t, async ({ custody, keys, random, store, clock }) => {
    await custody.makeAuthority();
    const authority = new CertificateAuthority({ keys, random });
    const url = () => "mqtts://broker.example:8883";
    return { certificates: new TerminalCertificates({ store, authority, keys, url, clock }) };
  });
  const terminal = await f.connect();
  const { id: kiosk, signingKey } = f.kiosk;
  const answered = async (find: { readonly id: string }) => {
    const { body } = await terminal.hear("certificate.found", ({ body }) => body.re === find.id);
    return verifyCertificateFinding(body.statement, find.id, f.keys.gatewayKey());
  };
  const refused = async (find: { readonly id: string }) =>
    (await terminal.hear("refused", ({ body }) => body.re === find.id)).body.code;
  const bare = f.message("certificate.find", {});
  await f.say(terminal, bare);
  t.notOk((await answered(bare)).certificate, "only asked whether there are any");

  const find = f.message("certificate.find", {
    request: await signCertificateRequest(kiosk, certificateRequest().text, signingKey),
  });
  await f.say(terminal, find);
  const { certificate = "" } = await answered(find);
  t.equal(new X509Certificate(certificate).subject, `CN=${kiosk}`);
  await f.say(terminal, find);
  const again = f.message("certificate.find", {});
  await f.say(terminal, again);
  await answered(again);
  const issued = () => f.store.selectFrom("certificates").selectAll().where("terminal_id", "=", kiosk).execute();
  t.equal((await issued()).length, 1, "a repeat is the same question");

  const other = await f.enrolKiosk();
  for (const [code, request] of [
    ["certificate_request_refused", await signCertificateRequest(kiosk, certificateRequest().text, other.signingKey)],
    ["certificate_request_refused", await signCertificateRequest(other.id, certificateRequest().text, signingKey)],
    ["certificate_request_invalid", await signCertificateRequest(kiosk, "AAAA", signingKey)],
  ] as const) {
    const wrong = f.message("certificate.find", { request });
    await f.say(terminal, wrong);
    t.equal(await refused(wrong), code);
  }
  const many = await signCertificateRequest(kiosk, certificateRequest().text, signingKey);
  let last = f.message("certificate.find", { request: many });
  for (let n = 0; n < 10; n++) {
    last = f.message("certificate.find", { request: many });
    await f.say(terminal, last);
  }
  t.equal(await refused(last), "certificates_too_many");
  t.equal((await issued()).length, 10);
});

t.test("a result is repeated by its id until the terminal acknowledges it", async (t) => {
  const f = await open(t);
  const order = await f.placeOrder();
  const terminal = await f.connect();
  await f.say(terminal, f.message("swipe.submit", await f.submission(order.order)));
  const { id } = await terminal.hear("payment.result");
  const times = () => terminal.heard.filter((message) => message.id === id).length;
  for (let n = 2; n <= 4; n++) {
    await f.clock.advance(Seconds(20));
    while (times() < n) await new Promise((resolve) => terminal.client.once("message", resolve));
  }
  t.equal(terminal.heard.filter(({ type }) => type === "payment.result").length, times(), "under one id");
  await f.say(terminal, f.message("ack", { of: id }));
  // An answer to what is sent after the acknowledgement shows that it was read.
  const find = f.message("order.find", { code: "00000000" });
  await f.say(terminal, find);
  const { id: answer } = await terminal.hear("refused");
  await f.say(terminal, f.message("ack", { of: answer }));
  const ask = f.message("order.find", { code: "00000001" });
  await f.say(terminal, ask);
  await terminal.hear("refused", ({ body }) => body.re === ask.id);
  const before = times();
  await f.clock.advance(Minutes(5));
  const last = f.message("order.find", { code: "00000002" });
  await f.say(terminal, last);
  await terminal.hear("refused", ({ body }) => body.re === last.id);
  t.equal(times(), before);
});

t.test("a terminal that was away is told when it comes back", async (t) => {
  const f = await open(t);
  const order = await f.placeOrder();
  const away = await f.submission(order.order);
  await f.payments.submit(f.kiosk.id, away);
  await settle();
  const terminal = await f.connect();
  const online = { v: 1, state: "online", at: isoTime(f.clock.now()), version: "1", reader: { connected: false } };
  await terminal.client.publishAsync(topics.presence(f.kiosk.id), JSON.stringify(online), { qos: 1, retain: true });
  const result = await terminal.hear("payment.result");
  t.equal(result.body.payment, away.payment);
  t.match(f.link.presence.get(f.kiosk.id), { state: "online", reader: { connected: false } });
  t.notOk(
    terminal.heard.some(({ type }) => type === "payment.state"),
    "and not what was true before",
  );
});

t.test("a repeated search is answered again, and does not count as another guess", async (t) => {
  const f = await open(t);
  const terminal = await f.connect();
  const wrong = f.message("order.find", { code: "12345678" });
  for (let n = 0; n < 8; n++) await f.say(terminal, wrong);
  await terminal.hear("refused", ({ body }) => body.re === wrong.id && body.code === "order_code_unknown");
  const order = await f.placeOrder();
  const right = f.message("order.find", { code: await f.codeOf(order) });
  await f.say(terminal, right);
  await terminal.hear("order.found", ({ body }) => body.re === right.id);
  t.equal(new Set(terminal.heard.filter(({ type }) => type === "refused").map(({ id }) => id)).size, 1);
});

t.test("a query for an unknown payment is refused, and so is the payment when it comes after all", async (t) => {
  const f = await open(t);
  const order = await f.placeOrder();
  const terminal = await f.connect();
  const swipe = await f.submission(order.order);
  const query = f.message("payment.query", { payment: swipe.payment });
  await f.say(terminal, query);
  await terminal.hear("refused", ({ body }) => body.re === query.id && body.code === "payment_unknown");
  const submit = f.message("swipe.submit", swipe);
  await f.say(terminal, submit);
  await terminal.hear("refused", ({ body }) => body.re === submit.id && body.code === "payment_unknown");
  t.equal(f.bank.charges.length, 0);
});

t.test("a cancel is acted on", async (t) => {
  const f = await open(t);
  const order = await f.placeOrder();
  const terminal = await f.connect();
  const swipe = await f.submission(order.order, { pin: true });
  await f.say(terminal, f.message("swipe.submit", swipe));
  await terminal.hear("payment.state", ({ body }) => body.state === "calling");
  await f.say(terminal, f.message("payment.cancel", { payment: swipe.payment }));
  const { body } = await terminal.hear("payment.result");
  t.match(body, { outcome: "cancelled", reason: "payment_cancelled", orderPayable: true });
});

t.test("a message that came too late is refused; a payment that is known is told all the same", async (t) => {
  const f = await open(t);
  const [order, other] = [await f.placeOrder(), await f.placeOrder()];
  const terminal = await f.connect();
  const first = f.message("swipe.submit", await f.submission(order.order));
  await f.say(terminal, first);
  await terminal.hear("payment.result");
  const late = f.message("swipe.submit", await f.submission(other.order));
  const find = f.message("order.find", { code: await f.codeOf(other) });
  const skewed = { ...f.message("order.find", { code: find.body.code }), until: isoTime(f.clock.now() + Seconds(65)) };
  await f.clock.advance(Seconds(91));
  for (const message of [late, find, first, skewed]) await f.say(terminal, message);
  await terminal.hear("refused", ({ body }) => body.re === late.id && body.code === "link_message_expired");
  await terminal.hear("refused", ({ body }) => body.re === find.id && body.code === "link_message_expired");
  await terminal.hear("order.found", ({ body }) => body.re === skewed.id);
  t.notOk(
    terminal.heard.some((message) => message.type === "refused" && message.body.re === first.id),
    "what was charged is not said to be refused",
  );
  const again = f.message("swipe.submit", late.body);
  await f.say(terminal, again);
  await terminal.hear("refused", ({ body }) => body.re === again.id);
  t.equal(f.bank.charges.length, 1);
});

t.test("malformed, oversized and unknown messages are counted by code, and the rest goes on", async (t) => {
  const f = await open(t);
  const order = await f.placeOrder();
  const terminal = await f.connect();
  const secret = "4111111111111111";
  await f.say(terminal, Buffer.from(`{"v":1,"id":"${secret}`));
  await f.say(terminal, Buffer.from([0xff, 0xfe, 0x00]));
  await f.say(terminal, Buffer.alloc(MAX_LINK_MESSAGE + 1, 0x20));
  await f.say(terminal, { hello: secret });
  const extra = { ...f.message("order.find", { code: "12345678" }), pan: secret };
  await f.say(terminal, extra);
  await terminal.hear("refused", ({ body }) => body.re === extra.id && body.code === "message_invalid");
  const swipe = await f.submission(order.order);
  const bent = { ...f.message("swipe.submit", swipe), track2: secret };
  await f.say(terminal, bent);
  await terminal.hear("refused", ({ body }) => body.re === bent.id);
  const straight = f.message("swipe.submit", swipe);
  await f.say(terminal, straight);
  await terminal.hear("refused", ({ body }) => body.re === straight.id);
  await terminal.client.publishAsync(topics.presence(f.kiosk.id), `{"state":"${secret}"}`, { qos: 1, retain: true });
  const good = f.message("swipe.submit", await f.submission(order.order));
  await f.say(terminal, good);
  await terminal.hear("payment.result");
  t.same(Object.fromEntries(f.link.failures), { message_not_json: 2, message_too_large: 1, message_invalid: 4 });
  t.notOk(f.log.join("").includes(secret));
});

t.test("a terminal that is unknown or revoked is not acted for, whatever broker let it in", async (t) => {
  const f = await open(t);
  const terminal = await f.connect();
  const order = await f.placeOrder();
  await f.terminals.revoke(f.kiosk.id);
  await f.say(terminal, f.message("swipe.submit", await f.submission(order.order)));
  const other = await f.enrolKiosk();
  const second = await f.connect(other);
  const find = f.message("order.find", { code: await f.codeOf(order) });
  await f.say(second, find, other);
  await second.hear("order.found");
  t.equal(f.link.failures.get("terminal_revoked"), 1);
  t.equal(f.bank.charges.length, 0);
  t.same(terminal.heard, []);
});

t.test("a fault of the gateway is not a refusal: the repeated message is acted on", async (t) => {
  let faults = 1;
  const f = await open(t, ({ payments }) => ({
    payments: {
      submit: (terminal, body) => (faults-- > 0 ? Promise.reject(new Error("disk")) : payments.submit(terminal, body)),
      query: (terminal, payment) => payments.query(terminal, payment),
      cancel: (terminal, payment) => payments.cancel(terminal, payment),
      refuse: (terminal, payment, code) => payments.refuse(terminal, payment, code),
    },
  }));
  const terminal = await f.connect();
  const submit = f.message("swipe.submit", await f.submission((await f.placeOrder()).order));
  await f.say(terminal, submit);
  while (!f.link.failures.has("link_fault")) await settle();
  await f.say(terminal, submit);
  await terminal.hear("ack", ({ body }) => body.of === submit.id);
  t.notOk(terminal.heard.some(({ type }) => type === "refused"));
});

t.test("one slow search does not hold up the others, and a repeat of it waits for the first", async (t) => {
  const slow = Promise.withResolvers<void>();
  let searches = 0;
  const f = await open(t, ({ orders }) => ({
    orders: {
      findByCode: async (terminal, code) => {
        searches++;
        if (code === "99999999") await slow.promise;
        return orders.findByCode(terminal, code);
      },
    },
  }));
  const terminal = await f.connect();
  const stuck = f.message("order.find", { code: "99999999" });
  await f.say(terminal, stuck);
  await f.say(terminal, stuck);
  const quick = f.message("order.find", { code: await f.codeOf(await f.placeOrder()) });
  await f.say(terminal, quick);
  await terminal.hear("order.found", ({ body }) => body.re === quick.id);
  slow.resolve();
  await terminal.hear("refused", ({ body }) => body.re === stuck.id);
  t.equal(searches, 2);
});

t.test("a broker that goes away and comes back loses nothing", async (t) => {
  const f = await open(t);
  const order = await f.placeOrder();
  const terminal = await f.connect();
  const submit = f.message("swipe.submit", await f.submission(order.order, { pin: true }));
  await f.say(terminal, submit);
  await terminal.hear("payment.state", ({ body }) => body.state === "calling");
  await f.restartBroker();
  f.voice.answer();
  f.voice.type("123456#");
  await settle();
  const back = await f.connect();
  const { body } = await back.hear("payment.result");
  t.match(body, { payment: submit.body.payment, outcome: "approved" });
});

/** A link on a broker elsewhere, with the broker's moods. */
const openElsewhere = async (t: Test, moods: AedesOptions) => {
  const broker = await Aedes.createBroker(moods);
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    broker.handle(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const f = await openPaymentFloor();
  const link = new TerminalLink({
    url: `mqtt://127.0.0.1:${(server.address() as AddressInfo).port}`,
    credentials,
    terminals: f.terminals,
    clock: f.clock,
    random: f.random,
    logger: f.logger,
  });
  t.teardown(async () => {
    await link.close();
    for (const socket of sockets) socket.destroy();
    await new Promise<void>((resolve) => server.close(() => broker.close(resolve)));
    await f.close();
  });
  return { ...f, link, sockets };
};

t.test("a broker that refuses the subscription is asked again", async (t) => {
  let refusals = 1;
  const f = await openElsewhere(t, {
    authorizeSubscribe: (_client, subscription, done) => done(null, refusals-- > 0 ? null : subscription),
  });
  await f.link.start({ orders: f.orders, payments: f.payments, keys: new KeyQuestions(f) });
  t.equal(f.link.failures.get("link_fault"), 1);
});

t.test("a broker that acknowledges nothing does not keep the gateway from stopping", async (t) => {
  const asked = Promise.withResolvers<void>();
  const f = await openElsewhere(t, {
    authorizePublish: (_client, packet, done) => {
      if (packet.payload.toString().includes("offline")) asked.resolve();
      else done(null);
    },
  });
  await f.link.start({ orders: f.orders, payments: f.payments, keys: new KeyQuestions(f) });
  const gone = Promise.all([...f.sockets].map((socket) => once(socket, "close")));
  const closed = f.link.close();
  await asked.promise;
  await f.clock.advance(Seconds(1));
  await closed;
  await gone;
  t.equal(f.clock.pending, 0);
});

t.test("terminals see whether the gateway is there, also after it is gone", async (t) => {
  const f = await open(t);
  const { client } = await f.connect(await f.enrolKiosk());
  const states = (wanted: string) =>
    new Promise<void>((resolve) => {
      client.on("message", (topic, payload) => {
        if (topic === topics.gatewayPresence && JSON.parse(String(payload)).state === wanted) resolve();
      });
    });
  await client.unsubscribeAsync(topics.gatewayPresence);
  const online = states("online");
  await client.subscribeAsync(topics.gatewayPresence, { qos: 1 });
  await online;
  const offline = states("offline");
  await f.link.close();
  await offline;
  t.pass();
});
