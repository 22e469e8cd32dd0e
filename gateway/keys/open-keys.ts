import { existsSync } from "node:fs";
import type { Random } from "@swipewire/protocol/random";
import type { SensitiveBytes } from "@swipewire/protocol/sensitive-bytes";
import type { Clock } from "@swipewire/protocol/time";
import type { GatewayConfig } from "../config/config-schema.ts";
import { KeyNameTaken, KeySecretUnreadable } from "../errors.ts";
import { FileHolder } from "./file-holder.ts";
import { KeyCustody } from "./key-custody.ts";
import type { KeyHolder } from "./key-holder.ts";
import type { KeyStore } from "./key-store.ts";
import { KeyVault } from "./key-vault.ts";
import { PASSPHRASE_COST, RANDOM_SECRET_COST } from "./sealed-file.ts";
import { makeSecretFile, readStoreSecret, type SecretSource } from "./store-secret.ts";

/** What keys are made and dated with. */
export interface KeyServices {
  readonly clock: Pick<Clock, "now">;
  readonly random: Random;
}

/** Opened keys, from both sides. */
export interface OpenedKeys {
  /** For the gateway. */
  readonly store: KeyStore;
  /** For custodians. */
  readonly custody: KeyCustody;
  /** Takes over what another process has changed: a command beside a running gateway. @returns whether it has @throws `key_*` */
  refresh(): Promise<boolean>;
  /** Lets go of them, and wipes what was held. */
  close(): void;
}

/** Opens the keys that the config names. @throws `key_*` */
export async function openKeys(keys: GatewayConfig["keys"], services: KeyServices): Promise<OpenedKeys> {
  using secret = await readStoreSecret(keys);
  return opened(keys, await holderOf(keys, secret, services), services);
}

async function holderOf(keys: GatewayConfig["keys"], secret: SensitiveBytes, { random }: KeyServices) {
  if (keys.kind === "file") return FileHolder.open(keys.file, secret, random);
  // Loaded here, for few have a token.
  const { TokenHolder } = await import("./token-holder.ts");
  return TokenHolder.open(keys, secret);
}

function opened(source: SecretSource, holder: KeyHolder, services: KeyServices): OpenedKeys {
  const refresh = () => holder.refresh(() => readStoreSecret(source));
  const vault = new KeyVault(holder, refresh);
  return {
    store: vault,
    custody: new KeyCustody({ holder, ...services }),
    refresh,
    close: () => vault.close(),
  };
}

/** What a new store holds beside an envelope key. Keys of 16 bytes, the caller's to wipe. */
export interface WantedKeys {
  /** Is one made that signs certificates? */
  readonly authority?: boolean;
  readonly baseDerivationKeys?: readonly { readonly ksnPrefix: string; readonly key: Uint8Array }[];
  readonly terminalMasterKey?: Uint8Array;
}

/**
 * Makes a key file with a new envelope key and a random passphrase in a file of its own; for examples and tests, which
 * know what keys they want.
 * @throws KeySecretExists | KeyFileExists
 */
export async function makeKeyFile(
  { file, secretFile }: { readonly file: string } & SecretSource,
  services: KeyServices,
  { authority = false, baseDerivationKeys = [], terminalMasterKey }: WantedKeys = {},
): Promise<void> {
  if (secretFile === undefined) throw new KeySecretUnreadable({ detail: "no secretFile" });
  await makeSecretFile(secretFile, services.random);
  using secret = await readStoreSecret({ secretFile });
  await FileHolder.create(file, secret, { random: services.random, cost: RANDOM_SECRET_COST });
  const { custody, close } = opened({ secretFile }, await FileHolder.open(file, secret, services.random), services);
  try {
    await custody.rotateEnvelopeKey();
    if (authority) await custody.makeAuthority();
    for (const [n, { ksnPrefix, key }] of baseDerivationKeys.entries()) {
      const purpose = { name: `readers-${n + 1}`, use: "base-derivation", algorithm: "TDES", ksnPrefix } as const;
      await custody.add(purpose, key, { allowWeak: true });
    }
    if (terminalMasterKey) {
      const purpose = { name: "bank", use: "terminal-master", algorithm: "TDES" } as const;
      await custody.add(purpose, terminalMasterKey, { allowWeak: true });
    }
  } finally {
    close();
  }
}

/**
 * Makes the key store that the config names, with a new envelope key.
 * @returns the file of the passphrase, if that was not there and was made too
 * @throws KeyFileExists | `key_secret_*`
 */
export async function initKeys(
  keys: GatewayConfig["keys"],
  services: KeyServices,
): Promise<{ readonly madeSecret?: string }> {
  const { secretFile } = keys;
  const madeSecret =
    keys.kind === "file" && secretFile !== undefined && !existsSync(secretFile) ? secretFile : undefined;
  if (madeSecret !== undefined) await makeSecretFile(madeSecret, services.random);
  using secret = await readStoreSecret(keys);
  if (keys.kind === "file") {
    await FileHolder.create(keys.file, secret, {
      random: services.random,
      cost: madeSecret === undefined ? PASSPHRASE_COST : RANDOM_SECRET_COST,
    });
  }
  const { custody, close } = opened(keys, await holderOf(keys, secret, services), services);
  try {
    if (custody.list().length > 0) throw new KeyNameTaken({ detail: "the token holds keys of a gateway" });
    await custody.rotateEnvelopeKey();
  } finally {
    close();
  }
  return madeSecret === undefined ? {} : { madeSecret };
}
