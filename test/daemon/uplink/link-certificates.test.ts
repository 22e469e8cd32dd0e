import { type LinkCertificate, MqttLink } from "@swipewire/daemon/uplink/mqtt-link";
import { topics } from "@swipewire/protocol/messages/topics";
import { type Duration, Minutes, systemClock } from "@swipewire/protocol/time";
import t, { type Test } from "tap";
import { certifyingBroker, HOST } from "../../gateway/certificates/certifying-broker.ts";
import { signingFloor } from "../../gateway/certificates/signing-floor.ts";
import { seededRandom } from "../../seeded-random.ts";
import { capturedLog } from "../captured-log.ts";

const clock = systemClock;

/** A broker that asks for certificates, beside one that takes passwords, and one terminal. */
async function begin(t: Test, { host = HOST } = {}) {
  const floor = await signingFloor(t, clock);
  const own = await floor.enrol();
  const broker = await certifyingBroker(t, floor, { host });
  const { terminal, mqtt } = own;
  const shown: LinkCertificate = {
    url: broker.tlsUrl,
    certificate: own.certificate.certificate,
    key: own.key,
    authority: floor.authority.certificate,
    only: true,
  };

  /** A link with this certificate, and the first things that come of it. */
  const link = (certificate: LinkCertificate | undefined, password = mqtt.password) => {
    const log = capturedLog();
    const told = Promise.withResolvers<void>();
    const pauses: Duration[] = [];
    let taken = 0;
    const link = new MqttLink({
      url: broker.url,
      clientId: terminal,
      username: terminal,
      password,
      certificate: () => certificate,
      certificateTaken: () => {
        taken++;
      },
      subscriptions: [topics.down(terminal), topics.gatewayPresence],
      will: () => ({ topic: topics.presence(terminal), payload: "gone" }),
      clock: {
        now: clock.now,
        after: (delay, action) => {
          pauses.push(delay);
          told.resolve();
          return clock.after(delay, action);
        },
      },
      random: seededRandom(3),
      logger: log.logger,
    });
    t.teardown(() => link.close({ topic: topics.presence(terminal), payload: "bye" }));
    const connected = Promise.withResolvers<void>();
    link.open({ connected: () => connected.resolve(), disconnected: () => {}, message: () => {} });
    /** The first attempt failed, and another is due. */
    return { link, log, connected: connected.promise, failed: told.promise, pauses, taken: () => taken };
  };
  return { ...floor, own, broker, shown, link };
}

t.test("connects by its certificate, and says that it was taken", async (t) => {
  const { shown, link } = await begin(t);
  const { connected, taken, log } = link(shown, "a password that is none");
  await connected;
  t.equal(taken(), 1);
  t.match(log.lines(), [{ msg: "uplink connected" }]);
});

t.test("believes no broker but its authority's, under its own name", async (t) => {
  const here = await begin(t);
  const elsewhere = await begin(t, { host: "broker.example" });
  const stranger = await signingFloor(t, clock, { seed: 9 });
  const { failed, link, log, taken } = here.link({ ...here.shown, authority: stranger.authority.certificate });
  await failed;
  t.equal(link.problem, "uplink_broker_untrusted");
  t.match(log.lines(), [{ code: "uplink_broker_untrusted", cause: "SELF_SIGNED_CERT_IN_CHAIN" }], "told once");
  t.equal(taken(), 0);
  const other = elsewhere.link(elsewhere.shown);
  await other.failed;
  t.match(other.log.lines(), [{ code: "uplink_broker_untrusted", cause: "ERR_TLS_CERT_ALTNAME_INVALID" }]);
});

t.test("says that the broker does not take its certificate", async (t) => {
  const f = await begin(t);
  const stranger = await signingFloor(t, clock, { seed: 9 });
  const theirs = await stranger.enrol();
  await f.terminals.revoke(f.own.terminal);
  await f.broker.renewContext();
  for (const [what, certificate] of [
    ["revoked", f.shown],
    ["another authority's", { ...f.shown, certificate: theirs.certificate.certificate, key: theirs.key }],
  ] as const) {
    const { link, failed, log } = f.link(certificate);
    await failed;
    t.equal(link.problem, "uplink_certificate_refused", what);
    t.match(log.lines(), [{ level: 40, code: "uplink_certificate_refused" }]);
  }
});

t.test("until a broker has taken it once, certificate and password are tried in turn", async (t) => {
  const { shown, link } = await begin(t);
  const nowhere = { ...shown, url: `mqtts://${HOST}:1`, only: false };
  const { connected, taken, log } = link(nowhere);
  await connected;
  t.equal(taken(), 0);
  t.match(log.lines(), [{ code: "uplink_broker_unreachable" }, { msg: "uplink connected" }]);
  const other = link({ ...shown, only: false });
  await other.connected;
  t.equal(other.taken(), 1, "the certificate first");
});

t.test("a token that can't be used is told, and tried again later, not in a moment", async (t) => {
  const { shown, link } = await begin(t);
  const made = link({ ...shown, key: { privateKeyEngine: "nobody's", privateKeyIdentifier: "pkcs11:object=x" } });
  await made.failed;
  t.equal(made.link.problem, "token_key_unusable");
  t.match(made.log.lines(), [{ level: 50, code: "token_key_unusable", failures: 1 }]);
  t.ok(made.pauses.every((pause) => pause >= Minutes(5)));
});
