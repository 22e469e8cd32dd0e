import type { BrokerLink, BrokerListener } from "@swipewire/daemon/uplink/broker-link";
import { Uplink, type UplinkListener } from "@swipewire/daemon/uplink/uplink";
import { reader } from "@swipewire/protocol/messages/parse";
import { TerminalPresence } from "@swipewire/protocol/messages/presence";
import {
  type DownMessage,
  type LinkBody,
  MAX_LINK_MESSAGE,
  type OrderView,
  UpMessage,
} from "@swipewire/protocol/messages/terminal-link";
import { topics } from "@swipewire/protocol/messages/topics";
import { type Random, randomUuid } from "@swipewire/protocol/random";
import { type Duration, Hours, isoTime, Minutes, Seconds } from "@swipewire/protocol/time";
import t from "tap";
import { seededRandom } from "../../seeded-random.ts";
import { SimulatedClock, settle } from "../../simulated-clock.ts";
import { capturedLog } from "../captured-log.ts";

const TERMINAL = "5b1d2c3e-4f5a-4b6c-8d7e-9f0a1b2c3d4e";
const readUp = reader(UpMessage, MAX_LINK_MESSAGE);
const readPresence = reader(TerminalPresence, MAX_LINK_MESSAGE);
const utf8 = (text: string) => new TextEncoder().encode(text);

/** A broker that takes everything, says so, and promises nothing. */
class InMemoryLink implements BrokerLink {
  connected = false;
  problem: string | undefined;
  readonly published: { topic: string; payload: string; retain: boolean }[] = [];
  #listener: BrokerListener | undefined;

  open(listener: BrokerListener): void {
    this.#listener = listener;
  }

  publish(topic: string, payload: string, { retain } = { retain: false }): boolean {
    if (this.connected) this.published.push({ topic, payload, retain });
    return this.connected;
  }

  async close(last: { topic: string; payload: string }): Promise<void> {
    this.publish(last.topic, last.payload, { retain: true });
    this.connected = false;
  }

  reconnect(): void {}

  connect(): void {
    this.connected = true;
    this.#listener?.connected();
  }

  disconnect(): void {
    this.connected = false;
    this.#listener?.disconnected();
  }

  deliver(topic: string, payload: Uint8Array): void {
    this.#listener?.message(topic, payload);
  }
}

function begin({ connected = true } = {}) {
  const clock = new SimulatedClock();
  const link = new InMemoryLink();
  const log = capturedLog();
  const random: Random = seededRandom(11);
  const uplink = new Uplink({ terminal: TERMINAL, link, version: "1.2.3", clock, random, logger: log.logger });
  const news: string[] = [];
  const listener: UplinkListener = {
    reachChanged: () => news.push(uplink.withinReach ? "within reach" : "out of reach"),
    paymentState: ({ state }) => news.push(state),
    paymentResult: ({ outcome }) => news.push(outcome),
  };
  uplink.open(listener);
  const gateway = (state: "online" | "offline") =>
    link.deliver(topics.gatewayPresence, utf8(JSON.stringify({ v: 1, state, at: isoTime(clock.now()) })));
  if (connected) {
    link.connect();
    gateway("online");
  }
  function down<T extends DownMessage["type"]>(
    type: T,
    body: LinkBody<T>,
    { id = randomUuid(random), lasts = Minutes(1), off = 0 }: { id?: string; lasts?: Duration; off?: number } = {},
  ): string {
    const at = clock.now() + off;
    const message = { v: 1, id, type, at: isoTime(at), until: isoTime(at + lasts), body };
    link.deliver(topics.down(TERMINAL), utf8(JSON.stringify(message)));
    return id;
  }
  const ups = () =>
    link.published.filter(({ topic }) => topic === topics.up(TERMINAL)).map(({ payload }) => readUp(utf8(payload)));
  const sent = (type: UpMessage["type"]) => ups().filter((message) => message.type === type);
  const order: OrderView = {
    order: randomUuid(random),
    merchant: "Tea house",
    product: "Two teas",
    amount: 1250,
    currency: "CNY",
    payableUntil: isoTime(clock.now() + Minutes(30)),
  };
  const payment = randomUuid(random);
  const submission = { payment, sealed: "a.b.c.d.e" };
  const result = { payment, order: order.order, outcome: "approved", amount: 1, currency: "CNY", orderPayable: false };
  const patience = new AbortController();
  return {
    clock,
    link,
    log,
    uplink,
    news,
    gateway,
    down,
    ups,
    sent,
    order,
    payment,
    submission,
    patience,
    result: result as LinkBody<"payment.result">,
    submit: () => uplink.submit(submission, patience.signal),
    find: () => uplink.find("12345678", patience.signal),
    query: () => uplink.query(payment, patience.signal),
  };
}

