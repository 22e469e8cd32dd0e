import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { chmod, mkdir } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { enrol } from "@swipewire/daemon/enrolment/enrol";
import { keptCertificate } from "@swipewire/daemon/state/certificate";
import { loadIdentity } from "@swipewire/daemon/state/identity";
import { pairingToken } from "@swipewire/daemon/state/pairing-token";
import { EnrolmentRequest } from "@swipewire/protocol/messages/enrolment";
import { checker } from "@swipewire/protocol/messages/parse";
import { CompactSign, compactVerify, importJWK } from "jose";
import t, { type Test } from "tap";
import { certificateRequest, signingFloor } from "../../gateway/certificates/signing-floor.ts";
import { seededRandom } from "../../seeded-random.ts";
import { SimulatedClock } from "../../simulated-clock.ts";

const checkRequest = checker(EnrolmentRequest);
const TOKEN = "oneTimeToken0123456789_-";
const REPLY = {
  terminal: "5b1d2c3e-4f5a-4b6c-8d7e-9f0a1b2c3d4e",
  mqtt: { url: "mqtt://127.0.0.1:1883", username: "5b1d2c3e-4f5a-4b6c-8d7e-9f0a1b2c3d4e", password: "mqtt-secret" },
  sealingKeys: [{ kty: "OKP", crv: "X25519", x: "3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08", kid: "1" }],
  serverTime: "2026-11-01T12:00:00.000Z",
};

type Reply = object | string | ((request: EnrolmentRequest) => object);

