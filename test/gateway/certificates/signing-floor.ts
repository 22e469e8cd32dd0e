import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CertificationRequest, CertificationRequestInfo } from "@peculiar/asn1-csr";
import { AsnConvert } from "@peculiar/asn1-schema";
import { AlgorithmIdentifier, Name, SubjectPublicKeyInfo } from "@peculiar/asn1-x509";
import { CertificateAuthority } from "@swipewire/gateway/certificates/authority";
import { TerminalCertificates } from "@swipewire/gateway/certificates/terminal-certificates";
import { openStore } from "@swipewire/gateway/store/store";
import { Terminals } from "@swipewire/gateway/terminals/terminals";
import type { Clock } from "@swipewire/protocol/time";
import { exportJWK } from "jose";
import type { Test } from "tap";
import { seededRandom } from "../../seeded-random.ts";
import { testKeys } from "../keys/test-keys.ts";

/** A gateway's keys, store and authority, and terminals that are enrolled there. */
export async function signingFloor(t: Test, clock: Clock, { seed = 11, url = "mqtts://broker.example:8883" } = {}) {
  const random = seededRandom(seed);
  const folder = mkdtempSync(join(tmpdir(), "swipewire-certificates-"));
  const keys = await testKeys(folder, random, { authority: true });
  const store = await openStore(":memory:");
  t.teardown(async () => {
    keys.close();
    await store.destroy();
    rmSync(folder, { recursive: true });
  });
  const authority = new CertificateAuthority({ keys: keys.store, random });
  const certificates = new TerminalCertificates({ store, authority, keys: keys.store, url: () => url, clock });
  const terminals = new Terminals({
    store,
    clock,
    random,
    sealingKeys: () => keys.store.sealingKeys(),
    mqttUrl: () => url,
    certificates,
  });
  /** A terminal with its keys and its certificate. */
  const enrol = async (request = certificateRequest()) => {
    const signing = generateKeyPairSync("ed25519");
    const { x = "" } = await exportJWK(signing.publicKey);
    const { token } = await terminals.issueEnrolmentToken();
    const signingKey = { kty: "OKP", crv: "Ed25519", x } as const;
    const reply = await terminals.enrol({ token, name: "kiosk", signingKey, certificateRequest: request.text });
    if (!reply.certificate) throw new Error("no certificate");
    return { ...reply, certificate: reply.certificate, key: request.key, signing };
  };
  const { store: keyStore, custody } = keys;
  return { keyStore, custody, folder, random, store, authority, certificates, terminals, enrol };
}

interface RequestOptions {
  readonly pair?: { readonly publicKey: KeyObject; readonly privateKey: KeyObject };
  /** Signs it, if not the key that it is for. */
  readonly signedBy?: KeyObject;
}

/** A certification request as a daemon makes it, or as it should not. */
export function certificateRequest({
  pair = generateKeyPairSync("ec", { namedCurve: "P-256" }),
  signedBy = pair.privateKey,
}: RequestOptions = {}): { readonly text: string; readonly key: string } {
  const info = new CertificationRequestInfo({
    subject: new Name(),
    subjectPKInfo: AsnConvert.parse(pair.publicKey.export({ format: "der", type: "spki" }), SubjectPublicKeyInfo),
  });
  const isEd25519 = signedBy.asymmetricKeyType === "ed25519";
  const signature = sign(isEd25519 ? null : "sha256", new Uint8Array(AsnConvert.serialize(info)), signedBy);
  const request = new CertificationRequest({
    certificationRequestInfo: info,
    signatureAlgorithm: new AlgorithmIdentifier({ algorithm: isEd25519 ? "1.3.101.112" : "1.2.840.10045.4.3.2" }),
    signature: Uint8Array.from(signature).buffer,
  });
  return {
    text: Buffer.from(AsnConvert.serialize(request)).toString("base64url"),
    key: String(pair.privateKey.export({ format: "pem", type: "pkcs8" })),
  };
}
