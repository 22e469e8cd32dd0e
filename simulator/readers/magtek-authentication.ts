import { decryptEcb, tdesKey } from "@swipewire/protocol/crypto/tdes";
import type { Random } from "@swipewire/protocol/random";
import type { Activation } from "@swipewire/protocol/readers/magtek-commands/activate-authenticated-mode";
import type { ActivationReply } from "@swipewire/protocol/readers/magtek-commands/activation-challenge-reply";
import {
  encryptChallenge,
  readActivationReply,
  readDeactivationReply,
} from "@swipewire/protocol/readers/magtek-commands/authentication";
import type { ReaderState } from "@swipewire/protocol/readers/magtek-commands/reader-state";
import { type Clock, type Instant, Seconds } from "@swipewire/protocol/time";
import type { ReaderKeys } from "./reader-keys.ts";

const CHALLENGE = 8;
const REPLY_VARIANT = 0x3c;
/** From the second failure on, twice as long each time. */
const FIRST_DELAY = 10;
const LONGEST_DELAY = 600;
const LONGEST_SESSION = 3600;

export interface AuthenticationOptions {
  readonly keys: ReaderKeys;
  /** Of the current key, 16 bytes, the caller's to wipe. */
  readonly pinKey: () => Uint8Array;
  readonly clock: Clock;
  readonly random: Random;
}

type Antecedent = ReaderState["antecedent"];

/** Authenticated mode of a MagTek reader, D99875475-10: what it waits for, how it came there, and for how long. */
export class MagtekAuthentication {
  readonly #options: AuthenticationOptions;
  #phase: "none" | "challenged" | "authenticated" = "none";
  #antecedent: Antecedent = "powered up";
  #challenges: readonly [Uint8Array, Uint8Array] = [new Uint8Array(), new Uint8Array()];
  #until: Instant = 0;
  #failures = 0;
  #delayedUntil: Instant = 0;

  constructor(options: AuthenticationOptions) {
    this.#options = options;
  }

  get phase(): "none" | "challenged" | "authenticated" {
    this.#expire();
    return this.#phase;
  }

  get isDelayed(): boolean {
    return this.#options.clock.now() < this.#delayedUntil;
  }

  /** Only a reset with a MAC is taken: whoever has no key must not be able to try and try again. */
  get guardsReset(): boolean {
    return this.phase === "challenged" || this.#antecedent === "authentication failed";
  }

  /** @param level of security: at 4 no card is taken before authentication */
  stateAt(level: number): ReaderState {
    const { phase } = this;
    const antecedent = this.#antecedent;
    if (this.isDelayed) return { state: "waiting for the anti-hacking timer", antecedent };
    if (phase === "challenged") return { state: "waiting for the activation reply", antecedent };
    if (phase === "authenticated" || level < 4) return { state: "waiting for a swipe", antecedent };
    return { state: "waiting for activation", antecedent };
  }

  challenge(replyWithin: number): Activation {
    const { keys, random, clock, pinKey } = this.#options;
    this.#challenges = [random.bytes(CHALLENGE), random.bytes(CHALLENGE)];
    this.#phase = "challenged";
    this.#until = clock.now() + Seconds(replyWithin);
    const key = pinKey();
    try {
      const [first, second] = this.#challenges;
      return {
        ksn: keys.current.ksn,
        challenge1: encryptChallenge(key, first),
        challenge2: encryptChallenge(key, second),
      };
    } finally {
      key.fill(0);
    }
  }

  /** @returns the session id, if the host gave one @throws ReaderChallengeFailed when the host has another key */
  activate({ reply, encryptedSessionId }: ActivationReply): Uint8Array | undefined {
    const key = this.#options.pinKey();
    try {
      const seconds = readActivationReply(key, this.#challenges[0], reply);
      this.#phase = "authenticated";
      this.#antecedent = "authenticated";
      this.#failures = 0;
      this.#until = this.#options.clock.now() + Seconds(Math.min(seconds, LONGEST_SESSION));
      return encryptedSessionId && decryptSessionId(key, encryptedSessionId);
    } catch (failure) {
      this.#leave("authentication failed");
      if (++this.#failures > 1) {
        const delay = Math.min(FIRST_DELAY * 2 ** (this.#failures - 2), LONGEST_DELAY);
        this.#delayedUntil = this.#options.clock.now() + Seconds(delay);
      }
      throw failure;
    } finally {
      key.fill(0);
    }
  }

  /** @throws ReaderChallengeFailed when the host has another key; the reader stays authenticated then */
  deactivate(reply: Uint8Array): void {
    const key = this.#options.pinKey();
    try {
      if (readDeactivationReply(key, this.#challenges[1], reply)) this.#options.keys.advance();
      this.#leave("authenticated");
    } catch (failure) {
      this.#antecedent = "deactivation failed";
      throw failure;
    } finally {
      key.fill(0);
    }
  }

  /** A card was drawn, which ends the mode. */
  swiped(good: boolean): void {
    this.#leave(good ? "good swipe" : "bad swipe");
  }

  reset(): void {
    this.#leave("powered up");
  }

  #leave(antecedent: Antecedent): void {
    this.#phase = "none";
    this.#antecedent = antecedent;
    for (const challenge of this.#challenges) challenge.fill(0);
  }

  #expire(): void {
    if (this.#phase === "none" || this.#options.clock.now() < this.#until) return;
    if (this.#phase === "authenticated") this.#options.keys.advance();
    this.#leave(this.#phase === "authenticated" ? "swipe timed out" : "authentication timed out");
  }
}

/** D99875475-10 "Activation Challenge Reply Command": under the key of the reply. */
function decryptSessionId(key: Uint8Array, encrypted: Uint8Array): Uint8Array {
  const variant = key.map((byte) => byte ^ REPLY_VARIANT);
  try {
    return decryptEcb(tdesKey(variant), encrypted);
  } finally {
    variant.fill(0);
  }
}