t.test("repeats a message under its one id, although the broker took it, until the gateway acknowledges", async (t) => {
  const { submit, sent, clock, down } = begin();
  const outcome = submit();
  await clock.advance(Seconds(20));
  const repeats = sent("swipe.submit");
  t.ok(repeats.length >= 4 && repeats.length <= 7, `${repeats.length} times in 20 seconds`);
  t.equal(new Set(repeats.map(({ id }) => id)).size, 1);
  t.equal(new Set(repeats.map((message) => JSON.stringify(message))).size, 1, "byte for byte");
  down("ack", { of: repeats[0]?.id ?? "" });
  t.strictSame(await outcome, { kind: "accepted" });
  await clock.advance(Minutes(10));
  t.equal(sent("swipe.submit").length, repeats.length, "and no more");
  t.equal(clock.pending, 0);
});

t.test("another message's acknowledgement stops nothing", async (t) => {
  const { submit, sent, clock, down, payment } = begin();
  void submit();
  down("ack", { of: payment });
  await clock.advance(Seconds(10));
  t.ok(sent("swipe.submit").length > 2);
});

t.test("tells apart what never left, and what left and was never acknowledged", async (t) => {
  const away = begin({ connected: false });
  const unsent = away.submit();
  await away.clock.advance(Seconds(44));
  t.equal(await Promise.race([unsent, "still trying"]), "still trying");
  await away.clock.advance(Seconds(1));
  t.strictSame(await unsent, { kind: "unsent" });
  t.equal(away.link.published.length, 0);
  away.link.connect();
  t.strictSame(away.sent("swipe.submit"), [], "what was told to be over stays so");

  const here = begin();
  const unanswered = here.submit();
  await settle();
  here.link.disconnect();
  await here.clock.advance(Seconds(45));
  t.strictSame(await unanswered, { kind: "unanswered" });
});

t.test("sends what waits as soon as the link is there", async (t) => {
  const { submit, link, sent, down } = begin({ connected: false });
  const outcome = submit();
  await settle();
  link.connect();
  t.equal(sent("swipe.submit").length, 1);
  down("ack", { of: sent("swipe.submit")[0]?.id ?? "" });
  t.strictSame(await outcome, { kind: "accepted" });
});

t.test("a submission is accepted by any news of its payment, and refused by a refusal", async (t) => {
  const first = begin();
  const accepted = first.submit();
  first.down("payment.state", { payment: first.payment, state: "accepted" });
  t.strictSame(await accepted, { kind: "accepted" });
  const second = begin();
  const refused = second.submit();
  second.down("refused", { re: second.sent("swipe.submit")[0]?.id ?? "", code: "swipe_replayed" });
  t.match(await refused, { kind: "refused", code: "swipe_replayed" });
});

t.test("a submission that is withdrawn says whether it had left", async (t) => {
  const left = begin();
  const one = left.submit();
  left.patience.abort();
  t.strictSame(await one, { kind: "unanswered" });
  const not = begin({ connected: false });
  const other = not.submit();
  not.patience.abort();
  t.strictSame(await other, { kind: "unsent" });
  not.link.connect();
  t.strictSame(not.ups(), []);
});

t.test("finds an order, also when the acknowledgement comes long before it", async (t) => {
  const { find, sent, down, order, clock } = begin();
  const outcome = find();
  const [{ id } = { id: "" }] = sent("order.find");
  down("ack", { of: id });
  await clock.advance(Seconds(10));
  t.equal(sent("order.find").length, 1, "acknowledged, so not repeated");
  down("order.found", { re: id, order });
  t.strictSame(await outcome, { kind: "found", order });
});

t.test("a search ends with the gateway's refusal, or unanswered", async (t) => {
  const { find, sent, down, clock } = begin();
  const refused = find();
  down("refused", { re: sent("order.find")[0]?.id ?? "", code: "order_code_unknown" });
  t.match(await refused, { kind: "refused", code: "order_code_unknown" });
  const unanswered = find();
  await clock.advance(Seconds(15));
  t.strictSame(await unanswered, { kind: "unanswered" });
});

t.test("only the gateway's word on the payment answers a query", async (t) => {
  const { query, sent, down, payment, clock } = begin();
  const ask = () => {
    const outcome = query();
    return { outcome, id: sent("payment.query").at(-1)?.id ?? "" };
  };
  const acknowledged = ask();
  down("ack", { of: acknowledged.id });
  await clock.advance(Seconds(15));
  t.strictSame(await acknowledged.outcome, { kind: "unanswered" });
  const unknown = ask();
  down("refused", { re: unknown.id, code: "payment_unknown" });
  t.strictSame(await unknown.outcome, { kind: "unknown", code: "payment_unknown" });
  const answered = ask();
  down("payment.state", { payment, state: "charging" });
  t.strictSame(await answered.outcome, { kind: "answered" });
});

t.test("acknowledges each message from the gateway each time it comes, also one that concerns nobody", async (t) => {
  const { down, result, sent, news, order, payment } = begin();
  const id = down("payment.result", result);
  down("payment.result", result, { id });
  const others = [
    down("payment.state", { payment: order.order, state: "calling" }),
    down("order.found", { re: payment, order }),
    down("refused", { re: payment, code: "payment_unknown" }),
  ];
  t.strictSame(
    sent("ack").map(({ body }) => body),
    [id, id, ...others].map((of) => ({ of })),
  );
  t.strictSame(news, ["within reach", "approved", "approved", "calling"]);
  down("ack", { of: payment });
  t.equal(sent("ack").length, 5, "an acknowledgement is not acknowledged");
});

