import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SealingKeys } from "@swipewire/daemon/enrolment/sealing-keys";
import { type Identity, loadIdentity, saveIdentity } from "@swipewire/daemon/state/identity";
import type { KeysOutcome } from "@swipewire/daemon/uplink/uplink";
import { openStore } from "@swipewire/gateway/store/store";
import { KeyQuestions } from "@swipewire/gateway/terminals/key-questions";
import { Terminals } from "@swipewire/gateway/terminals/terminals";
import { SwipewireError } from "@swipewire/protocol/failure";
import type { LinkBody } from "@swipewire/protocol/messages/terminal-link";
import { randomUuid } from "@swipewire/protocol/random";
import { Minutes } from "@swipewire/protocol/time";
import { exportJWK, generateKeyPair } from "jose";
import t, { type Test } from "tap";
import { testKeys } from "../../gateway/keys/test-keys.ts";
import { seededRandom } from "../../seeded-random.ts";
import { SimulatedClock } from "../../simulated-clock.ts";
import { capturedLog } from "../captured-log.ts";

/** A gateway's keys and terminals, one enrolled terminal, and a line between them that may be cut or tapped. */
async function begin(t: Test) {
  const clock = new SimulatedClock();
  const random = seededRandom(3);
  const folder = mkdtempSync(join(tmpdir(), "swipewire-"));
  const { store: keys, custody, close } = await testKeys(folder, random);
  const store = await openStore(":memory:");
  const terminals = new Terminals({
    store,
    clock,
    random,
    sealingKeys: () => keys.sealingKeys(),
    mqttUrl: () => "mqtt://b",
  });
  const questions = new KeyQuestions({ keys, terminals });
  t.teardown(async () => {
    close();
    await store.destroy();
    rmSync(folder, { recursive: true });
  });

  const { privateKey } = await generateKeyPair("Ed25519", { extractable: true });
  const { x = "", d = "" } = await exportJWK(privateKey);
  const { token } = await terminals.issueEnrolmentToken();
  const { serverTime: _, ...reply } = await terminals.enrol({
    token,
    name: "kiosk",
    signingKey: { kty: "OKP", crv: "Ed25519", x },
  });
  const stateDir = join(folder, "state");
  const identity: Identity = { ...reply, signingKey: { kty: "OKP", crv: "Ed25519", x, d } };
  await saveIdentity(stateDir, identity);

  const line = {
    up: true,
    asked: [] as LinkBody<"keys.find">[],
    tamper: (answer: LinkBody<"keys.found">) => answer,
  };
  const findKeys = async (question: LinkBody<"keys.find">): Promise<KeysOutcome> => {
    line.asked.push(question);
    if (!line.up) return { kind: "unanswered" };
    try {
      const answer = await questions.answer(identity.terminal, randomUuid(random), question);
      return { kind: "found", answer: line.tamper(answer) };
    } catch (failure) {
      if (!(failure instanceof SwipewireError)) throw failure;
      return { kind: "refused", code: failure.code };
    }
  };
  const log = capturedLog();
  /** The terminal's daemon, started on what is in its state folder. */
  const start = async () => {
    const options = { stateDir, uplink: { findKeys }, clock, random, logger: log.logger };
    return new SealingKeys({ ...options, identity: await loadIdentity(stateDir) });
  };
  const learn = async (daemon: SealingKeys) => {
    daemon.ask();
    await daemon.close();
  };
  const newest = () => keys.sealingKeys()[0]?.kid ?? "";
  const known = async () => (await terminals.list()).map(({ sealsTo }) => sealsTo);
  return { clock, keys, custody, terminals, identity, stateDir, line, log, start, learn, newest, known };
}

const retire = async ({ custody }: Pick<Awaited<ReturnType<typeof begin>>, "custody">) =>
  custody.remove(custody.retirableEnvelopeKey().name);

t.test("a terminal learns a rotated key by itself, keeps it, and tells the gateway", async (t) => {
  const f = await begin(t);
  const first = f.newest();
  const daemon = await f.start();
  await f.learn(daemon);
  t.equal(daemon.recipient.kid, first);
  t.same(await f.known(), [first]);
  t.same((await loadIdentity(f.stateDir)).gatewayKey, f.keys.gatewayKey(), "pinned");
  t.ok(f.line.asked[0]?.challenge);

  await f.custody.rotateEnvelopeKey();
  t.same(
    (await f.terminals.sealingToOthers(f.newest())).map(({ name }) => name),
    ["kiosk"],
  );
  await f.learn(daemon);
  t.equal(daemon.recipient.kid, f.newest());
  t.same(await f.known(), [f.newest()], "the gateway knows at once");
  t.same(await f.terminals.sealingToOthers(f.newest()), []);
  t.notOk(f.line.asked.at(-1)?.challenge, "asked once in a life");
  t.equal(statSync(join(f.stateDir, "identity.json")).mode & 0o777, 0o600);

  const next = await f.start();
  t.equal(next.recipient.kid, f.newest(), "also after a restart");
  await retire(f);
  await f.learn(next);
  t.same((await loadIdentity(f.stateDir)).sealingKeys, f.keys.sealingKeys());
  t.equal((await loadIdentity(f.stateDir)).sealingKeys.length, 1);
});

t.test("asks again from time to time, also when nobody answers", async (t) => {
  const f = await begin(t);
  const daemon = await f.start();
  await f.learn(daemon);
  f.line.up = false;
  f.line.asked.length = 0;
  daemon.ask();
  await f.clock.advance(Minutes(60));
  const times = f.line.asked.length;
  t.ok(times >= 3 && times <= 5, `${times} questions in an hour`);
  const { kid } = daemon.recipient;
  t.equal(kid, f.newest(), "and goes on with the key it has");

  await f.custody.rotateEnvelopeKey();
  f.line.up = true;
  await f.clock.advance(Minutes(30));
  await daemon.close();
  t.equal(daemon.recipient.kid, f.newest());
  const asked = f.line.asked.length;
  await f.clock.advance(Minutes(60));
  t.equal(f.line.asked.length, asked, "and no more once it is closed");
});

