import { createPrivateKey, createPublicKey, type KeyObject, sign } from "node:crypto";
import * as aes from "@swipewire/protocol/crypto/dukpt-aes";
import { DukptHost } from "@swipewire/protocol/crypto/dukpt-host";
import * as tdes from "@swipewire/protocol/crypto/dukpt-tdes";
import { decryptEcb, encryptEcb, tdesKey } from "@swipewire/protocol/crypto/tdes";
import { EnvelopeUnreadable, MessageInvalid } from "@swipewire/protocol/errors";
import { checker } from "@swipewire/protocol/messages/parse";
import type { Random } from "@swipewire/protocol/random";
import { SensitiveBytes } from "@swipewire/protocol/sensitive-bytes";
import { compactDecrypt } from "jose";
import Type from "typebox";
import { KeyFileInvalid } from "../errors.ts";
import type { KeyHolder, WorkingKey } from "./key-holder.ts";
import { CURVES, keyPairRecord } from "./key-pair.ts";
import { type KeyPairUse, KeyRecord } from "./key-record.ts";
import { type ScryptCost, SealedSecrets } from "./sealed-file.ts";

interface HeldKey {
  readonly record: KeyRecord;
  readonly bytes: SensitiveBytes;
}

/** Whose keys are kept between their swipes. */
const MOST_READERS = 1_000;

const checkRecords = checker(Type.Array(KeyRecord, { maxItems: 1_000 }));

/** Keys in the memory of this process, from an encrypted file. */
export class FileHolder implements KeyHolder {
  #file: SealedSecrets;
  readonly #random: Random;
  #keys: readonly HeldKey[];
  readonly #tdes = new DukptHost(tdes.tdesDukpt, MOST_READERS);
  readonly #aes = new DukptHost(aes.aesDukpt, MOST_READERS);

  private constructor(file: SealedSecrets, keys: readonly HeldKey[], random: Random) {
    this.#file = file;
    this.#keys = keys;
    this.#random = random;
  }

  /** A file without keys. @throws KeyFileExists | KeySecretWeak */
  static create(
    path: string,
    secret: SensitiveBytes,
    options: { readonly random: Random; readonly cost: ScryptCost },
  ): Promise<void> {
    return SealedSecrets.create(path, secret, encode([]), options);
  }

  /** @throws KeyFileUnreadable | KeyFileExposed | KeyFileInvalid | KeySecretWrong */
  static async open(path: string, secret: SensitiveBytes, random: Random): Promise<FileHolder> {
    const { file, content } = await SealedSecrets.open(path, secret, random);
    try {
      return new FileHolder(file, decode(content), random);
    } finally {
      content.fill(0);
    }
  }

  async refresh(readSecret: () => Promise<SensitiveBytes>): Promise<boolean> {
    const changed = await this.#file.reread(readSecret);
    if (!changed) return false;
    const before = this.#keys;
    try {
      this.#keys = decode(changed.content);
    } finally {
      changed.content.fill(0);
    }
    this.#file = changed.file;
    for (const { bytes } of before) bytes.wipe();
    this.#wipeDerived();
    return true;
  }

  records(): readonly KeyRecord[] {
    return this.#keys.map(({ record }) => record);
  }

