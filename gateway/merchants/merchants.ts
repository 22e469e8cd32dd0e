import { createHash } from "node:crypto";
import { type Random, randomUuid } from "@swipewire/protocol/random";
import type { Clock } from "@swipewire/protocol/time";
import {
  ApiKeyRefused,
  MemberCodeMalformed,
  MemberCodeTaken,
  MerchantNameMalformed,
  WebhookUrlRefused,
} from "../errors.ts";
import type { Store } from "../store/store.ts";

export interface NewMerchant {
  /** Unique among all merchants: 1 to 32 letters, digits and hyphens. */
  readonly memberCode: string;
  /** As payers see it, 1 to 80 characters. */
  readonly name: string;
  /** https, or http on this machine. */
  readonly webhookUrl: string;
}

/** What the merchant is told once. The key is kept as its hash only. */
export interface MerchantCredentials {
  readonly merchant: string;
  /** `swk_…`, 256 random bits. */
  readonly apiKey: string;
  /** `whsec_…`, Standard Webhooks' form of 256 random bits. */
  readonly webhookSecret: string;
}

const LOOPBACK = new Set(["localhost", "127.0.0.1", "[::1]"]);

function isWebhookUrl(text: string): boolean {
  const url = URL.parse(text);
  if (url?.username !== "" || url.password !== "") return false;
  return url.protocol === "https:" || (url.protocol === "http:" && LOOPBACK.has(url.hostname));
}

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

export class Merchants {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #random: Random;

  constructor({ store, clock, random }: { store: Store; clock: Clock; random: Random }) {
    this.#store = store;
    this.#clock = clock;
    this.#random = random;
  }

  /** @throws MemberCodeMalformed | MemberCodeTaken | MerchantNameMalformed | WebhookUrlRefused */
  async add({ memberCode, name, webhookUrl }: NewMerchant): Promise<MerchantCredentials> {
    if (!/^[A-Za-z0-9-]{1,32}$/.test(memberCode)) throw new MemberCodeMalformed();
    if (name.length < 1 || name.length > 80) throw new MerchantNameMalformed();
    if (!isWebhookUrl(webhookUrl)) throw new WebhookUrlRefused();
    const credentials: MerchantCredentials = {
      merchant: randomUuid(this.#random),
      apiKey: `swk_${Buffer.from(this.#random.bytes(32)).toString("base64url")}`,
      webhookSecret: `whsec_${Buffer.from(this.#random.bytes(32)).toString("base64")}`,
    };
    const { numInsertedOrUpdatedRows } = await this.#store
      .insertInto("merchants")
      .values({
        id: credentials.merchant,
        member_code: memberCode,
        name,
        api_key_hash: sha256(credentials.apiKey),
        webhook_url: webhookUrl,
        webhook_secret: credentials.webhookSecret,
        created_at: this.#clock.now(),
      })
      .onConflict((c) => c.column("member_code").doNothing())
      .executeTakeFirstOrThrow();
    if (!numInsertedOrUpdatedRows) throw new MemberCodeTaken();
    return credentials;
  }

  /**
   * The id of the merchant that has this API key. The search is for its hash, so that the time it takes tells nothing
   * about how much of a guessed key is right.
   * @throws ApiKeyRefused
   */
  async authenticate(apiKey: string): Promise<string> {
    const merchant = await this.#store
      .selectFrom("merchants")
      .select("id")
      .where("api_key_hash", "=", sha256(apiKey))
      .executeTakeFirst();
    if (!merchant) throw new ApiKeyRefused();
    return merchant.id;
  }
}
