import { createSecureContext } from "node:tls";
import { type Instant, isoTime } from "@swipewire/protocol/time";
import { flawOf, renewalOf, validityOf } from "../enrolment/certificate-flaws.ts";
import { shownKey, type TokenPlace } from "../enrolment/token-key.ts";
import { TokenKeyUnusable } from "../errors.ts";
import type { KeptCertificate } from "../state/certificate.ts";
import { type LinkCertificate, tlsOf } from "../uplink/mqtt-link.ts";
import type { Finding } from "./finding.ts";

const subject = "own certificate";
const DAY = 86_400_000;
/** A daemon that was off for so long, in parts of the certificate's life, renews when it is on again. */
const LATE = 1 / 12;

/** The certificate that the terminal shows to its broker: whose it is, who signed it, how long it is good. None is no fault. */
export function checkCertificate(kept: KeptCertificate | undefined, terminal: string, now: Instant): Finding[] {
  if (!kept) return [];
  const flaw = flawOf(kept, terminal);
  if (flaw !== undefined) {
    const todo = "Enrol this terminal with a new token; with its old password it goes on where its broker takes one";
    return [{ subject, verdict: "bad", says: `certificate.json is not this terminal's: ${flaw}`, todo }];
  }
  const { from, until } = validityOf(kept);
  if (now < from) {
    const todo = "Set this machine's clock, best by a time service: timedatectl set-ntp true";
    return [{ subject, verdict: "bad", says: `good from ${isoTime(from)} only, by this machine's clock`, todo }];
  }
  if (now >= until) {
    const todo = "Enrol this terminal with a new token, or set this machine's clock if it is far off";
    return [{ subject, verdict: "bad", says: `expired at ${isoTime(until)}`, todo }];
  }
  const days = Math.floor((until - now) / DAY);
  const says = `${terminal}'s, signed by its gateway's authority, good until ${isoTime(until)}, ${days} days`;
  if (now < renewalOf({ from, until }) + (until - from) * LATE) return [{ subject, verdict: "good", says }];
  const todo = "Have the daemon run and reach its gateway: it renews it by itself, and its log says why it could not";
  return [{ subject, verdict: "doubtful", says: `${says}; it should have been renewed`, todo }];
}

/** What the terminal can show; undefined where it has nothing, or can't use it. */
export interface OwnCertificate {
  readonly shown?: Omit<LinkCertificate, "only">;
  readonly findings: readonly Finding[];
}

/** {@link checkCertificate}, and whether its key can be used: a token may be gone, or locked. */
export function checkOwn(
  kept: KeptCertificate | undefined,
  { terminal, place, now }: { terminal: string; place: TokenPlace | undefined; now: Instant },
): OwnCertificate {
  const findings = checkCertificate(kept, terminal, now);
  if (!kept || flawOf(kept, terminal) !== undefined) return { findings };
  try {
    const shown = { ...kept, key: shownKey(kept, place) };
    createSecureContext(tlsOf(shown));
    return { shown, findings };
  } catch {
    // What a token's library says may hold anything.
    const { what: says, todo } = TokenKeyUnusable.text;
    return { findings: [{ subject, verdict: "bad", says, todo }] };
  }
}