  async openEnvelope(key: KeyRecord, jwe: string): Promise<Uint8Array> {
    try {
      const { plaintext } = await compactDecrypt(jwe, this.#bytesOf(key).use(privateKey("X25519")), {
        keyManagementAlgorithms: ["ECDH-ES"],
        contentEncryptionAlgorithms: ["A256GCM"],
        // Swipes are not compressed: inflating would only make a small message large, and leave copies of it.
        maxDecompressedLength: 0,
      });
      return plaintext;
    } catch {
      // The library's message may quote the header.
      throw new EnvelopeUnreadable();
    }
  }

  transactionKey(key: KeyRecord, ksn: Uint8Array): Uint8Array {
    const [host, { deriveInitialKey }] = key.algorithm === "AES" ? [this.#aes, aes] : [this.#tdes, tdes];
    return host.transactionKey(ksn, () => this.#bytesOf(key).use((bdk) => deriveInitialKey(bdk, ksn)));
  }

  decryptEcb(key: KeyRecord, blocks: Uint8Array): Uint8Array {
    return this.#bytesOf(key).use((bytes) => decryptEcb(tdesKey(bytes), blocks));
  }

  holdWorkingKey(key: Uint8Array): WorkingKey {
    const held = tdesKey(key);
    return { encryptEcb: (blocks) => encryptEcb(held, blocks), close: () => {} };
  }

  sign(key: KeyRecord, message: Uint8Array): Uint8Array {
    return sign(null, message, this.#bytesOf(key).use(privateKey("Ed25519")));
  }

  async makeKeyPair(use: KeyPairUse, created: string): Promise<void> {
    const bytes = this.#random.bytes(32);
    const { x = "" } = createPublicKey(privateKey(CURVES[use])(bytes)).export({ format: "jwk" });
    const record = await keyPairRecord(use, x, created);
    await this.#keep([...this.#keys, { record, bytes: new SensitiveBytes(bytes) }]);
  }

  add(record: KeyRecord, key: Uint8Array): Promise<void> {
    return this.#keep([...this.#keys, { record, bytes: SensitiveBytes.copyOf(key) }]);
  }

  async remove(key: KeyRecord): Promise<void> {
    const bytes = this.#bytesOf(key);
    await this.#keep(this.#keys.filter(({ record }) => record.name !== key.name));
    bytes.wipe();
  }

  lend<T>(key: KeyRecord, borrower: (bytes: Uint8Array) => T): T {
    return this.#bytesOf(key).use(borrower);
  }

  close(): void {
    for (const { bytes } of this.#keys) bytes.wipe();
    this.#wipeDerived();
  }

  #wipeDerived(): void {
    for (const host of [this.#tdes, this.#aes]) host.wipe();
  }

  async #keep(keys: readonly HeldKey[]): Promise<void> {
    const content = encode(keys);
    try {
      await this.#file.replace(content);
    } finally {
      content.fill(0);
    }
    this.#keys = keys;
    this.#wipeDerived();
  }

  #bytesOf({ name }: KeyRecord): SensitiveBytes {
    const found = this.#keys.find(({ record }) => record.name === name);
    if (!found) throw new TypeError("a record of another store");
    return found.bytes;
  }
}

// The clear content: the length of the records in four bytes, the records as JSON, the keys' bytes in their order. Keys are
// never text, which can't be overwritten.

function encode(keys: readonly HeldKey[]): Uint8Array {
  const records = new TextEncoder().encode(JSON.stringify(keys.map(({ record }) => record)));
  const content = new Uint8Array(4 + records.length + keys.reduce((sum, { bytes }) => sum + bytes.length, 0));
  new DataView(content.buffer).setUint32(0, records.length);
  content.set(records, 4);
  let at = 4 + records.length;
  for (const { bytes } of keys) {
    bytes.use((key) => content.set(key, at));
    at += bytes.length;
  }
  return content;
}

function decode(content: Uint8Array): HeldKey[] {
  let at = 4 + (content.length < 4 ? 0 : new DataView(content.buffer, content.byteOffset).getUint32(0));
  let records: readonly KeyRecord[];
  try {
    records = checkRecords(JSON.parse(new TextDecoder().decode(content.subarray(4, at))));
  } catch (cause) {
    throw new KeyFileInvalid({ detail: cause instanceof MessageInvalid ? cause.message : "its records" });
  }
  if (content.length !== records.reduce((sum, { bits }) => sum + bits / 8, at)) {
    throw new KeyFileInvalid({ detail: `${content.length} bytes of content` });
  }
  return records.map((record) => {
    at += record.bits / 8;
    return { record, bytes: SensitiveBytes.copyOf(content.subarray(at - record.bits / 8, at)) };
  });
}

/** RFC 8410 7: what stands before the 32 bytes of a private key in PKCS #8. */
const PKCS8 = {
  X25519: Buffer.from("302e020100300506032b656e04220420", "hex"),
  Ed25519: Buffer.from("302e020100300506032b657004220420", "hex"),
};

const privateKey =
  (curve: keyof typeof PKCS8) =>
  (bytes: Uint8Array): KeyObject => {
    const key = Buffer.concat([PKCS8[curve], bytes]);
    try {
      return createPrivateKey({ key, format: "der", type: "pkcs8" });
    } finally {
      key.fill(0);
    }
  };
