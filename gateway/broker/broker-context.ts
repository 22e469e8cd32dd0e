import { generateKeyPairSync } from "node:crypto";
import type { SecureContextOptions } from "node:tls";
import { Hours, type Instant } from "@swipewire/protocol/time";
import type { CertificateAuthority } from "../certificates/authority.ts";
import { revokedCertificates } from "../certificates/terminal-certificates.ts";
import type { Store } from "../store/store.ts";

/** Made anew each day; more than that only in case a machine sleeps. */
const LIFETIME = Hours(30 * 24);

export interface BrokerContextOptions {
  readonly authority: CertificateAuthority;
  readonly store: Store;
  /** As it stands in terminals' URL of the broker. */
  readonly host: string;
  readonly now: Instant;
}

/** What the embedded broker shows and whom it believes: a new key and certificate of the authority, and who is revoked. */
export async function brokerContext({
  authority,
  store,
  host,
  now,
}: BrokerContextOptions): Promise<Pick<SecureContextOptions, "cert" | "key" | "ca" | "crl">> {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return {
    cert: authority.issueToBroker(host, publicKey, now, LIFETIME).pem,
    key: privateKey.export({ format: "pem", type: "pkcs8" }),
    ca: authority.certificate,
    crl: authority.revocationList(await revokedCertificates(store, now), now, LIFETIME),
  };
}
