import { generateKeyPairSync, X509Certificate } from "node:crypto";
import { CertificateAuthority } from "@swipewire/gateway/certificates/authority";
import { Hours } from "@swipewire/protocol/time";
import t from "tap";
import { SimulatedClock } from "../../simulated-clock.ts";
import { testKeys } from "../keys/test-keys.ts";
import { certificateRequest, signingFloor } from "./signing-floor.ts";

const TERMINAL = "5b1d2c3e-4f5a-4b6c-8d7e-9f0a1b2c3d4e";
const now = Date.parse("2026-11-01T12:00:00.000Z");
const der = (request: { text: string }) => Buffer.from(request.text, "base64url");

t.test("a terminal's certificate says who it is, what it is for, and how long", async (t) => {
  const { authority } = await signingFloor(t, new SimulatedClock());
  const root = new X509Certificate(authority.certificate);
  t.ok(root.ca);
  t.ok(root.verify(root.publicKey));
  t.match(root.subject, /^CN=Swipewire authority [0-9A-F]{6}$/);
  for (const pair of [generateKeyPairSync("ec", { namedCurve: "P-256" }), generateKeyPairSync("ed25519")]) {
    const { pem, serial, expiresAt } = authority.issueToTerminal(TERMINAL, der(certificateRequest({ pair })), now);
    const certificate = new X509Certificate(pem);
    t.ok(certificate.checkIssued(root));
    t.ok(certificate.verify(root.publicKey));
    t.ok(certificate.checkPrivateKey(pair.privateKey));
    t.notOk(certificate.ca);
    t.equal(certificate.subject, `CN=${TERMINAL}`);
    t.equal(certificate.subjectAltName, `URI:urn:uuid:${TERMINAL}`);
    t.same(certificate.keyUsage, ["1.3.6.1.5.5.7.3.2"], "client authentication, RFC 5280 4.2.1.12");
    t.equal(certificate.serialNumber.toLowerCase(), serial);
    t.equal(certificate.validToDate.getTime(), expiresAt);
    t.equal(expiresAt, now + Hours(365 * 24));
    t.equal(certificate.validFromDate.getTime(), now - Hours(1), "for clocks that are slow");
  }
});

t.test("a broker's certificate is for its name or address, and for nothing that a terminal's is", async (t) => {
  const { authority } = await signingFloor(t, new SimulatedClock());
  const { publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  for (const [host, shown] of [
    ["broker.example", "DNS:broker.example"],
    ["127.0.0.1", "IP Address:127.0.0.1"],
    ["::1", "IP Address:0:0:0:0:0:0:0:1"],
  ] as const) {
    const certificate = new X509Certificate(authority.issueToBroker(host, publicKey, now, Hours(1)).pem);
    t.equal(certificate.subjectAltName, shown);
    t.same(certificate.keyUsage, ["1.3.6.1.5.5.7.3.1"]);
    t.equal(certificate.validToDate.getTime(), now + Hours(1));
  }
});

t.test("the authority's certificate is the same after a restart, and another's is another", async (t) => {
  const f = await signingFloor(t, new SimulatedClock());
  await f.custody.rotateEnvelopeKey();
  t.equal(new CertificateAuthority({ keys: f.keyStore, random: f.random }).certificate, f.authority.certificate);
  const other = await testKeys(f.folder, f.random, { authority: true });
  t.teardown(other.close);
  t.not(new CertificateAuthority({ keys: other.store, random: f.random }).certificate, f.authority.certificate);
  await t.rejects(f.custody.makeAuthority(), { code: "authority_exists" });
  const without = await testKeys(f.folder, f.random);
  t.teardown(without.close);
  t.throws(() => new CertificateAuthority({ keys: without.store, random: f.random }), { code: "authority_missing" });
});

t.test("signs nothing for a request that is none, is not its key's own, or is for an unsuitable key", async (t) => {
  const { authority } = await signingFloor(t, new SimulatedClock());
  const good = der(certificateRequest());
  const stranger = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
  for (const [what, request] of [
    ["nothing", Buffer.alloc(0)],
    ["noise", Buffer.from("not a request")],
    ["half of one", good.subarray(0, good.length / 2)],
    ["another's signature", der(certificateRequest({ signedBy: stranger }))],
    ["an altered key", good.map((byte, at) => (at === 60 ? byte ^ 1 : byte))],
    ["P-384", der(certificateRequest({ pair: generateKeyPairSync("ec", { namedCurve: "P-384" }) }))],
    ["RSA", der(certificateRequest({ pair: generateKeyPairSync("rsa", { modulusLength: 2048 }) }))],
  ] as const) {
    t.throws(() => authority.issueToTerminal(TERMINAL, request, now), { code: "certificate_request_invalid" }, what);
  }
});
