import { unwrapKeyBlock, wrapKeyBlock } from "@swipewire/protocol/crypto/key-block";
import { type KeyBlockHeader, parseKeyBlockHeader } from "@swipewire/protocol/crypto/key-block-header";
import type { Random } from "@swipewire/protocol/random";
import type { SensitiveBytes } from "@swipewire/protocol/sensitive-bytes";
import { type Clock, isoTime } from "@swipewire/protocol/time";
import {
  AuthorityExists,
  EnvelopeKeyLast,
  EnvelopeKeysTwo,
  KeyBlockUnsuitable,
  KeyNameTaken,
  KeyNotExportable,
  KeyUnknown,
  KeyUnsuitable,
  KeyWeak,
} from "../errors.ts";
import { checkValueOf } from "./check-value.ts";
import type { KeyHolder } from "./key-holder.ts";
import { isWeakKey, withOddParity } from "./key-quality.ts";
import {
  isKeyPairUse,
  type KeyPurpose,
  type KeyRecord,
  type KeyUse,
  KSN_PREFIX,
  type SymmetricAlgorithm,
} from "./key-record.ts";

/** X9.143:2021 6.3.1, table 2, and 6.3.3, table 4: how a key block says what each use is; the first mode is written. */
const BLOCK_FIELDS = {
  "base-derivation": { keyUsage: "B0", modesOfUse: "XN" },
  "terminal-master": { keyUsage: "K0", modesOfUse: "BDN" },
  "key-block-protection": { keyUsage: "K1", modesOfUse: "BDN" },
} as const;

/** Bytes. */
const LENGTHS: Readonly<Record<KeyPurpose["use"], Readonly<Record<SymmetricAlgorithm, readonly number[]>>>> = {
  "base-derivation": { TDES: [16], AES: [16, 24, 32] },
  "terminal-master": { TDES: [16, 24], AES: [] },
  "key-block-protection": { TDES: [16, 24], AES: [16, 24, 32] },
};

/** What protects a key block: a key of the store, by its name, or one that custodians brought along. */
export type BlockProtection = string | { readonly algorithm: SymmetricAlgorithm; readonly key: SensitiveBytes };

export interface AddOptions {
  /** Takes keys that no random source would give, as published test keys are. */
  readonly allowWeak?: boolean;
}

/** What custodians do with keys: make, bring, carry, remove, rotate. */
export class KeyCustody {
  readonly #holder: KeyHolder;
  readonly #clock: Pick<Clock, "now">;
  readonly #random: Random;

  constructor({ holder, clock, random }: { holder: KeyHolder; clock: Pick<Clock, "now">; random: Random }) {
    this.#holder = holder;
    this.#clock = clock;
    this.#random = random;
  }

  /** Oldest first. */
  list(): readonly KeyRecord[] {
    return this.#holder.records();
  }

  /** @throws KeyUnknown */
  find(name: string): KeyRecord {
    const found = this.list().find((key) => key.name === name);
    if (!found) throw new KeyUnknown();
    return found;
  }

