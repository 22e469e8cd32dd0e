import { createPrivateKey, X509Certificate } from "node:crypto";
import { CertificateAnswerRefused } from "@swipewire/protocol/errors";
import type { Instant } from "@swipewire/protocol/time";
import type { KeptCertificate } from "../state/certificate.ts";

type Shown = Pick<KeptCertificate, "certificate" | "authority" | "key">;

interface Validity {
  readonly from: Instant;
  readonly until: Instant;
}

/** From when to when it is good. */
export function validityOf({ certificate }: Pick<Shown, "certificate">): Validity {
  const { validFromDate, validToDate } = new X509Certificate(certificate);
  return { from: validFromDate.getTime(), until: validToDate.getTime() };
}

/** Of its life is left when a certificate is renewed: months, for a terminal that may be off for long. */
const LAST_PART = 1 / 3;

/** When it is renewed. */
export const renewalOf = ({ from, until }: Validity): Instant => until - (until - from) * LAST_PART;

/** What keeps a broker from taking it, whenever; undefined where nothing does. */
export function flawOf({ certificate, authority, key }: Shown, terminal: string): string | undefined {
  try {
    const own = new X509Certificate(certificate);
    const issuer = new X509Certificate(authority);
    if (!issuer.ca || !own.checkIssued(issuer) || !own.verify(issuer.publicKey)) return "its authority did not sign it";
    // A token's is not to be looked at: the connection shows.
    if (typeof key === "string" && !own.checkPrivateKey(createPrivateKey(key))) return "it is for another key";
    if (own.subject !== `CN=${terminal}`) return "it is another terminal's";
    return undefined;
  } catch {
    return "it cannot be read";
  }
}

/** @throws CertificateAnswerRefused for one that does not fit */
export function checkFit(shown: Shown, terminal: string): void {
  const flaw = flawOf(shown, terminal);
  if (flaw !== undefined) throw new CertificateAnswerRefused({ detail: flaw });
}
