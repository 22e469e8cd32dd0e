import { checkBrokerCertificate, checkUplink } from "@swipewire/daemon/doctor/check-broker";
import { checkCertificate } from "@swipewire/daemon/doctor/check-certificate";
import type { KeptCertificate } from "@swipewire/daemon/state/certificate";
import { Hours, systemClock } from "@swipewire/protocol/time";
import t from "tap";
import { certifyingBroker } from "../../gateway/certificates/certifying-broker.ts";
import { certificateRequest, signingFloor } from "../../gateway/certificates/signing-floor.ts";
import { seededRandom } from "../../seeded-random.ts";
import { SimulatedClock } from "../../simulated-clock.ts";

const Days = (n: number) => Hours(n * 24);
const around = { clock: systemClock, random: seededRandom(5) };

t.test("says whose certificate it is, how long it is good, and what to do about it", async (t) => {
  const clock = new SimulatedClock();
  const floor = await signingFloor(t, clock);
  const { terminal, certificate, key } = await floor.enrol();
  const now = clock.now();
  const kept: KeptCertificate = { ...certificate, key, taken: true };
  const look = (at: number, shown: KeptCertificate | undefined = kept, id = terminal) =>
    checkCertificate(shown, id, at);
  t.strictSame(checkCertificate(undefined, terminal, now), [], "none is no fault");
  t.match(look(now), [
    { subject: "own certificate", verdict: "good", says: /authority, good until 2027-11-01.*365 days/ },
  ]);
  t.match(look(now + Days(250)), [{ verdict: "good" }], "due, and renewed when the daemon is on");
  t.match(look(now + Days(300)), [{ verdict: "doubtful", says: /65 days; it should have been/, todo: /its log/ }]);
  t.match(look(now + Days(366)), [{ verdict: "bad", says: /^expired at 2027/, todo: /new token/ }]);
  t.match(look(now - Days(1)), [{ verdict: "bad", says: /^good from 2026-11-01/, todo: /clock/ }]);

  const other = await floor.enrol();
  const stranger = await signingFloor(t, clock, { seed: 8 });
  for (const [says, shown] of [
    [/another terminal's/, { ...kept, certificate: other.certificate.certificate, key: other.key }],
    [/another key/, { ...kept, key: certificateRequest().key }],
    [/did not sign it/, { ...kept, authority: stranger.authority.certificate }],
    [/did not sign it/, { ...kept, authority: certificate.certificate }],
    [/cannot be read/, { ...kept, certificate: "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n" }],
  ] as const) {
    t.match(look(now, shown), [{ verdict: "bad", says, todo: /new token/ }]);
  }
});

t.test("goes to the broker as the terminal does, by its certificate", async (t) => {
  const floor = await signingFloor(t, systemClock);
  const broker = await certifyingBroker(t, floor);
  const { terminal, mqtt, certificate, key } = await floor.enrol();
  const kept = { ...certificate, url: broker.tlsUrl, key };
  const access = { terminal, mqtt, certificate: kept };
  const [found] = (await checkUplink(access, around)).findings;
  t.match(found, { subject: "broker", verdict: "good", says: /takes this terminal/ });
  t.match(await checkBrokerCertificate(access, systemClock.now()), [{ verdict: "good", says: /trusted until/ }]);

  const stranger = await signingFloor(t, systemClock, { seed: 8 });
  const elsewhere = { ...access, certificate: { ...kept, authority: stranger.authority.certificate } };
  const [untrusted] = (await checkUplink(elsewhere, around)).findings;
  t.match(untrusted, { verdict: "bad", says: /cannot be reached \(SELF_SIGNED/ });
  t.match(await checkBrokerCertificate(elsewhere, systemClock.now()), [
    { verdict: "bad", says: /not trusted/, todo: /key store was made anew/ },
  ]);

  await floor.terminals.revoke(terminal);
  const refused = { verdict: "bad", says: /refuses this terminal/, todo: /revoked/ };
  t.match((await checkUplink(access, around)).findings, [refused]);
  await broker.renewContext();
  t.match((await checkUplink(access, around)).findings, [refused], "in TLS too");
});