  /**
   * A new envelope key; terminals are told to seal to it, and the older one goes on opening. What tells them is signed
   * with the gateway's signing key, which is made where it is not there.
   * @throws EnvelopeKeysTwo while there is an older one still
   */
  async rotateEnvelopeKey(): Promise<KeyRecord> {
    if (this.#envelopeKeys().length > 1) throw new EnvelopeKeysTwo();
    const now = isoTime(this.#clock.now());
    if (this.#byUse("gateway-signing").length === 0) await this.#holder.makeKeyPair("gateway-signing", now);
    await this.#holder.makeKeyPair("envelope", now);
    return this.#envelopeKeys().at(-1) as KeyRecord;
  }

  /** The key that signs terminals' and brokers' certificates; there is one. @throws AuthorityExists */
  async makeAuthority(): Promise<KeyRecord> {
    if (this.#byUse("certificate-authority").length > 0) throw new AuthorityExists();
    await this.#holder.makeKeyPair("certificate-authority", isoTime(this.#clock.now()));
    return this.#byUse("certificate-authority")[0] as KeyRecord;
  }

  /** The older of two envelope keys. @throws EnvelopeKeyLast */
  retirableEnvelopeKey(): KeyRecord {
    const [older, newer] = this.#envelopeKeys();
    if (!older || !newer) throw new EnvelopeKeyLast();
    return older;
  }

  /** @throws KeyUnknown | EnvelopeKeyLast for the only one, without which no swipe can be opened */
  async remove(name: string): Promise<KeyRecord> {
    const key = this.find(name);
    if (key.use === "envelope" && this.#envelopeKeys().length === 1) throw new EnvelopeKeyLast();
    await this.#holder.remove(key);
    return key;
  }

  /** Whether there is a place for such a key, before anybody types a component of it. @throws KeyNameTaken | KeyUnsuitable */
  checkPlace({ name, use, algorithm, ksnPrefix }: KeyPurpose): void {
    if (this.list().some((key) => key.name === name)) throw new KeyNameTaken();
    if (use === "terminal-master" && this.list().some((key) => key.use === use)) {
      throw new KeyUnsuitable({ detail: "there is a terminal master key; remove it first" });
    }
    if (LENGTHS[use][algorithm].length === 0) throw new KeyUnsuitable({ detail: `${algorithm} for ${use}` });
    if (use !== "base-derivation") {
      if (ksnPrefix !== undefined) throw new KeyUnsuitable({ detail: `a KSN prefix for ${use}` });
      return;
    }
    if (!new RegExp(KSN_PREFIX, "i").test(ksnPrefix ?? "")) throw new KeyUnsuitable({ detail: "no KSN prefix" });
    const taken = this.list().some((key) => key.algorithm === algorithm && key.ksnPrefix === ksnPrefix?.toUpperCase());
    if (taken) throw new KeyUnsuitable({ detail: "another key has this KSN prefix" });
  }

  /** Makes a key from the random source. @throws KeyUnsuitable | KeyNameTaken */
  async generate(purpose: KeyPurpose, bits: number): Promise<KeyRecord> {
    const bytes = this.#random.bytes(bits / 8);
    try {
      return await this.add(purpose, bytes);
    } finally {
      bytes.fill(0);
    }
  }

  /**
   * Keeps a key that came from elsewhere. Of TDES keys the parity is set, which changes nothing that they do.
   * @param key stays the caller's to wipe
   * @throws KeyUnsuitable | KeyNameTaken | KeyWeak
   */
  add(purpose: KeyPurpose, key: Uint8Array, options: AddOptions = {}): Promise<KeyRecord> {
    return this.#keep(purpose, key, options);
  }

  /**
   * Keeps the key of a key block (X9.143, TR-31).
   * @throws KeyBlockUnsuitable when its header says another use or algorithm | KeyBlockMacInvalid (also under the wrong
   *   protection key) | `key_block_*` | KeyUnknown | KeyUnsuitable | KeyNotExportable | KeyNameTaken | KeyWeak
   */
  async importKeyBlock(
    block: string,
    protection: BlockProtection,
    purpose: Omit<KeyPurpose, "algorithm">,
    options: AddOptions = {},
  ): Promise<KeyRecord> {
    const { header } = parseKeyBlockHeader(block);
    const algorithm = algorithmOf(header, purpose.use);
    this.checkPlace({ ...purpose, algorithm });
    const { key } = this.#withProtection(protection, (kbpk) => unwrapKeyBlock(kbpk, block));
    const bytes = key.use((clear) => Uint8Array.from(clear));
    key.wipe();
    try {
      return await this.#keep({ ...purpose, algorithm }, bytes, options, header.exportability !== "N");
    } finally {
      bytes.fill(0);
    }
  }

  /**
   * A key block, version D under AES and B under TDES.
   * @throws KeyUnknown | KeyUnsuitable | KeyNotExportable | KeyTooWeak when the protection key is the weaker one
   */
  exportKeyBlock(name: string, protection: BlockProtection): string {
    const key = this.find(name);
    if (isKeyPairUse(key.use) || key.exportable === false) throw new KeyNotExportable();
    const { keyUsage, modesOfUse } = BLOCK_FIELDS[key.use];
    const fields = { keyUsage, modeOfUse: modesOfUse.charAt(0), keyVersion: "00", exportability: "E", keyContext: "0" };
    const algorithm = key.algorithm === "AES" ? "A" : "T";
    const by = typeof protection === "string" ? this.#protectionKey(protection) : protection;
    const header = { ...fields, version: by.algorithm === "AES" ? "D" : "B", algorithm, optionalBlocks: [] } as const;
    return this.#withProtection(protection, (kbpk) =>
      this.#holder.lend(key, (bytes) => wrapKeyBlock(kbpk, header, bytes, this.#random)),
    );
  }

  #envelopeKeys(): readonly KeyRecord[] {
    return this.#byUse("envelope");
  }

  #byUse(use: KeyUse): readonly KeyRecord[] {
    return this.list().filter((key) => key.use === use);
  }

  async #keep(purpose: KeyPurpose, key: Uint8Array, { allowWeak = false }: AddOptions, exportable = true) {
    this.checkPlace(purpose);
    const { use, algorithm, ksnPrefix } = purpose;
    if (!LENGTHS[use][algorithm].includes(key.length)) {
      throw new KeyUnsuitable({ detail: `${key.length} bytes of ${algorithm} for ${use}` });
    }
    if (!allowWeak && isWeakKey(algorithm, key)) throw new KeyWeak();
    const bytes = algorithm === "TDES" ? withOddParity(key) : Uint8Array.from(key);
    try {
      const record: KeyRecord = {
        ...purpose,
        ...(ksnPrefix !== undefined && { ksnPrefix: ksnPrefix.toUpperCase() }),
        ...(!exportable && { exportable }),
        bits: (key.length * 8) as KeyRecord["bits"],
        checkValue: checkValueOf(algorithm, bytes),
        created: isoTime(this.#clock.now()),
      };
      await this.#holder.add(record, bytes);
      return record;
    } finally {
      bytes.fill(0);
    }
  }

  #protectionKey(name: string): KeyRecord {
    const key = this.find(name);
    if (key.use !== "key-block-protection") throw new KeyUnsuitable({ detail: `${key.use} to protect a key block` });
    return key;
  }

  #withProtection<T>(protection: BlockProtection, work: (kbpk: Uint8Array) => T): T {
    if (typeof protection === "string") return this.#holder.lend(this.#protectionKey(protection), work);
    return protection.key.use(work);
  }
}

function algorithmOf({ keyUsage, algorithm, modeOfUse }: KeyBlockHeader, use: KeyPurpose["use"]): SymmetricAlgorithm {
  const fields = BLOCK_FIELDS[use];
  if (keyUsage !== fields.keyUsage) throw new KeyBlockUnsuitable({ detail: `key usage ${keyUsage} for ${use}` });
  if (!fields.modesOfUse.includes(modeOfUse)) throw new KeyBlockUnsuitable({ detail: `mode of use ${modeOfUse}` });
  if (algorithm === "T") return "TDES";
  if (algorithm === "A") return "AES";
  throw new KeyBlockUnsuitable({ detail: `algorithm ${algorithm}` });
}
