import { X509Certificate } from "node:crypto";
import { join } from "node:path";
import { CertificateRenewal, certificateOf } from "@swipewire/daemon/enrolment/certificate-renewal";
import { keepCertificate } from "@swipewire/daemon/state/certificate";
import { type Identity, saveIdentity } from "@swipewire/daemon/state/identity";
import type { CertificateOutcome } from "@swipewire/daemon/uplink/uplink";
import { signCertificateFinding } from "@swipewire/protocol/envelope/certificates";
import { SwipewireError } from "@swipewire/protocol/failure";
import type { PublicJwk } from "@swipewire/protocol/messages/fields";
import type { LinkBody } from "@swipewire/protocol/messages/terminal-link";
import { randomUuid } from "@swipewire/protocol/random";
import { Hours } from "@swipewire/protocol/time";
import { importJWK } from "jose";
import t, { type Test } from "tap";
import { certificateRequest, signingFloor } from "../../gateway/certificates/signing-floor.ts";
import { SimulatedClock } from "../../simulated-clock.ts";
import { capturedLog } from "../captured-log.ts";

const Days = (n: number) => Hours(n * 24);
const PLAIN = "mqtt://broker.example:1883";
const SECURE = "mqtts://broker.example:8883";

/** A gateway that signs certificates, a terminal of it, and a line between them that may be cut or tapped. */
async function begin(t: Test, { enrolledBefore = false } = {}) {
  const clock = new SimulatedClock();
  const floor = await signingFloor(t, clock);
  const { key, certificate, signing, serverTime: _, mqtt, ...reply } = await floor.enrol();
  const { x = "", d = "" } = signing.privateKey.export({ format: "jwk" });
  const identity: Identity = {
    ...reply,
    mqtt: { ...mqtt, url: enrolledBefore ? PLAIN : SECURE },
    signingKey: { kty: "OKP", crv: "Ed25519", x, d },
  };
  const stateDir = join(floor.folder, "state");
  await saveIdentity(stateDir, identity);
  if (!enrolledBefore) await keepCertificate(stateDir, { ...certificate, key, taken: true });
  const signingKey = await importJWK(identity.signingKey, "EdDSA");
  if (signingKey instanceof Uint8Array) throw new TypeError("no key pair's");

  const line = {
    up: true,
    asked: [] as LinkBody<"certificate.find">[],
    tamper: (answer: LinkBody<"certificate.found">) => answer,
    pinned: floor.keyStore.gatewayKey() as PublicJwk | undefined,
    movedOver: 0,
    heard: () => {},
    /** Resolves when the gateway is asked the next time. */
    next: () =>
      new Promise<void>((resolve) => {
        line.heard = resolve;
      }),
  };
  const findCertificate = async (question: LinkBody<"certificate.find">): Promise<CertificateOutcome> => {
    line.asked.push(question);
    line.heard();
    if (!line.up) return { kind: "unanswered" };
    try {
      const re = randomUuid(floor.random);
      const signed = await floor.terminals.signingKey(identity.terminal);
      const answer = await floor.certificates.answer(identity.terminal, re, question, signed);
      return { kind: "found", answer: line.tamper(answer) };
    } catch (failure) {
      if (!(failure instanceof SwipewireError)) throw failure;
      return { kind: "refused", code: failure.code };
    }
  };
  const log = capturedLog();
  /** The terminal's daemon, started on what is in its state folder. */
  const start = async (find = findCertificate) =>
    new CertificateRenewal({
      identity,
      kept: await certificateOf({ stateDir }, identity.terminal),
      stateDir,
      uplink: { findCertificate: find },
      signingKey,
      gatewayKey: async () => line.pinned,
      moveOver: () => {
        line.movedOver++;
      },
      clock,
      random: floor.random,
      logger: log.logger,
    });
  const kept = () => certificateOf({ stateDir }, identity.terminal);
  const serial = async () => new X509Certificate((await kept())?.certificate ?? "").serialNumber;
  return { ...floor, clock, identity, stateDir, line, log, start, kept, serial };
}

/** Asks, and waits for what comes of it. */
async function ask(daemon: CertificateRenewal): Promise<void> {
  daemon.ask();
  await daemon.close();
}

t.test("a terminal renews its certificate by itself, for a new key, when a third of its life is left", async (t) => {
  const f = await begin(t);
  const daemon = await f.start();
  const [first, before] = [await f.serial(), await f.kept()];
  daemon.ask();
  await f.clock.advance(Days(242));
  t.same(f.line.asked, [], "not before");
  await f.clock.advance(Days(2));
  await daemon.close();
  t.equal(f.line.asked.length, 1);
  t.not(await f.serial(), first);
  const after = await f.kept();
  t.not(after?.key, before?.key);
  t.match(after, { url: SECURE, taken: true, authority: f.authority.certificate });
  t.equal(daemon.forLink?.certificate, after?.certificate, "for the next connection");
  t.equal(f.line.movedOver, 0, "which there is no hurry about");
  const [enrolled] = await f.terminals.list();
  t.ok((enrolled?.certifiedUntil ?? 0) > f.clock.now() + Days(363), "the gateway knows");

  const next = await f.start();
  t.equal(next.forLink?.certificate, after?.certificate, "also after a restart");
  next.ask();
  await f.clock.advance(Days(200));
  await next.close();
  t.equal(f.line.asked.length, 1);
});

