import { Terminals } from "@swipewire/gateway/terminals/terminals";
import type { PublicJwk } from "@swipewire/protocol/messages/fields";
import { Hours, isoTime, Seconds } from "@swipewire/protocol/time";
import t, { type Test } from "tap";
import { SimulatedClock } from "../simulated-clock.ts";
import { certificateRequest, signingFloor } from "./certificates/signing-floor.ts";
import { openShopFloor } from "./shop-floor.ts";

const SIGNING: PublicJwk = { kty: "OKP", crv: "Ed25519", x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" };
const SEALING: PublicJwk = { kty: "OKP", crv: "X25519", x: "hSDwCYkwp1R0i33ctD73Wg2_Og0mOBr066SpjqqbTmo", kid: "k1" };

const open = async (t: Test) => {
  const { store, clock, random } = await openShopFloor();
  t.teardown(() => store.destroy());
  const mqttUrl = () => "mqtt://broker.example:1883";
  const terminals = new Terminals({ store, clock, random, sealingKeys: () => [SEALING], mqttUrl });
  const enrol = async () => {
    const { token } = await terminals.issueEnrolmentToken();
    return terminals.enrol({ token, name: "kiosk", signingKey: SIGNING });
  };
  return { store, clock, random, terminals, enrol };
};
const bytes = (text: string) => new TextEncoder().encode(text);

t.test("a token gives a terminal its identity", async (t) => {
  const { terminals, clock, enrol } = await open(t);
  const reply = await enrol();
  t.match(reply, {
    mqtt: { url: "mqtt://broker.example:1883", username: reply.terminal },
    sealingKeys: [SEALING],
    serverTime: isoTime(clock.now()),
  });
  t.ok(await terminals.authenticate(reply.terminal, bytes(reply.mqtt.password)));
  t.notOk(await terminals.authenticate(reply.terminal, bytes("guess")));
  t.notOk(await terminals.authenticate("nobody", bytes(reply.mqtt.password)));
  t.same(await terminals.signingKey(reply.terminal), SIGNING);
});

t.test("a token is good once, for a while, and for whoever has it whole", async (t) => {
  const { terminals, clock } = await open(t);
  const enrol = (token: string) => terminals.enrol({ token, name: "kiosk", signingKey: SIGNING });
  const invalid = { code: "enrolment_token_invalid" };
  const { token } = await terminals.issueEnrolmentToken();
  await t.rejects(enrol(token.slice(1)), invalid);
  await t.rejects(enrol("A".repeat(43)), invalid);
  const at_once = await Promise.allSettled([enrol(token), enrol(token), enrol(token)]);
  t.equal(at_once.filter(({ status }) => status === "fulfilled").length, 1);
  await t.rejects(enrol(token), invalid);
  const late = await terminals.issueEnrolmentToken(Hours(1));
  await clock.advance(Hours(1));
  await t.rejects(enrol(late.token), invalid);
});

t.test("a key that cannot sign is refused, and does not use up the token", async (t) => {
  const { terminals } = await open(t);
  const { token } = await terminals.issueEnrolmentToken();
  await t.rejects(terminals.enrol({ token, name: "kiosk", signingKey: SEALING }), { code: "enrolment_key_unsuitable" });
  await t.resolves(terminals.enrol({ token, name: "kiosk", signingKey: SIGNING }));
});

t.test("where terminals need certificates, nobody is enrolled without a request that is one", async (t) => {
  const { terminals, enrol, store } = await signingFloor(t, new SimulatedClock());
  const { token } = await terminals.issueEnrolmentToken();
  const attempt = (certificateRequest?: string) =>
    terminals.enrol({
      token,
      name: "kiosk",
      signingKey: SIGNING,
      ...(certificateRequest !== undefined && { certificateRequest }),
    });
  await t.rejects(attempt(), { code: "enrolment_without_request" });
  await t.rejects(attempt("AAAA"), { code: "certificate_request_invalid" });
  t.same(await terminals.list(), [], "and nothing is left of it");
  t.match(await attempt(certificateRequest().text), { certificate: { url: "mqtts://broker.example:8883" } });
  const { terminal } = await enrol();
  t.ok(await terminals.mayConnect(terminal));
  await terminals.revoke(terminal);
  t.notOk(await terminals.mayConnect(terminal));
  t.notOk(await terminals.mayConnect("nobody"));
  t.equal((await store.selectFrom("certificates").selectAll().execute()).length, 2);
});

t.test("a revoked terminal is nobody any more", async (t) => {
  const { terminals, clock, store, enrol } = await open(t);
  const { terminal, mqtt } = await enrol();
  const cut: string[] = [];
  terminals.onRevoked((id) => cut.push(id));
  await terminals.revoke(terminal);
  const first = clock.now();
  await clock.advance(Seconds(1));
  await terminals.revoke(terminal);
  t.same(cut, [terminal], "told once");
  t.notOk(await terminals.authenticate(terminal, bytes(mqtt.password)));
  await t.rejects(terminals.signingKey(terminal), { code: "terminal_revoked" });
  await t.rejects(terminals.signingKey("nobody"), { code: "terminal_unknown" });
  await t.rejects(terminals.revoke("nobody"), { code: "terminal_unknown" });
  const row = await store.selectFrom("terminals").selectAll().where("id", "=", terminal).executeTakeFirstOrThrow();
  t.equal(row.revoked_at, first, "the first time counts");
});

t.test("a terminal that another process revoked is told of when it is looked for, once", async (t) => {
  const { terminals, store, clock, random, enrol } = await open(t);
  const { terminal } = await enrol();
  await enrol();
  const cut: string[] = [];
  terminals.onRevoked((id) => cut.push(id));
  await terminals.announceRevocations();
  t.same(cut, []);
  await new Terminals({ store, clock, random, sealingKeys: () => [], mqttUrl: () => "" }).revoke(terminal);
  t.same(cut, []);
  await terminals.announceRevocations();
  await terminals.announceRevocations();
  t.same(cut, [terminal]);
});

t.test("all terminals are listed, revoked ones too", async (t) => {
  const { terminals, clock, enrol } = await open(t);
  const enrolledAt = clock.now();
  const { terminal: first } = await enrol();
  await clock.advance(Seconds(1));
  const { terminal: second } = await enrol();
  await terminals.revoke(first);
  const listed = (await terminals.list()).filter(({ terminal }) => [first, second].includes(terminal));
  t.same(listed, [
    { terminal: first, name: "kiosk", enrolledAt, revokedAt: clock.now(), sealsTo: "k1", certifiedUntil: null },
    { terminal: second, name: "kiosk", enrolledAt: clock.now(), revokedAt: null, sealsTo: "k1", certifiedUntil: null },
  ]);
});

t.test("it is known which terminals do not seal to a key", async (t) => {
  const { terminals, store, enrol } = await open(t);
  const { terminal: first } = await enrol();
  const { terminal: second } = await enrol();
  const { terminal: revoked } = await enrol();
  const { terminal: earlier } = await enrol();
  const ours = [first, second, revoked, earlier];
  await terminals.revoke(revoked);
  await store.updateTable("terminals").set({ seals_to: null }).where("id", "=", earlier).execute();
  const others = async (kid: string) =>
    (await terminals.sealingToOthers(kid)).map(({ terminal }) => terminal).filter((id) => ours.includes(id));
  t.same(await others("k1"), [earlier], "a release before this one did not keep it");
  await terminals.sealsTo(second, "k2");
  await terminals.sealsTo(earlier, "k2");
  t.same(await others("k2"), [first]);
  t.same(new Set(await others("k1")), new Set([second, earlier]));
});

t.test("neither token nor password is kept", async (t) => {
  const { terminals, store } = await open(t);
  const { token } = await terminals.issueEnrolmentToken();
  const { mqtt } = await terminals.enrol({ token, name: "kiosk", signingKey: SIGNING });
  const rows = JSON.stringify([
    await store.selectFrom("terminals").selectAll().execute(),
    await store.selectFrom("enrolment_tokens").selectAll().execute(),
  ]);
  t.notOk(rows.includes(token));
  t.notOk(rows.includes(mqtt.password));
});
