import { timingSafeEqual } from "node:crypto";
import { encodePinBlockFormat0 } from "@swipewire/protocol/crypto/pin-block";
import {
  type AesReaderScheme,
  decryptAesReaderBlockBy,
  decryptReaderBlockBy,
} from "@swipewire/protocol/crypto/reader-block";
import { unionPayMac } from "@swipewire/protocol/crypto/unionpay-mac";
import { signSealingKeys } from "@swipewire/protocol/envelope/sealing-keys";
import { EnvelopeKeyUnknown, EnvelopeUnreadable, WorkingKeysRefused } from "@swipewire/protocol/errors";
import { takeWorkingKeys, type WorkingKeys } from "@swipewire/protocol/iso8583/unionpay-working-keys";
import type { PublicJwk } from "@swipewire/protocol/messages/fields";
import type { ReaderEncryptionScheme } from "@swipewire/protocol/readers/reader-frame";
import { SensitiveBytes } from "@swipewire/protocol/sensitive-bytes";
import { decodeProtectedHeader } from "jose";
import { AuthorityMissing, GatewayKeyMissing, ReaderKeyUnknown, WorkingKeysMissing } from "../errors.ts";
import type { KeyHolder, WorkingKey } from "./key-holder.ts";
import type { KeyRecord, KeyUse, SymmetricAlgorithm } from "./key-record.ts";
import type { KeyStore } from "./key-store.ts";

/** Operates on keys, wherever they are held. */
export class KeyVault implements KeyStore {
  readonly #holder: KeyHolder;
  readonly #refresh: () => Promise<boolean>;
  #working: WorkingKeys<WorkingKey> | undefined;

  /** @param refresh has the holder take over what another process has changed, and says whether it has */
  constructor(holder: KeyHolder, refresh: () => Promise<boolean>) {
    this.#holder = holder;
    this.#refresh = refresh;
  }

  list(): readonly KeyRecord[] {
    return this.#holder.records();
  }

  sealingKeys(): readonly PublicJwk[] {
    return this.#envelopeKeys().map(({ name, publicKey = "" }) => ({
      kty: "OKP",
      crv: "X25519",
      x: publicKey,
      kid: name,
      use: "enc",
    }));
  }

  gatewayKey(): PublicJwk {
    const { name, publicKey = "" } = this.#signingKey();
    return { kty: "OKP", crv: "Ed25519", x: publicKey, kid: name, use: "sig" };
  }

  signSealingKeys(question: string): string {
    const key = this.#signingKey();
    return signSealingKeys(question, this.sealingKeys(), (input) => this.#holder.sign(key, input));
  }

  signStatement(input: Uint8Array): Uint8Array {
    return this.#holder.sign(this.#signingKey(), input);
  }

  authorityKey(): KeyRecord & { readonly publicKey: string } {
    const [key] = this.#byUse("certificate-authority");
    if (key?.publicKey === undefined) throw new AuthorityMissing();
    return { ...key, publicKey: key.publicKey };
  }

  signCertificate(toBeSigned: Uint8Array): Uint8Array {
    return this.#holder.sign(this.authorityKey(), toBeSigned);
  }

  async decryptEnvelope(jwe: string): Promise<SensitiveBytes> {
    const kid = kidOf(jwe);
    const find = () => this.#envelopeKeys().find(({ name }) => name === kid);
    // Another process may have made it a moment ago, and another gateway told a terminal of it.
    const key = find() ?? ((await this.#refresh().catch(() => false)) ? find() : undefined);
    if (!key) throw new EnvelopeKeyUnknown();
    return new SensitiveBytes(await this.#holder.openEnvelope(key, jwe));
  }

  decryptReaderBlock(
    scheme: ReaderEncryptionScheme | AesReaderScheme,
    ksn: Uint8Array,
    ciphertext: Uint8Array,
  ): SensitiveBytes {
    const transactionKey = this.#holder.transactionKey(
      this.#baseDerivationKey(scheme === "aes-dukpt-data-cbc" ? "AES" : "TDES", ksn),
      ksn,
    );
    try {
      return scheme === "aes-dukpt-data-cbc"
        ? decryptAesReaderBlockBy(transactionKey, ksn, ciphertext)
        : decryptReaderBlockBy(transactionKey, scheme, ciphertext);
    } finally {
      transactionKey.fill(0);
    }
  }

  loadWorkingKeys(field62: Uint8Array): void {
    const master = this.#byUse("terminal-master")[0];
    if (!master) throw new WorkingKeysRefused({ detail: "the key store holds no terminal master key" });
    const held: WorkingKey[] = [];
    try {
      const keys = takeWorkingKeys(
        {
          decrypt: (blocks) => this.#holder.decryptEcb(master, blocks),
          hold: (clear) => {
            const key = this.#holder.holdWorkingKey(clear);
            held.push(key);
            return key;
          },
          encrypt: (key, blocks) => key.encryptEcb(blocks),
        },
        field62,
      );
      this.#dropWorkingKeys();
      this.#working = keys;
    } catch (failure) {
      for (const key of held) key.close();
      throw failure;
    }
  }

  encryptPinBlock(pin: SensitiveBytes, pan: SensitiveBytes): Uint8Array {
    const key = this.#workingKeys().pin;
    const block = pin.use((pinDigits) => pan.use((panDigits) => encodePinBlockFormat0(pinDigits, panDigits)));
    try {
      return key.encryptEcb(block);
    } finally {
      block.fill(0);
    }
  }

  acquirerMac(message: Uint8Array): Uint8Array {
    const key = this.#workingKeys().mac;
    return unionPayMac((block) => key.encryptEcb(block), message);
  }

  verifyAcquirerMac(message: Uint8Array, mac: Uint8Array): boolean {
    const computed = this.acquirerMac(message);
    return mac.length === computed.length && timingSafeEqual(mac, computed);
  }

  close(): void {
    this.#dropWorkingKeys();
    this.#holder.close();
  }

  #byUse(use: KeyUse): readonly KeyRecord[] {
    return this.#holder.records().filter((key) => key.use === use);
  }

  /** Newest first. */
  #envelopeKeys(): readonly KeyRecord[] {
    return this.#byUse("envelope").toReversed();
  }

  #signingKey(): KeyRecord {
    const [key] = this.#byUse("gateway-signing");
    if (!key) throw new GatewayKeyMissing();
    return key;
  }

  #baseDerivationKey(algorithm: SymmetricAlgorithm, ksn: Uint8Array): KeyRecord {
    const serial = Buffer.from(ksn).toString("hex").toUpperCase();
    const [longest] = this.#byUse("base-derivation")
      .filter((key) => key.algorithm === algorithm && serial.startsWith(key.ksnPrefix ?? serial))
      .sort((a, b) => (b.ksnPrefix ?? "").length - (a.ksnPrefix ?? "").length);
    if (!longest) throw new ReaderKeyUnknown();
    return longest;
  }

  #workingKeys(): WorkingKeys<WorkingKey> {
    if (!this.#working) throw new WorkingKeysMissing();
    return this.#working;
  }

  #dropWorkingKeys(): void {
    for (const key of Object.values(this.#working ?? {})) key.close();
    this.#working = undefined;
  }
}

function kidOf(jwe: string): unknown {
  try {
    return decodeProtectedHeader(jwe).kid;
  } catch {
    // The library's message may quote the header.
    throw new EnvelopeUnreadable();
  }
}
