import { generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import { connect as connectTcp } from "node:net";
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from "node:tls";
import { topics } from "@swipewire/protocol/messages/topics";
import { Hours, systemClock } from "@swipewire/protocol/time";
import mqtt, { type IClientOptions, type MqttClient } from "mqtt";
import { pino } from "pino";
import t, { type Test } from "tap";
import { certifyingBroker, gateway, HOST } from "./certificates/certifying-broker.ts";
import { certificateRequest, signingFloor } from "./certificates/signing-floor.ts";

const clock = systemClock;

async function open(t: Test, seed = 1) {
  const floor = await signingFloor(t, clock, { seed });
  const { authority } = floor;
  const log: Record<string, unknown>[] = [];
  const logger = pino({}, { write: (line: string) => void log.push(JSON.parse(line)) });
  const broker = await certifyingBroker(t, floor, { logger });
  type Own = {
    readonly terminal: string;
    readonly key: string;
    readonly certificate: { readonly certificate: string };
  };
  const connect = (url: string, options: IClientOptions) => {
    const client = mqtt.connect(url, { protocolVersion: 4, reconnectPeriod: 0, ...options });
    t.teardown(() => client.endAsync(true));
    client.on("error", () => {});
    return new Promise<MqttClient | undefined>((resolve) => {
      client.once("connect", () => resolve(client));
      client.once("close", () => resolve(undefined));
    });
  };
  /** As a terminal does. */
  const enter = ({ terminal, key, certificate }: Own, options: IClientOptions = {}) =>
    connect(broker.tlsUrl, {
      ca: authority.certificate,
      cert: certificate.certificate,
      key,
      clientId: terminal,
      username: terminal,
      ...options,
    });
  const need = async (own: Own) => {
    const client = await enter(own);
    if (!client) throw new Error("not let in");
    return client;
  };
  /** Down to TLS and no further. */
  const shake = async (options: ConnectionOptions): Promise<TLSSocket> => {
    const socket = connectTls({ host: HOST, port: broker.tlsPort, ca: authority.certificate, ...options });
    t.teardown(() => socket.destroy());
    socket.on("error", () => {});
    await once(socket, "secureConnect");
    return socket;
  };
  return { ...floor, broker, connect, enter, need, shake, log };
}

const closing = (client: MqttClient) => new Promise<void>((resolve) => client.once("close", () => resolve()));

t.test("a terminal is let in by its certificate, to its own topics", async (t) => {
  const { enrol, need, connect, broker } = await open(t);
  const [own, other] = [await enrol(), await enrol()];
  const centre = await connect(broker.url, { clientId: gateway.username, ...gateway });
  await centre?.subscribeAsync(topics.everyUp, { qos: 1 });
  const heard = new Promise((resolve) => centre?.once("message", resolve));
  const terminal = await need(own);
  await terminal.publishAsync(topics.up(own.terminal), "up", { qos: 1 });
  t.equal(await heard, topics.up(own.terminal));
  await terminal.subscribeAsync(topics.down(own.terminal), { qos: 1 });
  await t.rejects(terminal.subscribeAsync(topics.down(other.terminal), { qos: 1 }));
  const cut = closing(terminal);
  terminal.publish(topics.up(other.terminal), "x", { qos: 1 });
  await cut;
});

t.test("no other certificate lets anyone in, and no password does where certificates are asked for", async (t) => {
  const { authority, enrol, enter, connect, broker, log } = await open(t);
  const own = await enrol();
  const other = await enrol();
  const stranger = await open(t, 2);
  const theirs = await stranger.enrol();
  const as = (certificate: string, key: string) => ({ ...own, certificate: { certificate }, key });
  t.notOk(await enter(theirs, { ca: authority.certificate }), "another authority's");
  t.notOk(await enter({ ...own, terminal: other.terminal }), "another terminal's");
  t.notOk(await enter(own, { clientId: gateway.username, ...gateway }), "not as the gateway itself");
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const key = String(privateKey.export({ format: "pem", type: "pkcs8" }));
  const ofBroker = authority.issueToBroker(own.terminal, publicKey, clock.now(), Hours(1)).pem;
  t.notOk(await enter(as(ofBroker, key)), "a broker's");
  const request = certificateRequest();
  const der = Buffer.from(request.text, "base64url");
  const old = authority.issueToTerminal(own.terminal, der, clock.now() - Hours(366 * 24)).pem;
  t.notOk(await enter(as(old, request.key)), "an expired one");
  const early = authority.issueToTerminal(own.terminal, der, clock.now() + Hours(2)).pem;
  t.notOk(await enter(as(early, request.key)), "one of tomorrow");
  const nobody = authority.issueToTerminal("5b1d2c3e-4f5a-4b6c-8d7e-9f0a1b2c3d4e", der, clock.now()).pem;
  t.notOk(await enter({ ...as(nobody, request.key), terminal: "5b1d2c3e-4f5a-4b6c-8d7e-9f0a1b2c3d4e" }), "nobody's");
  const { username, password } = own.mqtt;
  t.notOk(await connect(broker.tlsUrl, { ca: authority.certificate, clientId: username, username, password }), "none");
  const causes = log.filter(({ code }) => code === "broker_certificate_refused").map(({ cause }) => cause);
  t.same(causes, [
    "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
    "INVALID_PURPOSE",
    "CERT_HAS_EXPIRED",
    "CERT_NOT_YET_VALID",
    "ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE",
  ]);
  t.ok(await enter(own), "and it still is let in by its own");
  t.ok(await connect(broker.url, { clientId: username, username, password }), "the other listener is as it was");
});

t.test("a revoked terminal is cut at once, and not let in again: by the broker, and by TLS itself", async (t) => {
  const { broker, terminals, enrol, enter, need, shake, log } = await open(t);
  const [own, other] = [await enrol(), await enrol()];
  const [bad, good] = [await need(own), await need(other)];
  const credentials = { cert: own.certificate.certificate, key: own.key };
  // What TLS would resume from, without another look at the certificate.
  const before = await shake(credentials);
  const [session] = await once(before, "session");
  t.ok((await shake({ ...credentials, session })).isSessionReused());
  const cut = closing(bad);
  terminals.onRevoked((terminal) => broker.shutOut(terminal));
  await terminals.revoke(own.terminal);
  await cut;
  t.notOk(await enter(own));
  t.match(log.at(-1), { code: "broker_login_refused" });

  await broker.renewContext();
  t.notOk(await enter(own));
  t.match(log.at(-1), { code: "broker_certificate_refused", cause: "CERT_REVOKED" });
  for (const options of [credentials, { ...credentials, session }]) {
    const socket = await shake(options);
    t.notOk(socket.isSessionReused());
    await once(socket, "close");
  }
  t.ok(good.connected, "the others go on");
  t.ok(await enter(other));
});

t.test("a terminal that another process revoked is refused before the list of revoked ones is made anew", async (t) => {
  const { terminals, enrol, enter } = await open(t);
  const own = await enrol();
  await terminals.revoke(own.terminal);
  t.notOk(await enter(own));
});

t.test("connections that do not get through TLS are limited as others are, and keep out nobody", async (t) => {
  const { broker, enrol, enter, need } = await open(t);
  const own = await enrol();
  const terminal = await need(own);
  const strangers = await Promise.all(
    Array.from({ length: 256 }, async () => {
      const socket = connectTcp(broker.tlsPort, HOST);
      t.teardown(() => socket.destroy());
      socket.on("error", () => {});
      await once(socket, "connect");
      return socket;
    }),
  );
  const left = Promise.race(strangers.map((socket) => once(socket.resume(), "close")));
  t.ok(await enter(await enrol()), "there is room");
  await left;
  t.ok(strangers.filter(({ closed }) => closed).length <= 2, "made by those who came first");
  await terminal.publishAsync(topics.up(own.terminal), "still here", { qos: 1 });
});
