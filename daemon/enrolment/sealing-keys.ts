import { isDeepStrictEqual } from "node:util";
import { spread } from "@swipewire/protocol/backoff";
import { challengeGateway, verifySealingKeys } from "@swipewire/protocol/envelope/sealing-keys";
import { SwipewireError } from "@swipewire/protocol/failure";
import type { PublicJwk } from "@swipewire/protocol/messages/fields";
import type { Random } from "@swipewire/protocol/random";
import { type Clock, Minutes, type Timer } from "@swipewire/protocol/time";
import type { Logger } from "pino";
import { type Identity, loadIdentity, saveIdentity } from "../state/identity.ts";
import type { Uplink } from "../uplink/uplink.ts";

/** Between questions when there is no other reason to ask; half of it at least. */
const LONGEST_PAUSE = Minutes(30);

export interface SealingKeysOptions {
  readonly identity: Identity;
  readonly stateDir: string;
  readonly uplink: Pick<Uplink, "findKeys">;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/**
 * The keys that this terminal seals to. It asks the gateway for them, believes only what the gateway's pinned key signed,
 * and keeps them in `identity.json`. Where enrolment pinned no such key, it is pinned with the first answer of whoever can
 * open what is sealed to the key that enrolment did pin.
 */
export class SealingKeys {
  readonly #options: SealingKeysOptions;
  #identity: Identity;
  #next: Timer | undefined;
  #asking: Promise<void> | undefined;

  constructor(options: SealingKeysOptions) {
    this.#options = options;
    this.#identity = options.identity;
  }

  /** What swipes are sealed to now. */
  get recipient(): PublicJwk {
    const [newest] = this.#identity.sealingKeys;
    if (!newest) throw new TypeError("an identity without a sealing key");
    return newest;
  }

  /** What the gateway signs with, once it is pinned. */
  async gatewayKey(): Promise<PublicJwk | undefined> {
    await this.#asking;
    return this.#identity.gatewayKey;
  }

  /** Asks now, and from then on from time to time. */
  ask(): void {
    const { clock, random } = this.#options;
    this.#next?.cancel();
    this.#next = clock.after(spread(LONGEST_PAUSE, random), () => this.ask());
    this.#asking ??= this.#learn().finally(() => {
      this.#asking = undefined;
    });
  }

  async close(): Promise<void> {
    this.#next?.cancel();
    await this.#asking;
  }

  async #learn(): Promise<void> {
    const before = this.recipient.kid;
    await this.#askOnce();
    // Asked again, the gateway hears which key is sealed to now.
    if (this.recipient.kid !== before) await this.#askOnce();
  }

  async #askOnce(): Promise<void> {
    const { uplink, random, logger } = this.#options;
    try {
      const { gatewayKey } = this.#identity;
      const { kid } = this.recipient;
      const challenge = gatewayKey ? undefined : await challengeGateway(this.recipient, random);
      const asked = await uplink.findKeys({
        ...(kid !== undefined && { sealsTo: kid }),
        ...(challenge && { challenge: challenge.challenge }),
      });
      if (asked.kind === "refused") logger.warn({ code: asked.code }, "the gateway tells no sealing keys");
      if (asked.kind !== "found") return;
      const { re, statement, gatewayKey: answered = "" } = asked.answer;
      const pinned = gatewayKey ?? (await challenge?.open(answered));
      if (!pinned) return;
      const sealingKeys = [...(await verifySealingKeys(statement, re, pinned))];
      this.#identity = { ...this.#identity, gatewayKey: pinned, sealingKeys };
      if (!gatewayKey) logger.info({ kid: pinned.kid }, "the gateway's signing key is pinned");
      if (this.recipient.kid !== kid) logger.info({ kid: this.recipient.kid }, "swipes are sealed to another key now");
      await this.#save();
    } catch (failure) {
      // Whatever it is, the terminal goes on with the key it has. The message of a library may quote what it was given.
      if (failure instanceof SwipewireError) logger.warn({ code: failure.code }, failure.message);
      else logger.error({ kind: (failure as Error).name }, "no sealing key was learnt");
    }
  }

  async #save(): Promise<void> {
    const { stateDir } = this.#options;
    const stored = await loadIdentity(stateDir);
    // Enrolled anew while this one runs: that identity waits for the next start.
    if (stored.terminal !== this.#identity.terminal) return;
    if (!isDeepStrictEqual(stored, this.#identity)) await saveIdentity(stateDir, this.#identity);
  }
}