t.test("a terminal that was away while its key was retired learns the new one when it is back", async (t) => {
  const f = await begin(t);
  await f.learn(await f.start());
  await f.custody.rotateEnvelopeKey();
  await retire(f);
  t.equal((await f.terminals.sealingToOthers(f.newest())).length, 1, "the gateway knows that it missed it");
  const back = await f.start();
  t.not(back.recipient.kid, f.newest());
  await f.learn(back);
  t.equal(back.recipient.kid, f.newest());
  t.same(await f.known(), [f.newest()]);
});

t.test(
  "a terminal that never pinned the gateway's key, and whose sealing key is gone, has to be enrolled anew",
  async (t) => {
    const f = await begin(t);
    await f.custody.rotateEnvelopeKey();
    await retire(f);
    const daemon = await f.start();
    await f.learn(daemon);
    t.not(daemon.recipient.kid, f.newest());
    t.match(f.log.lines(), [{ level: 40, code: "envelope_key_unknown" }]);
  },
);

t.test(
  "goes back to the older key when the gateway's store was restored from a copy without the newer one",
  async (t) => {
    const f = await begin(t);
    const daemon = await f.start();
    const first = f.newest();
    await f.custody.rotateEnvelopeKey();
    await f.learn(daemon);
    t.not(daemon.recipient.kid, first);
    await f.custody.remove(f.newest());
    await f.learn(daemon);
    t.equal(daemon.recipient.kid, first);
  },
);

t.test("a sealing key that nothing can be sealed to does not end the terminal", async (t) => {
  const f = await begin(t);
  await saveIdentity(f.stateDir, {
    ...f.identity,
    sealingKeys: [{ kty: "OKP", crv: "X25519", x: "A".repeat(43) }],
  });
  await f.learn(await f.start());
  t.match(f.log.lines(), [{ level: 50, msg: "no sealing key was learnt" }]);
  t.same(f.line.asked, []);
});

t.test("an answer that is not the gateway's changes nothing", async (t) => {
  const f = await begin(t);
  const stranger = await begin(t);
  const theirs = stranger.keys.signSealingKeys("5b1d2c3e-4f5a-4b6c-8d7e-9f0a1b2c3d4e");
  const daemon = await f.start();
  const refused = async (what: string, tamper: typeof f.line.tamper) => {
    const state = readFileSync(join(f.stateDir, "identity.json"), "utf8");
    const { kid } = daemon.recipient;
    f.line.tamper = tamper;
    await f.learn(daemon);
    t.equal(daemon.recipient.kid, kid, what);
    t.equal(readFileSync(join(f.stateDir, "identity.json"), "utf8"), state, what);
    t.equal(f.log.lines().at(-1)?.["code"], "sealing_keys_refused", what);
  };
  // Before the pin: a broker that answers itself, or leaves out the proof.
  const [signature] = theirs.split(".").slice(-1);
  await refused("a stranger's keys", (answer) => ({ ...answer, statement: theirs }));
  await refused("no proof", ({ gatewayKey: _, ...answer }) => answer);
  const { gatewayKey: old = "" } = await new KeyQuestions(f).answer(f.identity.terminal, f.identity.terminal, {
    challenge: f.line.asked[0]?.challenge ?? "",
  });
  await refused("a recorded proof", (answer) => ({ ...answer, gatewayKey: old }));
  f.line.tamper = (answer) => answer;
  await f.learn(daemon);

  await f.custody.rotateEnvelopeKey();
  await refused("a stranger's keys", (answer) => ({ ...answer, statement: theirs }));
  await refused("a stranger's signature", (answer) => ({
    ...answer,
    statement: [...answer.statement.split(".").slice(0, 2), signature].join("."),
  }));
  const recorded = f.keys.signSealingKeys(f.identity.terminal);
  await refused("a recorded answer", (answer) => ({ ...answer, statement: recorded }));
  f.line.tamper = (answer) => answer;
  await f.learn(daemon);
  t.equal(daemon.recipient.kid, f.newest());
});

t.test("keeps what it learnt in memory where it cannot be written, and does not touch another enrolment", async (t) => {
  const f = await begin(t);
  const daemon = await f.start();
  rmSync(join(f.stateDir, "identity.json"));
  await f.custody.rotateEnvelopeKey();
  await f.learn(daemon);
  t.equal(daemon.recipient.kid, f.newest());
  t.match(f.log.lines().at(-1), { code: "identity_missing" });

  const anew = { ...f.identity, terminal: "0b9a4d0e-7f43-4d0c-9b5e-3f5a7e1c2d3b" };
  await saveIdentity(f.stateDir, anew);
  await f.learn(daemon);
  t.same(await loadIdentity(f.stateDir), anew);
  await saveIdentity(f.stateDir, f.identity);
  await f.learn(daemon);
  t.equal((await loadIdentity(f.stateDir)).sealingKeys[0]?.kid, f.newest(), "written when it can be");
});

t.test("a gateway without a signing key tells nothing, and the first rotation makes one", async (t) => {
  const f = await begin(t);
  await f.custody.remove(f.keys.gatewayKey().kid ?? "");
  const daemon = await f.start();
  await f.learn(daemon);
  t.match(f.log.lines(), [{ code: "gateway_key_missing" }]);
  await f.custody.rotateEnvelopeKey();
  await f.learn(daemon);
  t.equal(daemon.recipient.kid, f.newest());
});
