import { existsSync } from "node:fs";
import { rename, rm } from "node:fs/promises";
import type { Random } from "@swipewire/protocol/random";
import type { GatewayConfig } from "../config/config-schema.ts";
import { KeySecretElsewhere, KeySecretExists, KeySecretUnreadable, KeySecretWrong, KeyStoreBusy } from "../errors.ts";
import { PASSPHRASE_COST, RANDOM_SECRET_COST, SealedSecrets, syncFolderOf } from "./sealed-file.ts";
import { makeSecretFile, putSecretFile, readStoreSecret } from "./store-secret.ts";

export interface PassphraseChangeOptions {
  readonly keys: GatewayConfig["keys"];
  /** A new file for the passphrase; unless told it takes the place of `keys.secretFile`. */
  readonly to?: string;
  readonly random: Random;
}

/**
 * Seals the key file to another passphrase. At every moment the file opens with a passphrase that is on the disk: the new
 * one lies beside its place until the keys are sealed to it, and then takes it. A change that was cut off between the two
 * is finished by {@link finish}.
 */
export class PassphraseChange {
  readonly #options: PassphraseChangeOptions;
  readonly #keyFile: string;
  readonly #target: string;
  /** Also keeps a second command out. */
  readonly #staged: string;

  /** @throws KeySecretElsewhere | KeySecretExists */
  constructor(options: PassphraseChangeOptions) {
    const { keys, to } = options;
    if (keys.kind !== "file") throw new KeySecretElsewhere({ detail: "a token" });
    const target = to ?? keys.secretFile;
    if (target === undefined) throw new KeySecretElsewhere({ detail: "a systemd credential" });
    if (to !== undefined && existsSync(to)) throw new KeySecretExists({ detail: to });
    this.#options = options;
    this.#keyFile = keys.file;
    this.#target = target;
    this.#staged = `${target}.new`;
  }

  /**
   * @returns whether there was a change to finish
   * @throws KeyStoreBusy when another one is under way, or was cut off before it changed anything | `key_*`
   */
  async finish(): Promise<boolean> {
    if (!existsSync(this.#staged)) return false;
    try {
      using secret = await readStoreSecret({ secretFile: this.#staged });
      const { content } = await SealedSecrets.open(this.#keyFile, secret, this.#options.random);
      content.fill(0);
    } catch (failure) {
      if (!(failure instanceof KeySecretWrong || failure instanceof KeySecretUnreadable)) throw failure;
      throw new KeyStoreBusy({ detail: this.#staged });
    }
    await this.#place();
    return true;
  }

  /**
   * @param typed the new passphrase, the caller's to wipe; unless given it is made of 256 random bits
   * @returns the file that holds it now
   * @throws KeySecretWeak | KeySecretUnreadable when it is too long | KeyStoreBusy | `key_*`, and then nothing is changed
   */
  async run(typed?: Uint8Array): Promise<string> {
    const { keys, random } = this.#options;
    await (typed ? putSecretFile(this.#staged, typed) : makeSecretFile(this.#staged, random));
    try {
      // As it will be read from now on.
      using next = await readStoreSecret({ secretFile: this.#staged });
      using current = await readStoreSecret(keys);
      const { file, content } = await SealedSecrets.open(this.#keyFile, current, random);
      try {
        await file.reseal(content, next, typed ? PASSPHRASE_COST : RANDOM_SECRET_COST);
      } finally {
        content.fill(0);
      }
    } catch (failure) {
      await rm(this.#staged, { force: true });
      throw failure;
    }
    await this.#place();
    return this.#target;
  }

  async #place(): Promise<void> {
    try {
      await rename(this.#staged, this.#target);
    } catch (cause) {
      throw new KeyStoreBusy({
        detail: `${this.#staged}: ${(cause as NodeJS.ErrnoException).code ?? "unknown"}`,
        cause,
      });
    }
    await syncFolderOf(this.#target);
  }
}
