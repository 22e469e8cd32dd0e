import { encodePinBlockFormat0 } from "@swipewire/protocol/crypto/pin-block";
import { decryptReaderBlock } from "@swipewire/protocol/crypto/reader-block";
import { encryptEcb, type TdesKey, tdesKey } from "@swipewire/protocol/crypto/tdes";
import { unionPayMac } from "@swipewire/protocol/crypto/unionpay-mac";
import { EnvelopeUnreadable, WorkingKeysRefused } from "@swipewire/protocol/errors";
import { unwrapWorkingKeys, type WorkingKeys } from "@swipewire/protocol/iso8583/unionpay-working-keys";
import type { PublicJwk } from "@swipewire/protocol/messages/fields";
import type { ReaderEncryptionScheme } from "@swipewire/protocol/readers/reader-frame";
import { SensitiveBytes } from "@swipewire/protocol/sensitive-bytes";
import { type CryptoKey, compactDecrypt, importJWK } from "jose";
import { ReaderKeyUnknown, WorkingKeysMissing } from "../errors.ts";
import { type KeyFile, readKeyFile } from "./key-file.ts";
import type { KeyStore } from "./key-store.ts";

interface BaseDerivationKey {
  /** Upper-case hex. */
  readonly ksnPrefix: string;
  readonly key: SensitiveBytes;
}

interface Keys {
  readonly sealing: readonly { readonly publicKey: PublicJwk; readonly privateKey: CryptoKey }[];
  /** Longest prefix first. */
  readonly baseDerivation: readonly BaseDerivationKey[];
  readonly terminalMaster?: TdesKey;
}

/** Keys in the memory of this process, from a key file. */
export class SoftwareKeyStore implements KeyStore {
  readonly #keys: Keys;
  #workingKeys: WorkingKeys | undefined;

  private constructor(keys: Keys) {
    this.#keys = keys;
  }

  /**
   * @param path of a file that {@link generateKeyFile} made, mode 0600
   * @throws KeyFileUnreadable | KeyFileExposed | KeyFileInvalid
   */
  static async open(path: string): Promise<SoftwareKeyStore> {
    const file = await readKeyFile(path);
    return new SoftwareKeyStore({
      sealing: await Promise.all(file.sealingKeys.map(importSealingKey)),
      baseDerivation: file.baseDerivationKeys
        .map(({ ksnPrefix, key }) => ({ ksnPrefix: ksnPrefix.toUpperCase(), key: new SensitiveBytes(fromHex(key)) }))
        .sort((a, b) => b.ksnPrefix.length - a.ksnPrefix.length),
      ...(file.acquirer && { terminalMaster: tdesKeyOfHex(file.acquirer.terminalMasterKey) }),
    });
  }

  sealingKeys(): readonly PublicJwk[] {
    return this.#keys.sealing.map(({ publicKey }) => publicKey);
  }

  async decryptEnvelope(jwe: string): Promise<SensitiveBytes> {
    try {
      const { plaintext } = await compactDecrypt(
        jwe,
        ({ kid }) => {
          const key = this.#keys.sealing.find(({ publicKey }) => publicKey.kid === kid);
          if (!key) throw new EnvelopeUnreadable({ detail: "unknown key id" });
          return key.privateKey;
        },
        {
          keyManagementAlgorithms: ["ECDH-ES"],
          contentEncryptionAlgorithms: ["A256GCM"],
          // Swipes are not compressed: inflating would only make a small message large, and leave copies of it.
          maxDecompressedLength: 0,
        },
      );
      return new SensitiveBytes(plaintext);
    } catch (error) {
      if (error instanceof EnvelopeUnreadable) throw error;
      // The library's message may quote the header.
      throw new EnvelopeUnreadable();
    }
  }

  decryptReaderBlock(scheme: ReaderEncryptionScheme, ksn: Uint8Array, ciphertext: Uint8Array): SensitiveBytes {
    const serial = Buffer.from(ksn).toString("hex").toUpperCase();
    const found = this.#keys.baseDerivation.find(({ ksnPrefix }) => serial.startsWith(ksnPrefix));
    if (!found) throw new ReaderKeyUnknown();
    return found.key.use((bdk) => decryptReaderBlock(bdk, scheme, ksn, ciphertext));
  }

  loadWorkingKeys(field62: Uint8Array): void {
    const { terminalMaster } = this.#keys;
    if (!terminalMaster) throw new WorkingKeysRefused({ detail: "the key file holds no terminal master key" });
    this.#workingKeys = unwrapWorkingKeys(terminalMaster, field62);
  }

  encryptPinBlock(pin: SensitiveBytes, pan: SensitiveBytes): Uint8Array {
    const key = this.#working().pin;
    const block = pin.use((pinDigits) => pan.use((panDigits) => encodePinBlockFormat0(pinDigits, panDigits)));
    try {
      return encryptEcb(key, block);
    } finally {
      block.fill(0);
    }
  }

  acquirerMac(message: Uint8Array): Uint8Array {
    return unionPayMac(this.#working().mac, message);
  }

  #working(): WorkingKeys {
    if (!this.#workingKeys) throw new WorkingKeysMissing();
    return this.#workingKeys;
  }
}

async function importSealingKey({ d, ...publicKey }: KeyFile["sealingKeys"][number]) {
  // X25519 always imports to a CryptoKey; only symmetric keys come as bytes.
  const privateKey = (await importJWK({ ...publicKey, d }, "ECDH-ES")) as CryptoKey;
  return { publicKey: { ...publicKey, use: "enc" as const }, privateKey };
}

const fromHex = (text: string) => Uint8Array.from(Buffer.from(text, "hex"));

function tdesKeyOfHex(text: string): TdesKey {
  const bytes = fromHex(text);
  try {
    return tdesKey(bytes);
  } finally {
    bytes.fill(0);
  }
}
