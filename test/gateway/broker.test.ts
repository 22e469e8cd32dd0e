import { once } from "node:events";
import { connect as connectTcp } from "node:net";
import { Readable } from "node:stream";
import { startEmbeddedBroker } from "@swipewire/gateway/broker/embedded-broker";
import { PacketLimit } from "@swipewire/gateway/broker/packet-limit";
import { MAX_LINK_MESSAGE } from "@swipewire/protocol/messages/terminal-link";
import { topics } from "@swipewire/protocol/messages/topics";
import fc from "fast-check";
import mqtt, { type IClientOptions, type MqttClient } from "mqtt";
import { pino } from "pino";
import t, { type Test } from "tap";

const A = "00000000-0000-4000-8000-00000000000a";
const B = "00000000-0000-4000-8000-00000000000b";
const gateway = { username: "swipewire-gateway", password: "gateway-secret" };

const closing = (client: MqttClient) => new Promise<void>((resolve) => client.once("close", () => resolve()));
const hearing = (client: MqttClient) =>
  new Promise<{ topic: string; text: string }>((resolve) =>
    client.once("message", (topic, payload) => resolve({ topic, text: String(payload) })),
  );

const open = async (t: Test) => {
  const log: string[] = [];
  const broker = await startEmbeddedBroker({
    host: "127.0.0.1",
    port: 0,
    authenticate: async (username, password) =>
      [A, B].includes(username) && Buffer.from(password).toString() === `secret of ${username}`,
    gateway,
    logger: pino({}, { write: (line: string) => void log.push(line) }),
  });
  t.teardown(() => broker.close());
  const connect = async (username: string, options: IClientOptions = {}) => {
    const client = mqtt.connect(broker.url, {
      clientId: username,
      username,
      password: username === gateway.username ? gateway.password : `secret of ${username}`,
      protocolVersion: 4,
      reconnectPeriod: 0,
      ...options,
    });
    t.teardown(() => client.endAsync(true));
    client.on("error", () => {});
    return new Promise<MqttClient | undefined>((resolve) => {
      client.once("connect", () => resolve(client));
      client.once("close", () => resolve(undefined));
    });
  };
  const need = async (username: string, options?: IClientOptions) => {
    const client = await connect(username, options);
    if (!client) throw new Error("not let in");
    return client;
  };
  return { broker, connect, need, log, logged: (code: string) => log.some((line) => JSON.parse(line).code === code) };
};

t.test("a terminal and the gateway talk on the terminal's topics", async (t) => {
  const { need } = await open(t);
  const centre = await need(gateway.username);
  const terminal = await need(A);
  await centre.subscribeAsync([topics.everyUp, topics.everyPresence], { qos: 1 });
  await terminal.subscribeAsync([topics.down(A), topics.gatewayPresence], { qos: 1 });
  const up = hearing(centre);
  await terminal.publishAsync(topics.up(A), "up", { qos: 1 });
  t.same(await up, { topic: topics.up(A), text: "up" });
  const down = hearing(terminal);
  await centre.publishAsync(topics.down(A), "down", { qos: 1 });
  t.same(await down, { topic: topics.down(A), text: "down" });
});

t.test("presence is retained, and its last will is published for a terminal that vanishes", async (t) => {
  const { need } = await open(t);
  const will = { topic: topics.presence(A), payload: Buffer.from("offline"), qos: 1 as const, retain: true };
  const terminal = await need(A, { will });
  await terminal.publishAsync(topics.presence(A), "online", { qos: 1, retain: true });
  const centre = await need(gateway.username);
  const retained = hearing(centre);
  await centre.subscribeAsync(topics.everyPresence, { qos: 1 });
  t.equal((await retained).text, "online");
  const gone = hearing(centre);
  terminal.stream.destroy();
  t.equal((await gone).text, "offline");
});

t.test("a client that says goodbye is not logged as lost, whether terminal or gateway", async (t) => {
  const { broker, need, log } = await open(t);
  for (const username of [A, gateway.username]) await (await need(username)).endAsync();
  await broker.close();
  t.strictSame(log, []);
});

t.test("nobody is let in but enrolled terminals, each under its own client id", async (t) => {
  const { connect, logged } = await open(t);
  t.notOk(await connect(A, { password: "wrong" }));
  t.notOk(await connect(A, { clientId: B }));
  t.notOk(await connect(A, { clientId: "" }));
  t.notOk(await connect("00000000-0000-4000-8000-00000000000c"));
  t.notOk(await connect(gateway.username, { password: "wrong" }));
  t.notOk(await mqttWithoutLogin(connect));
  t.notOk(await connect(A, { keepalive: 0 }), "nor anyone who does not promise to be heard of");
  t.notOk(await connect(A, { protocolVersion: 5 }), "nor MQTT 5, which it does not speak");
  t.ok(logged("broker_login_refused"));
  t.ok(await connect(A));
});

const mqttWithoutLogin = (connect: (username: string, options: IClientOptions) => Promise<unknown>) =>
  connect("", { clientId: A });

for (const [what, topic, options] of [
  ["another terminal's up", topics.up(B), {}],
  ["another terminal's presence", topics.presence(B), { retain: true }],
  ["its own down", topics.down(A), {}],
  ["the gateway's presence", topics.gatewayPresence, { retain: true }],
  ["a topic of its own making", "elsewhere", {}],
  ["a system topic", "$SYS/heartbeat", {}],
  ["its own up, retained", topics.up(A), { retain: true }],
] as const) {
  t.test(`a terminal that publishes to ${what} is cut off and nothing is delivered`, async (t) => {
    const { need, logged } = await open(t);
    const centre = await need(gateway.username);
    const heard: string[] = [];
    await centre.subscribeAsync([topics.everyUp, topics.everyPresence], { qos: 1 });
    centre.on("message", (topic) => void heard.push(topic));
    const [bad, good] = [await need(A), await need(B)];
    const cut = closing(bad);
    bad.publish(topic, "x", { qos: 1, ...options });
    await cut;
    const next = hearing(centre);
    await good.publishAsync(topics.up(B), "still here", { qos: 1 });
    await next;
    t.same(heard, [topics.up(B)], "the others go on");
    t.ok(logged("broker_access_denied"));
  });
}