t.test("drops what is malformed, oversized or expired, counts it by code, and goes on", async (t) => {
  const { link, log, uplink, down, result, news, sent } = begin();
  const topic = topics.down(TERMINAL);
  const secret = "4111111111111111";
  link.deliver(topic, utf8(`{"pan":"${secret}"`));
  link.deliver(topic, Uint8Array.of(0xff, 0xfe));
  link.deliver(topic, utf8(JSON.stringify({ v: 1, type: "ack", [secret]: 1 })));
  link.deliver(topic, utf8(" ".repeat(MAX_LINK_MESSAGE + 1)));
  link.deliver(topics.gatewayPresence, utf8(secret));
  down("payment.result", { ...result, surplus: 1 } as LinkBody<"payment.result">);
  down("payment.result", result, { lasts: -Hours(1) as Duration });
  t.strictSame(uplink.dropped, {
    message_not_json: 2,
    message_invalid: 3,
    message_too_large: 1,
    uplink_message_expired: 1,
  });
  t.strictSame(news, ["within reach"]);
  t.strictSame(sent("ack"), [], "what is dropped is not acknowledged");
  t.notMatch(log.text(), secret);
  down("payment.result", result);
  t.strictSame(news, ["within reach", "approved"]);
});

t.test("a clock that is a little off drops nothing", async (t) => {
  const { down, result, news } = begin();
  down("payment.result", result, { lasts: -Seconds(20) as Duration });
  t.strictSame(news, ["within reach", "approved"]);
});

t.test("compares the clocks by what the gateway answers at once, and tells once when they are far apart", async (t) => {
  const { uplink, find, sent, down, clock, log, payment } = begin();
  t.equal(uplink.status.clockOffset, undefined);
  const ask = () => {
    void find();
    return { re: sent("order.find").at(-1)?.id ?? "", code: "link_message_expired" };
  };
  const warned = () => log.lines().filter(({ code }) => code === "uplink_clock_off").length;
  down("refused", ask(), { off: 12_000 });
  t.equal(uplink.status.clockOffset, 12_000);
  t.equal(warned(), 0);
  const slow = ask();
  await clock.advance(Seconds(2.001));
  down("refused", slow, { off: -90_000 });
  t.equal(uplink.status.clockOffset, 12_000, "an answer that came late tells nothing");
  const prompt = ask();
  await clock.advance(Seconds(1));
  down("refused", prompt, { off: 90_000 });
  t.equal(uplink.status.clockOffset, 90_500, "of half the way");
  down("refused", ask(), { off: 95_000 });
  t.equal(warned(), 1);
  t.match(log.lines().find(({ code }) => code === "uplink_clock_off")?.["msg"], /91 s behind the gateway's/);
  // A gateway so far behind that all it sends is dropped as late.
  down("ack", { of: ask().re }, { off: -7_200_000 });
  t.equal(uplink.status.clockOffset, -7_200_000);
  down("ack", { of: ask().re });
  t.equal(uplink.status.clockOffset, 0);
  down("ack", { of: ask().re }, { off: -31_000 });
  t.equal(warned(), 2, "and again when it was well in between");
  down("ack", { of: payment }, { off: 60_000 });
  t.equal(uplink.status.clockOffset, -31_000, "what nobody asked for tells nothing");
});

t.test("the gateway is within reach when the broker is, and its presence says so", async (t) => {
  const { link, gateway, news, uplink } = begin({ connected: false });
  link.connect();
  t.notOk(uplink.withinReach);
  gateway("online");
  gateway("online");
  t.ok(uplink.withinReach);
  gateway("offline");
  gateway("online");
  link.disconnect();
  t.strictSame(news, ["within reach", "out of reach", "within reach", "out of reach"]);
  link.connect();
  t.notOk(uplink.withinReach, "what was known of it is out of date");
  t.notOk(uplink.refused);
  link.problem = "uplink_broker_unreachable";
  t.notOk(uplink.refused);
  link.problem = "uplink_broker_refused";
  t.ok(uplink.refused);
});

t.test("hears of the gateway also when its presence comes before the subscription is confirmed", async (t) => {
  const { uplink, news, link, gateway } = begin({ connected: false });
  gateway("online");
  t.notOk(uplink.withinReach);
  link.connect();
  t.ok(uplink.withinReach);
  t.equal(news.at(-1), "within reach");
});

t.test("keeps its own presence retained: reader, version, and offline at the end", async (t) => {
  const { link, uplink } = begin();
  uplink.readerChanged({ connected: true, family: "ascii", name: "counter" });
  await uplink.close();
  const presence = link.published.filter(({ topic }) => topic === topics.presence(TERMINAL));
  t.ok(presence.every(({ retain }) => retain));
  t.match(
    presence.map(({ payload }) => readPresence(utf8(payload))),
    [
      { state: "online", version: "1.2.3", reader: { connected: false } },
      { state: "online", reader: { connected: true, family: "ascii", name: "counter" } },
      { state: "offline" },
    ],
  );
});
