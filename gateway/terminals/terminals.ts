import { createHash, timingSafeEqual } from "node:crypto";
import type { EnrolmentReply, EnrolmentRequest } from "@swipewire/protocol/messages/enrolment";
import { PublicJwk } from "@swipewire/protocol/messages/fields";
import { checker } from "@swipewire/protocol/messages/parse";
import { type Random, randomUuid } from "@swipewire/protocol/random";
import { type Clock, type Duration, Hours, type Instant, isoTime } from "@swipewire/protocol/time";
import type { TerminalCertificates } from "../certificates/terminal-certificates.ts";
import {
  EnrolmentKeyUnsuitable,
  EnrolmentTokenInvalid,
  EnrolmentWithoutRequest,
  TerminalRevoked,
  TerminalUnknown,
} from "../errors.ts";
import type { Store } from "../store/store.ts";

const TOKEN_LIFETIME = Hours(24);
/** 256 bits: no slow hash is needed for what can't be guessed. */
const SECRET_BYTES = 32;

const checkKey = checker(PublicJwk);

export interface TerminalsOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  /** X25519 keys that swipes are to be sealed to, newest first. */
  readonly sealingKeys: () => readonly PublicJwk[];
  /** Where terminals find the broker, `mqtt://…`. */
  readonly mqttUrl: () => string;
  /** Where terminals need certificates: what signs them. */
  readonly certificates?: Pick<TerminalCertificates, "issue"> | undefined;
}

export interface EnrolledTerminal {
  readonly terminal: string;
  readonly name: string;
  readonly enrolledAt: Instant;
  readonly revokedAt: Instant | null;
  /** The `kid` of the envelope key that it was last known to seal to; null where it was enrolled before this was kept. */
  readonly sealsTo: string | null;
  /** Until when its newest certificate is good; null where it has none. */
  readonly certifiedUntil: Instant | null;
}

/** Which terminals there are, and how one becomes one. */
export class Terminals {
  readonly #options: TerminalsOptions;
  readonly #revocationListeners: ((terminal: string) => void)[] = [];
  readonly #announced = new Set<string>();

  constructor(options: TerminalsOptions) {
    this.#options = options;
  }

  /** A token that enrols one terminal, good for `lifetime`. Only its hash is kept. */
  async issueEnrolmentToken(lifetime: Duration = TOKEN_LIFETIME): Promise<{ token: string; expiresAt: Instant }> {
    const token = this.#secret();
    const expiresAt = this.#options.clock.now() + lifetime;
    await this.#options.store
      .insertInto("enrolment_tokens")
      .values({ token_hash: sha256(token), expires_at: expiresAt, used_at: null })
      .execute();
    return { token, expiresAt };
  }

  /**
   * Makes a terminal of whoever holds a token. The reply holds its MQTT password, which is not kept.
   * @throws EnrolmentTokenInvalid | EnrolmentKeyUnsuitable | EnrolmentWithoutRequest | CertificateRequestInvalid
   */
  async enrol({ token, name, signingKey, certificateRequest }: EnrolmentRequest): Promise<EnrolmentReply> {
    if (signingKey.crv !== "Ed25519") throw new EnrolmentKeyUnsuitable();
    const { store, clock, random, mqttUrl, sealingKeys, certificates } = this.#options;
    if (certificates && certificateRequest === undefined) throw new EnrolmentWithoutRequest();
    const now = clock.now();
    const terminal = randomUuid(random);
    const password = this.#secret();
    const keys = sealingKeys();
    const certificate = await store.transaction().execute(async (trx) => {
      const used = await trx
        .updateTable("enrolment_tokens")
        .set({ used_at: now })
        .where("token_hash", "=", sha256(token))
        .where("used_at", "is", null)
        .where("expires_at", ">", now)
        .executeTakeFirstOrThrow();
      // Unknown, used and expired alike: whoever guesses learns nothing.
      if (used.numUpdatedRows !== 1n) throw new EnrolmentTokenInvalid();
      await trx
        .insertInto("terminals")
        .values({
          id: terminal,
          name,
          signing_key: JSON.stringify(signingKey),
          password_hash: sha256(password),
          enrolled_at: now,
          revoked_at: null,
          seals_to: keys[0]?.kid ?? null,
        })
        .execute();
      if (certificateRequest === undefined) return undefined;
      return certificates?.issue(trx, terminal, certificateRequest);
    });
    return {
      terminal,
      mqtt: { url: mqttUrl(), username: terminal, password },
      sealingKeys: [...keys],
      serverTime: isoTime(now),
      ...(certificate && { certificate }),
    };
  }

