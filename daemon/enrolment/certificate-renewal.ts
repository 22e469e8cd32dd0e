import { spread } from "@swipewire/protocol/backoff";
import { signCertificateRequest, verifyCertificateFinding } from "@swipewire/protocol/envelope/certificates";
import { SwipewireError } from "@swipewire/protocol/failure";
import type { PublicJwk } from "@swipewire/protocol/messages/fields";
import type { LinkBody } from "@swipewire/protocol/messages/terminal-link";
import type { Random } from "@swipewire/protocol/random";
import { type Clock, Hours, type Instant, type Timer } from "@swipewire/protocol/time";
import type { CryptoKey } from "jose";
import type { Logger } from "pino";
import type { DaemonConfig } from "../config/config-schema.ts";
import { type KeptCertificate, keepCertificate, keptCertificate } from "../state/certificate.ts";
import { type Identity, loadIdentity } from "../state/identity.ts";
import type { LinkCertificate } from "../uplink/mqtt-link.ts";
import type { CertificateOutcome, Uplink } from "../uplink/uplink.ts";
import { checkFit, flawOf, renewalOf, validityOf } from "./certificate-flaws.ts";
import { shownKey, type TokenPlace } from "./token-key.ts";

/** Between looks whether it is time; half of it at least. */
const LONGEST_PAUSE = Hours(12);

/**
 * The certificate of this terminal; one that does not fit it is none, as where an enrolment was cut off in the middle, or its
 * token is not in the config.
 * @throws StateFileExposed | StateFileInvalid | StateFolderUnusable
 */
export async function certificateOf(
  { stateDir, certificateKey }: Pick<DaemonConfig, "stateDir" | "certificateKey">,
  terminal: string,
): Promise<KeptCertificate | undefined> {
  const kept = await keptCertificate(stateDir);
  if (!kept || flawOf(kept, terminal) !== undefined) return undefined;
  return typeof kept.key === "string" || certificateKey ? kept : undefined;
}

export interface CertificateRenewalOptions {
  readonly identity: Pick<Identity, "terminal" | "mqtt">;
  readonly kept: KeptCertificate | undefined;
  readonly stateDir: string;
  /** Where keys are made, if not in files. */
  readonly certificateKey?: TokenPlace | undefined;
  readonly uplink: Pick<Uplink, "findCertificate">;
  /** The terminal's, which signs its swipes. */
  readonly signingKey: CryptoKey;
  /** The gateway's, once it is pinned. */
  readonly gatewayKey: () => Promise<PublicJwk | undefined>;
  /** There is a first certificate to connect with. */
  readonly moveOver: () => void;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/**
 * Keeps the terminal's certificate good: asks the gateway for a new one in time, for a new key, and for a first one where
 * the terminal was enrolled before there were any. Believes only what the gateway's pinned key signed.
 */
export class CertificateRenewal {
  readonly #options: CertificateRenewalOptions;
  #kept: KeptCertificate | undefined;
  #next: Timer | undefined;
  /** When a gateway that signs none said so. */
  #toldNone: Instant | undefined;
  #asking: Promise<void> | undefined;
  #saving: Promise<void> = Promise.resolve();

  constructor(options: CertificateRenewalOptions) {
    this.#options = options;
    this.#kept = options.kept;
  }

  /** What to connect with now, if not with a password. */
  get forLink(): LinkCertificate | undefined {
    const { identity, clock } = this.#options;
    const kept = this.#kept;
    if (!kept) return undefined;
    const good = clock.now() < validityOf(kept).until;
    return {
      ...kept,
      key: shownKey(kept, this.#options.certificateKey),
      only: identity.mqtt.url === kept.url || (kept.taken && good),
    };
  }

  /** A broker let the terminal in by it. */
  taken(): void {
    if (!this.#kept || this.#kept.taken) return;
    this.#kept = { ...this.#kept, taken: true };
    this.#saving = this.#saving.then(() => this.#saveTaken());
  }

  /** Asks where it is time to, and looks again from time to time. */
  ask(): void {
    const { clock, random } = this.#options;
    this.#next?.cancel();
    this.#next = clock.after(spread(LONGEST_PAUSE, random), () => this.ask());
    if (this.#isDue(clock.now())) {
      this.#asking ??= this.#askOnce().finally(() => {
        this.#asking = undefined;
      });
    }
  }

  async close(): Promise<void> {
    this.#next?.cancel();
    await this.#asking;
    await this.#saving;
  }

  #isDue(now: Instant): boolean {
    if (!this.#kept) return this.#toldNone === undefined || now - this.#toldNone >= LONGEST_PAUSE / 2;
    return now >= renewalOf(validityOf(this.#kept));
  }

  async #askOnce(): Promise<void> {
    const { identity, stateDir, signingKey, clock, logger } = this.#options;
    try {
      const gatewayKey = await this.#options.gatewayKey();
      if (!gatewayKey) return;
      if (!this.#kept && !(await this.#find({}, gatewayKey))) return;
      const { makeCertificateKey } = await import("./certificate-request.ts");
      const { key, request } = await makeCertificateKey(this.#options.certificateKey);
      const signed = await signCertificateRequest(identity.terminal, request, signingKey);
      const found = await this.#find({ request: signed }, gatewayKey);
      if (found?.certificate === undefined) return;
      const { authority, url, certificate } = found;
      const next = { certificate, authority, url, key, taken: this.#kept?.taken ?? false };
      checkFit(next, identity.terminal);
      // Enrolled anew while this one runs: that identity waits for the next start.
      if ((await loadIdentity(stateDir)).terminal !== identity.terminal) return;
      const isFirst = !this.#kept;
      await this.#keep(next);
      const days = Math.floor((validityOf(next).until - clock.now()) / Hours(24));
      logger.info({ days }, "there is a new certificate");
      // A newer one serves from the next connection on: the broker looks at it only then.
      if (isFirst) this.#options.moveOver();
    } catch (failure) {
      // Whatever it is, the terminal goes on with the certificate it has.
      this.#warn(failure);
    }
  }

  async #find(question: LinkBody<"certificate.find">, gatewayKey: PublicJwk) {
    const { uplink, clock, logger } = this.#options;
    const asked: CertificateOutcome = await uplink.findCertificate(question);
    if (asked.kind === "refused") {
      this.#toldNone = clock.now();
      logger.info({ code: asked.code }, "the gateway gives no certificate");
    }
    if (asked.kind !== "found") return undefined;
    const { re, statement } = asked.answer;
    return await verifyCertificateFinding(statement, re, gatewayKey);
  }

  async #saveTaken(): Promise<void> {
    const { stateDir, identity, logger } = this.#options;
    try {
      if (!this.#kept || (await loadIdentity(stateDir)).terminal !== identity.terminal) return;
      await keepCertificate(stateDir, this.#kept);
      logger.info("a broker took the certificate: the password is not used from now on");
    } catch (failure) {
      this.#warn(failure);
    }
  }

  #warn(failure: unknown): void {
    const { logger } = this.#options;
    // The message of a library may quote what it was given.
    if (failure instanceof SwipewireError) logger.warn({ code: failure.code }, failure.message);
    else logger.error({ kind: (failure as Error).name }, "the certificate could not be seen to");
  }

  async #keep(next: KeptCertificate): Promise<void> {
    this.#kept = next;
    await keepCertificate(this.#options.stateDir, next);
  }
}