t.test("asks twice a day or more while nobody answers, and goes on with what it has", async (t) => {
  const f = await begin(t);
  const daemon = await f.start();
  const first = await f.serial();
  f.line.up = false;
  await f.clock.advance(Days(244));
  let heard = f.line.next();
  daemon.ask();
  await heard;
  for (let n = 0; n < 6; n++) {
    heard = f.line.next();
    await f.clock.advance(Hours(12));
    await heard;
  }
  t.equal(await f.serial(), first);
  f.line.up = true;
  heard = f.line.next();
  await f.clock.advance(Hours(12));
  await heard;
  await daemon.close();
  t.not(await f.serial(), first);
  const asked = f.line.asked.length;
  await f.clock.advance(Days(300));
  t.equal(f.line.asked.length, asked, "and no more once it is closed");
});

t.test(
  "a terminal that was enrolled before gets a first one, and the broker has to take it before it counts",
  async (t) => {
    const f = await begin(t, { enrolledBefore: true });
    const daemon = await f.start();
    t.equal(daemon.forLink, undefined);
    await ask(daemon);
    t.match(
      f.line.asked,
      [{ request: undefined }, { request: String }],
      "asks for nothing before it knows that it is given",
    );
    t.equal(f.line.movedOver, 1);
    t.match(await f.kept(), { url: SECURE, taken: false });
    t.match(daemon.forLink, { url: SECURE, only: false }, "the password is tried too");
    daemon.taken();
    daemon.taken();
    await daemon.close();
    t.match(await f.kept(), { taken: true });
    t.match(daemon.forLink, { only: true });
    t.match((await f.start()).forLink, { only: true });
    await f.clock.advance(Days(366));
    t.match(daemon.forLink, { only: false }, "expired: the old way is tried again, where there is one");
    t.equal(f.log.lines().filter(({ msg }) => String(msg).includes("a broker took")).length, 1);
  },
);

t.test("one that was enrolled with a certificate has no other way", async (t) => {
  const f = await begin(t);
  const daemon = await f.start();
  t.match(daemon.forLink, { only: true });
  await f.clock.advance(Days(366));
  t.match(daemon.forLink, { only: true });
});

t.test("where the gateway signs none, it is asked now and then, and nothing is made for it", async (t) => {
  const f = await begin(t, { enrolledBefore: true });
  const asked: LinkBody<"certificate.find">[] = [];
  const daemon = await f.start(async (question) => {
    asked.push(question);
    return { kind: "refused", code: "certificates_not_signed" };
  });
  for (let n = 0; n < 20; n++) daemon.ask();
  await f.clock.advance(Days(2));
  await daemon.close();
  t.ok(asked.length >= 4 && asked.length <= 9, `${asked.length} questions in two days`);
  t.ok(asked.every(({ request }) => request === undefined));
  t.equal(await f.kept(), undefined);
});

t.test("an answer that is not the gateway's, or does not fit, changes nothing", async (t) => {
  const f = await begin(t);
  const first = await f.serial();
  await f.clock.advance(Days(300));
  const daemon = await f.start();
  const { authority, keyStore, identity } = f;
  const stranger = await signingFloor(t, f.clock, { seed: 4 });
  const finding = (certificate: string, by = authority.certificate) => ({ authority: by, url: SECURE, certificate });
  const signed = (re: string, found: ReturnType<typeof finding>, by = keyStore) => ({
    re,
    statement: signCertificateFinding(re, found, (input) => by.signStatement(input)),
  });
  const issue = (terminal: string, by = authority) =>
    by.issueToTerminal(terminal, Buffer.from(certificateRequest().text, "base64url"), f.clock.now()).pem;
  let old: LinkBody<"certificate.found"> | undefined;
  for (const [what, tamper] of [
    ["another's signature", ({ re }) => signed(re, finding(issue(identity.terminal)), stranger.keyStore)],
    ["noise", ({ re }) => ({ re, statement: "a.b.c" })],
    ["for another key", ({ re }) => signed(re, finding(issue(identity.terminal)))],
    [
      "another authority's",
      ({ re }) => signed(re, finding(issue(identity.terminal, stranger.authority), stranger.authority.certificate)),
    ],
    [
      "kept for the next time",
      (answer) => {
        old = answer;
        return { ...answer, statement: "a.b.c" };
      },
    ],
    ["an old answer", ({ re }) => ({ re, statement: old?.statement ?? "" })],
  ] as const satisfies readonly (readonly [string, typeof f.line.tamper])[]) {
    f.line.tamper = tamper;
    const told = f.log.lines().length;
    await ask(daemon);
    t.equal(await f.serial(), first, what);
    t.match(f.log.lines().slice(told), [{ level: 40, code: "certificate_answer_refused" }], what);
  }
  f.line.tamper = (answer) => answer;
  f.line.pinned = undefined;
  const asked = f.line.asked.length;
  await ask(daemon);
  t.equal(f.line.asked.length, asked, "nobody is asked whose answers can't be told from others'");
  f.line.pinned = keyStore.gatewayKey();
  await ask(daemon);
  t.not(await f.serial(), first);
});

t.test("enrolled anew while it runs: the new identity's certificate is left alone", async (t) => {
  const f = await begin(t);
  const daemon = await f.start();
  const other = await f.enrol();
  const { terminal, mqtt, sealingKeys } = other;
  await saveIdentity(f.stateDir, { ...f.identity, terminal, mqtt, sealingKeys });
  await keepCertificate(f.stateDir, { ...other.certificate, key: other.key, taken: false });
  await f.clock.advance(Days(300));
  await ask(daemon);
  t.equal(f.line.asked.length, 1);
  t.equal((await certificateOf({ stateDir: f.stateDir }, terminal))?.certificate, other.certificate.certificate);
  t.equal(await f.kept(), undefined, "and is none of the one before");
});