  /** All that were ever enrolled, oldest first. */
  list(): Promise<readonly EnrolledTerminal[]> {
    return this.#options.store
      .selectFrom("terminals")
      .select(["id as terminal", "name", "enrolled_at as enrolledAt", "revoked_at as revokedAt", "seals_to as sealsTo"])
      .select((e) =>
        e
          .selectFrom("certificates")
          .select((of) => of.fn.max("expires_at").as("until"))
          .whereRef("terminal_id", "=", "terminals.id")
          .as("certifiedUntil"),
      )
      .orderBy("enrolled_at")
      .orderBy("id")
      .execute();
  }

  /** Terminals that are not revoked and were last known to seal to another key than this, or to one unknown; oldest first. */
  async sealingToOthers(kid: string): Promise<readonly EnrolledTerminal[]> {
    return (await this.list()).filter(({ revokedAt, sealsTo }) => revokedAt === null && sealsTo !== kid);
  }

  /** A terminal told which key it seals to. */
  async sealsTo(terminal: string, kid: string): Promise<void> {
    await this.#options.store
      .updateTable("terminals")
      .set({ seals_to: kid })
      .where("id", "=", terminal)
      .where((e) => e.or([e("seals_to", "is", null), e("seals_to", "!=", kid)]))
      .execute();
  }

  /** Whether these are an enrolled terminal's MQTT credentials; its user name is its id. */
  async authenticate(username: string, password: Uint8Array): Promise<boolean> {
    const row = await this.#options.store
      .selectFrom("terminals")
      .select(["password_hash", "revoked_at"])
      .where("id", "=", username)
      .executeTakeFirst();
    if (!row || row.revoked_at !== null) return false;
    return timingSafeEqual(Buffer.from(sha256(password), "hex"), Buffer.from(row.password_hash, "hex"));
  }

  /** Whether a terminal is enrolled and not revoked. */
  async mayConnect(terminal: string): Promise<boolean> {
    const row = await this.#options.store
      .selectFrom("terminals")
      .select("revoked_at")
      .where("id", "=", terminal)
      .executeTakeFirst();
    return row?.revoked_at === null;
  }

  /**
   * The Ed25519 key that a terminal signs its swipes with.
   * @throws TerminalUnknown | TerminalRevoked
   */
  async signingKey(terminal: string): Promise<PublicJwk> {
    const row = await this.#options.store
      .selectFrom("terminals")
      .select(["signing_key", "revoked_at"])
      .where("id", "=", terminal)
      .executeTakeFirst();
    if (!row) throw new TerminalUnknown();
    if (row.revoked_at !== null) throw new TerminalRevoked();
    return checkKey(JSON.parse(row.signing_key));
  }

  /**
   * Shuts a terminal out, for good: if it is trusted again it is enrolled anew. Doing it again does no harm.
   * @throws TerminalUnknown
   */
  async revoke(terminal: string): Promise<void> {
    const { store, clock } = this.#options;
    const revoked = await store
      .updateTable("terminals")
      .set((e) => ({ revoked_at: e.fn.coalesce("revoked_at", e.val(clock.now())) }))
      .where("id", "=", terminal)
      .executeTakeFirstOrThrow();
    if (revoked.numUpdatedRows !== 1n) throw new TerminalUnknown();
    await this.announceRevocations();
  }

  /** Tells the listeners of each revoked terminal that they have not heard of, whichever process revoked it. */
  async announceRevocations(): Promise<void> {
    const revoked = await this.#options.store
      .selectFrom("terminals")
      .select("id")
      .where("revoked_at", "is not", null)
      .execute();
    for (const { id } of revoked) {
      if (this.#announced.has(id)) continue;
      this.#announced.add(id);
      for (const listener of this.#revocationListeners) listener(id);
    }
  }

  /** Calls `listener` once with each revoked terminal, when {@link revoke} or {@link announceRevocations} finds it. */
  onRevoked(listener: (terminal: string) => void): void {
    this.#revocationListeners.push(listener);
  }

  #secret(): string {
    return Buffer.from(this.#options.random.bytes(SECRET_BYTES)).toString("base64url");
  }
}

const sha256 = (secret: string | Uint8Array) => createHash("sha256").update(secret).digest("hex");