/** A gateway that answers an enrolment as it is told. */
async function begin(t: Test, status: number, reply: Reply, authority?: unknown) {
  const requests: EnrolmentRequest[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", () => {
      if (request.url === "/base/v1/certificate-authority") {
        if (authority === undefined) response.writeHead(404).end();
        else response.end(typeof authority === "string" ? authority : JSON.stringify(authority));
        return;
      }
      t.equal(`${request.method} ${request.url}`, "POST /base/v1/terminals");
      const asked = checkRequest(JSON.parse(Buffer.concat(chunks).toString()));
      requests.push(asked);
      const answer = typeof reply === "function" ? reply(asked) : reply;
      response.writeHead(status, { "content-type": "application/json", location: "/elsewhere" });
      response.end(typeof answer === "string" ? answer : JSON.stringify(answer));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.teardown(() => server.close());
  const stateDir = join(mkdtempSync(join(tmpdir(), "swipewire-enrol-")), "state");
  t.teardown(() => rmSync(join(stateDir, ".."), { recursive: true }));
  const gateway = `http://127.0.0.1:${(server.address() as AddressInfo).port}/base`;
  return { requests, stateDir, enrol: () => enrol({ gateway, token: TOKEN, name: "Kiosk 1", stateDir }) };
}

const modeOf = (path: string) => statSync(path).mode & 0o777;

t.test("makes the key, enrols, and keeps the identity for its owner only", async (t) => {
  const { requests, stateDir, enrol } = await begin(t, 201, REPLY);
  const { serverTime } = await enrol();
  t.equal(serverTime, REPLY.serverTime);
  t.match(requests, [{ token: TOKEN, name: "Kiosk 1", signingKey: { kty: "OKP", crv: "Ed25519" } }]);
  t.strictSame(readdirSync(stateDir), ["identity.json"]);
  t.equal(modeOf(join(stateDir, "identity.json")), 0o600);
  t.equal(modeOf(stateDir), 0o700);
  t.notMatch(readFileSync(join(stateDir, "identity.json"), "utf8"), TOKEN);

  const identity = await loadIdentity(stateDir);
  t.match(identity, { terminal: REPLY.terminal, mqtt: REPLY.mqtt, sealingKeys: REPLY.sealingKeys });
  const jws = await new CompactSign(new Uint8Array([1]))
    .setProtectedHeader({ alg: "EdDSA" })
    .sign(await importJWK(identity.signingKey, "EdDSA"));
  const [request] = requests;
  await compactVerify(jws, await importJWK({ ...request?.signingKey }, "EdDSA"));
});

t.test("where the gateway signs certificates, keeps one with its key, for its owner only", async (t) => {
  const { authority } = await signingFloor(t, new SimulatedClock());
  const url = "mqtts://broker.example:8883";
  const issue = (id: string, request: string, at = 0) =>
    authority.issueToTerminal(id, Buffer.from(request, "base64url"), at).pem;
  const reply = (certificate: (request: string) => string) => (request: EnrolmentRequest) => ({
    ...REPLY,
    certificate: { certificate: certificate(request.certificateRequest ?? ""), authority: authority.certificate, url },
  });
  const told = { authority: authority.certificate };
  const own = reply((request) => issue(REPLY.terminal, request));
  const { enrol, stateDir, requests } = await begin(t, 201, own, told);
  await enrol();
  const kept = await keptCertificate(stateDir);
  t.match(kept, { authority: authority.certificate, url, taken: false, key: /PRIVATE KEY/ });
  t.equal(modeOf(join(stateDir, "certificate.json")), 0o600);
  await enrol();
  t.not((await keptCertificate(stateDir))?.key, kept?.key, "a new key each time");
  t.notOk(JSON.stringify(requests).includes("PRIVATE"));

  const other = await signingFloor(t, new SimulatedClock(), { seed: 5 });
  for (const [what, answer] of [
    ["none", () => REPLY],
    ["another terminal's", reply((request) => issue("6f8f2c3a-6c1e-4f0e-8f57-0f7b8a0e2a11", request))],
    ["for another key", reply(() => issue(REPLY.terminal, certificateRequest().text))],
    [
      "another authority's",
      reply((request) => other.authority.issueToTerminal(REPLY.terminal, Buffer.from(request, "base64url"), 0).pem),
    ],
    ["noise", reply(() => "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")],
  ] as const) {
    const wrong = await begin(t, 201, answer, told);
    await t.rejects(wrong.enrol(), { code: "enrolment_reply_invalid" }, what);
    await t.rejects(loadIdentity(wrong.stateDir), { code: "identity_missing" });
  }
  const noAuthority = await begin(t, 201, REPLY, "<html>");
  await t.rejects(noAuthority.enrol(), { code: "enrolment_reply_invalid" });
  t.equal(noAuthority.requests.length, 0, "the token is not spent");
});

t.test("enrolled anew at a gateway that signs none, it has no certificate any more", async (t) => {
  const { enrol, stateDir } = await begin(t, 201, REPLY);
  writeFileSync(join((await mkdir(stateDir, { recursive: true, mode: 0o700 })) ?? stateDir, "certificate.json"), "old");
  await enrol();
  t.equal(await keptCertificate(stateDir), undefined);
});

t.test("a second enrolment takes the place of the first, with a new key", async (t) => {
  const { requests, enrol, stateDir } = await begin(t, 201, REPLY);
  await enrol();
  const first = await loadIdentity(stateDir);
  await enrol();
  t.not((await loadIdentity(stateDir)).signingKey.x, first.signingKey.x);
  t.equal(requests.length, 2);
});

t.test("says why it was not enrolled, and keeps nothing", async (t) => {
  const failure = { error: { code: "enrolment_token_invalid", what: "a", means: "b", todo: "c" } };
  for (const [status, reply, expected] of [
    [403, failure, { code: "enrolment_refused", message: /enrolment_token_invalid/ }],
    [502, "<html>", { code: "enrolment_refused", message: /HTTP 502/ }],
    [201, "<html>", { code: "enrolment_reply_invalid" }],
    [201, { ...REPLY, surplus: 1 }, { code: "enrolment_reply_invalid" }],
    [201, { ...REPLY, sealingKeys: [] }, { code: "enrolment_reply_invalid" }],
    [302, "", { code: "enrolment_unreachable" }],
  ] as const) {
    const { enrol, stateDir } = await begin(t, status, reply);
    await t.rejects(enrol(), expected);
    await t.rejects(loadIdentity(stateDir), { code: "identity_missing" });
  }
});

t.test("reads no more of a reply than a reply can be", async (t) => {
  const server = createServer((_request, response) => void response.writeHead(201).write(Buffer.alloc(100_000, " ")));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  const gateway = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const attempt = enrol({ gateway, token: TOKEN, name: "a", stateDir: join(t.testdir(), "state") });
  await t.rejects(attempt, { code: "enrolment_reply_invalid" });
});

t.test("sends a token over plain http to this machine only", async (t) => {
  const stateDir = join(tmpdir(), "swipewire-never-made");
  for (const gateway of [
    "http://gateway.example",
    "http://127.0.0.1.example",
    "ftp://127.0.0.1",
    "gateway.example",
    "",
  ]) {
    await t.rejects(
      enrol({ gateway, token: TOKEN, name: "a", stateDir }),
      { code: "enrolment_address_refused" },
      gateway,
    );
  }
});

t.test("does not spend the token when there is no place to keep the identity", async (t) => {
  const { requests, stateDir } = await begin(t, 201, REPLY);
  const file = join(stateDir, "..", "a-file");
  writeFileSync(file, "");
  const attempt = enrol({ gateway: "http://127.0.0.1:1", token: TOKEN, name: "a", stateDir: join(file, "state") });
  await t.rejects(attempt, { code: "state_folder_unusable" });
  t.equal(requests.length, 0);
});

t.test("refuses secret files that others may read or that were changed", async (t) => {
  const { enrol, stateDir } = await begin(t, 201, REPLY);
  await enrol();
  await chmod(join(stateDir, "identity.json"), 0o640);
  await t.rejects(loadIdentity(stateDir), { code: "state_file_exposed" });
  await chmod(join(stateDir, "identity.json"), 0o600);
  writeFileSync(join(stateDir, "identity.json"), "{}");
  await t.rejects(loadIdentity(stateDir), { code: "state_file_invalid" });
});

t.test("makes the pairing token once, at random, for its owner only", async (t) => {
  const { stateDir } = await begin(t, 201, REPLY);
  const token = await pairingToken(stateDir, seededRandom(1));
  t.match(token, /^[A-Za-z0-9_-]{43}$/);
  t.equal(await pairingToken(stateDir, seededRandom(2)), token);
  t.equal(modeOf(join(stateDir, "pairing-token")), 0o600);
  writeFileSync(join(stateDir, "pairing-token"), "short");
  await t.rejects(pairingToken(stateDir, seededRandom(1)), { code: "state_file_invalid" });
});
