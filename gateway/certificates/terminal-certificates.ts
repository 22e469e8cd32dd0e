import { signCertificateFinding, verifyCertificateRequest } from "@swipewire/protocol/envelope/certificates";
import type { TerminalCertificate } from "@swipewire/protocol/messages/certificates";
import type { PublicJwk } from "@swipewire/protocol/messages/fields";
import type { LinkBody } from "@swipewire/protocol/messages/terminal-link";
import { type Clock, Hours } from "@swipewire/protocol/time";
import { CertificatesTooMany } from "../errors.ts";
import type { KeyStore } from "../keys/key-store.ts";
import type { Store, Transaction } from "../store/store.ts";
import type { CertificateAuthority } from "./authority.ts";

/** A terminal asks once in months; one that asks all the time must not fill the store. */
const MOST_A_DAY = 10;
const DAY = Hours(24);

export interface TerminalCertificatesOptions {
  readonly store: Store;
  readonly authority: CertificateAuthority;
  readonly keys: Pick<KeyStore, "signStatement">;
  /** Of the broker that asks terminals for certificates, `mqtts://…`. */
  readonly url: () => string;
  readonly clock: Pick<Clock, "now">;
}

/** The certificates that terminals show to their broker. */
export class TerminalCertificates {
  readonly #options: TerminalCertificatesOptions;

  constructor(options: TerminalCertificatesOptions) {
    this.#options = options;
  }

  /** The authority's certificate, PEM. */
  get authority(): string {
    return this.#options.authority.certificate;
  }

  /**
   * @param request PKCS #10 in DER, base64url
   * @throws CertificateRequestInvalid | CertificatesTooMany
   */
  async issue(store: Store | Transaction, terminal: string, request: string): Promise<TerminalCertificate> {
    const { authority, url, clock } = this.#options;
    const now = clock.now();
    const { count } = await store
      .selectFrom("certificates")
      .select((e) => e.fn.countAll<number>().as("count"))
      .where("terminal_id", "=", terminal)
      .where("issued_at", ">", now - DAY)
      .executeTakeFirstOrThrow();
    if (count >= MOST_A_DAY) throw new CertificatesTooMany();
    const { pem, serial, expiresAt } = authority.issueToTerminal(terminal, Buffer.from(request, "base64url"), now);
    await store
      .insertInto("certificates")
      .values({ serial, terminal_id: terminal, issued_at: now, expires_at: expiresAt })
      .execute();
    return { certificate: pem, authority: authority.certificate, url: url() };
  }

  /**
   * Tells a terminal of the authority and, where it sends a request, makes it a certificate.
   * @param question its id
   * @param signingKey the terminal's
   * @throws CertificateRequestRefused | CertificateRequestInvalid | CertificatesTooMany | GatewayKeyMissing
   */
  async answer(
    terminal: string,
    question: string,
    { request }: LinkBody<"certificate.find">,
    signingKey: PublicJwk,
  ): Promise<LinkBody<"certificate.found">> {
    const { store, authority, keys, url } = this.#options;
    const told = { authority: authority.certificate, url: url() };
    const sign = (input: Uint8Array) => keys.signStatement(input);
    if (request === undefined) return { re: question, statement: signCertificateFinding(question, told, sign) };
    const asked = await verifyCertificateRequest(request, terminal, signingKey);
    const { certificate } = await store.transaction().execute((trx) => this.issue(trx, terminal, asked));
    return { re: question, statement: signCertificateFinding(question, { ...told, certificate }, sign) };
  }
}

/** The certificates of revoked terminals that would otherwise still be good. */
export const revokedCertificates = (store: Store, now: number) =>
  store
    .selectFrom("certificates")
    .innerJoin("terminals", "terminals.id", "certificates.terminal_id")
    .select(["certificates.serial", "terminals.revoked_at as revokedAt"])
    .where("certificates.expires_at", ">", now)
    .where("terminals.revoked_at", "is not", null)
    .orderBy("certificates.serial")
    .$narrowType<{ revokedAt: number }>()
    .execute();
