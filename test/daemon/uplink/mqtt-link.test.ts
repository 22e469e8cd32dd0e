import { MqttLink } from "@swipewire/daemon/uplink/mqtt-link";
import { Seconds, systemClock } from "@swipewire/protocol/time";
import { connectAsync } from "mqtt";
import t, { type Test } from "tap";
import { seededRandom } from "../../seeded-random.ts";
import { SimulatedClock } from "../../simulated-clock.ts";
import { capturedLog } from "../captured-log.ts";
import { startBroker, type TestBroker } from "../test-broker.ts";

const PASSWORD = "mqtt-password-0123456789";
const UP = "swipewire/1/terminals/one/up";
const DOWN = "swipewire/1/terminals/one/down";
const PRESENCE = "swipewire/1/terminals/one/presence";

function linkTo(
  t: Test,
  broker: TestBroker,
  { password = PASSWORD, subscriptions = [DOWN], clock = systemClock } = {},
) {
  const log = capturedLog();
  const link = new MqttLink({
    url: broker.url,
    clientId: "one",
    username: "one",
    password,
    subscriptions,
    will: () => ({ topic: PRESENCE, payload: "gone" }),
    clock,
    random: seededRandom(3),
    logger: log.logger,
  });
  const events: string[] = [];
  const waiting: { event: string; done: () => void }[] = [];
  const note = (event: string) => {
    events.push(event);
    for (const each of waiting) if (each.event === event) each.done();
  };
  t.teardown(() => link.close({ topic: PRESENCE, payload: "bye" }));
  link.open({
    connected: () => note("connected"),
    disconnected: () => note("disconnected"),
    message: (topic, payload) => note(`${topic}: ${Buffer.from(payload)}`),
  });
  return { link, log, events, until: (event: string) => new Promise<void>((done) => waiting.push({ event, done })) };
}

/** Another client of the broker, and what it hears. */
async function listener(t: Test, broker: TestBroker, topic: string) {
  const client = await connectAsync(broker.url, { username: "other", password: PASSWORD, protocolVersion: 4 });
  t.teardown(() => client.endAsync(true));
  const heard: string[] = [];
  const waiting: (() => void)[] = [];
  client.on("message", (_topic, payload, { retain }) => {
    heard.push(`${payload}${retain ? " (retained)" : ""}`);
    for (const done of waiting.splice(0)) done();
  });
  await client.subscribeAsync(topic, { qos: 1 });
  return { client, heard, next: () => new Promise<void>((done) => waiting.push(done)) };
}

async function begin(t: Test): Promise<TestBroker> {
  const broker = await startBroker(PASSWORD);
  t.teardown(() => broker.kill());
  return broker;
}

t.test("carries messages both ways, and says when they did not leave", async (t) => {
  const broker = await begin(t);
  const { client, heard, next } = await listener(t, broker, UP);
  const { link, until } = linkTo(t, broker);
  t.equal(link.publish(UP, "too early"), false);
  await until("connected");
  t.ok(link.connected);
  const arrived = next();
  t.equal(link.publish(UP, "hello"), true);
  await arrived;
  t.strictSame(heard, ["hello"]);
  const answered = until(`${DOWN}: answer`);
  await client.publishAsync(DOWN, "answer", { qos: 1 });
  await answered;
});

t.test("comes back by itself when the broker does, and sends nothing twice", async (t) => {
  const broker = await begin(t);
  const { link, until, events } = linkTo(t, broker);
  await until("connected");
  const lost = until("disconnected");
  await broker.kill();
  await lost;
  t.equal(link.publish(UP, "meanwhile"), false);
  const back = until("connected");
  await broker.restart();
  const { heard, next } = await listener(t, broker, UP);
  await back;
  const arrived = next();
  link.publish(UP, "after");
  await arrived;
  t.strictSame(heard, ["after"]);
  t.strictSame(events, ["connected", "disconnected", "connected"]);
});

t.test("leaves its last will when it is cut off, and its own word when it goes", async (t) => {
  const broker = await begin(t);
  const { link, until } = linkTo(t, broker);
  await until("connected");
  const { heard, next } = await listener(t, broker, PRESENCE);
  const farewell = next();
  await link.close({ topic: PRESENCE, payload: "bye" });
  await farewell;
  t.strictSame(heard, ["bye"], "and no will after it");
  t.equal(link.publish(UP, "afterwards"), false);

  const other = linkTo(t, broker);
  await other.until("connected");
  const will = next();
  // The same client id again: the broker cuts the first off.
  const rival = await connectAsync(broker.url, {
    clientId: "one",
    username: "one",
    password: PASSWORD,
    protocolVersion: 4,
  });
  t.teardown(() => rival.endAsync(true));
  await will;
  t.strictSame(heard, ["bye", "gone"]);
  const late = await listener(t, broker, PRESENCE);
  if (late.heard.length === 0) await late.next();
  t.strictSame(late.heard, ["gone (retained)"]);
});

t.test("does not wait for ever for a broker that takes no leave", async (t) => {
  const broker = await begin(t);
  const { link, until } = linkTo(t, broker);
  await until("connected");
  broker.silence();
  link.publish(UP, "unheard");
  await link.close({ topic: PRESENCE, payload: "bye" });
  t.equal(link.publish(UP, "afterwards"), false);
});

t.test("logs by code why it does not connect, without the password, and keeps trying", async (t) => {
  const broker = await begin(t);
  const clock = new SimulatedClock();
  const refused = linkTo(t, broker, { password: "wrong-password", clock });
  const deaf = linkTo(t, broker, { subscriptions: ["elsewhere"], clock });
  const hasLogged = async ({ log }: typeof refused, code: string, times: number) => {
    while (log.lines().filter((line) => line["code"] === code).length < times) {
      await clock.advance(Seconds(1));
    }
    t.pass(`${code}, ${times} times`);
  };
  await hasLogged(refused, "uplink_broker_refused", 3);
  await hasLogged(deaf, "uplink_subscription_refused", 2);
  t.notMatch(refused.log.text(), "wrong-password");
  t.strictSame([...refused.events, ...deaf.events], []);
});