t.test(
  "a terminal may subscribe to its own down and the gateway's presence, by name, and to nothing else",
  async (t) => {
    const { need } = await open(t);
    const terminal = await need(A);
    for (const topic of [topics.down(B), topics.up(A), topics.presence(B), topics.everyUp, "#", "+/#", "$SYS/#"]) {
      await t.rejects(terminal.subscribeAsync(topic, { qos: 1 }), topic);
    }
    await t.rejects(terminal.subscribeAsync("swipewire/1/terminals/+/down", { qos: 1 }));
    t.match(await terminal.subscribeAsync(topics.down(A), { qos: 1 }), [{ qos: 1 }]);
  },
);

t.test("a last will on another topic is not taken", async (t) => {
  const { connect } = await open(t);
  for (const topic of [topics.presence(B), topics.down(B), topics.gatewayPresence]) {
    t.notOk(await connect(A, { will: { topic, payload: Buffer.from("x"), qos: 1, retain: true } }), topic);
  }
});

t.test("an oversized packet closes its client before it is collected, and nobody else", async (t) => {
  const { broker, need, logged } = await open(t);
  const [big, other] = [await need(A), await need(B)];
  await big.publishAsync(topics.up(A), Buffer.alloc(MAX_LINK_MESSAGE), { qos: 1 });
  const cut = closing(big);
  big.publish(topics.up(A), Buffer.alloc(MAX_LINK_MESSAGE + 2_000), { qos: 1 });
  await cut;
  t.ok(logged("broker_packet_too_large"));
  // A client that announces 256 MB before it has logged in.
  const socket = connectTcp(broker.port, "127.0.0.1");
  socket.on("error", () => {});
  const closed = once(socket, "close");
  socket.write(Buffer.from([0x10, 0xff, 0xff, 0xff, 0x7f]));
  await closed;
  await other.publishAsync(topics.up(B), "still here", { qos: 1 });
  t.ok(other.connected);
});

t.test("noise instead of MQTT closes its connection only", async (t) => {
  const { broker, need } = await open(t);
  const socket = connectTcp(broker.port, "127.0.0.1");
  socket.on("error", () => {});
  const closed = once(socket, "close");
  socket.write("GET / HTTP/1.1\r\n\r\n");
  await closed;
  t.ok(await need(A));
});

t.test("the limit is found however the stream is cut", async (t) => {
  const packet = (length: number) => {
    const header = length < 128 ? [0x30, length] : [0x30, (length & 0x7f) | 0x80, length >> 7];
    return Buffer.concat([Buffer.from(header), Buffer.alloc(length, 0xff)]);
  };
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 0, max: 302 }), { maxLength: 6 }),
      fc.integer({ min: 1, max: 50 }),
      async (lengths, cut) => {
        const stream = Buffer.concat(lengths.map(packet));
        const pieces = Array.from({ length: Math.ceil(stream.length / cut) }, (_, n) =>
          stream.subarray(n * cut, (n + 1) * cut),
        );
        const passed = await Readable.from(pieces)
          .pipe(new PacketLimit(300))
          .toArray()
          .then(
            (chunks) => Buffer.concat(chunks).equals(stream),
            (failure) => failure.code,
          );
        return passed === (lengths.some((length) => length > 300) ? "broker_packet_too_large" : true);
      },
    ),
    { numRuns: 100, seed: 20261101 },
  );
  t.pass();
});

t.test("a terminal that is shut out is cut at once and not let in again", async (t) => {
  const { broker, connect, need } = await open(t);
  const [bad, good] = [await need(A), await need(B)];
  const cut = closing(bad);
  broker.shutOut(A);
  await cut;
  t.notOk(await connect(A));
  t.ok(good.connected);
});

t.test("the same terminal twice: the later connection stays", async (t) => {
  const { need } = await open(t);
  const first = await need(A);
  const cut = closing(first);
  const second = await need(A);
  await cut;
  await second.publishAsync(topics.up(A), "x", { qos: 1 });
  t.ok(second.connected);
});

t.test("an address that is taken is a failure with a code", async (t) => {
  const { broker } = await open(t);
  const options = {
    host: "127.0.0.1",
    port: broker.port,
    authenticate: async () => false,
    gateway,
    logger: pino({ level: "silent" }),
  };
  await t.rejects(startEmbeddedBroker(options), { code: "broker_not_started" });
});

t.test("connections that do not log in are limited, and do not keep out who does", async (t) => {
  const { broker, connect, need } = await open(t);
  const terminal = await need(A);
  const strangers = await Promise.all(
    Array.from({ length: 256 }, async () => {
      const socket = connectTcp(broker.port, "127.0.0.1");
      t.teardown(() => socket.destroy());
      socket.on("error", () => {});
      await once(socket, "connect");
      return socket;
    }),
  );
  const left = Promise.race(strangers.map((socket) => once(socket.resume(), "close")));
  t.ok((await connect(B)) !== undefined, "there is room");
  await left;
  t.equal(strangers.filter(({ closed }) => closed).length, 1, "made by one of them");
  await terminal.publishAsync(topics.up(A), "still here", { qos: 1 });
});
