import type { SensitiveBytes } from "@swipewire/protocol/sensitive-bytes";
import type { KeyPairUse, KeyRecord } from "./key-record.ts";

/** A working key of the acquirer, TDES. Gone with the process. */
export interface WorkingKey {
  /** Each 8-byte block by itself. */
  encryptEcb(blocks: Uint8Array): Uint8Array;
  close(): void;
}

/**
 * Where keys are kept: a file or a token. It does with them what only who has them can do; what follows from that is in
 * `KeyVault`, once for all. Buffers it returns are the caller's to wipe; those it is given stay the caller's.
 */
export interface KeyHolder {
  /**
   * Takes over what another process has changed.
   * @param readSecret the passphrase, as it is now
   * @returns whether anything was changed
   * @throws `key_*`, and then it stays as it was
   */
  refresh(readSecret: () => Promise<SensitiveBytes>): Promise<boolean>;

  /** Oldest first. */
  records(): readonly KeyRecord[];

  /** Opens a compact JWE (ECDH-ES, A256GCM) with an envelope key. @throws EnvelopeUnreadable */
  openEnvelope(key: KeyRecord, jwe: string): Promise<Uint8Array>;

  /** The transaction key of a KSN, from a base derivation key: X9.24-1:2009, X9.24-3:2017. @throws KsnInvalid */
  transactionKey(key: KeyRecord, ksn: Uint8Array): Uint8Array;

  /** Each 8-byte block by itself, under a terminal master key. */
  decryptEcb(key: KeyRecord, blocks: Uint8Array): Uint8Array;

  /** @param key 8 or 16 bytes */
  holdWorkingKey(key: Uint8Array): WorkingKey;

  /** What Ed25519 makes of it with a key pair that signs: 64 bytes (RFC 8032). */
  sign(key: KeyRecord, message: Uint8Array): Uint8Array;

  /** @param created RFC 3339 */
  makeKeyPair(use: KeyPairUse, created: string): Promise<void>;

  /** Keeps a symmetric key. */
  add(record: KeyRecord, key: Uint8Array): Promise<void>;

  remove(key: KeyRecord): Promise<void>;

  /** Lends the bytes of a symmetric key for a key block. @throws KeyNotExportable where they can't be had */
  lend<T>(key: KeyRecord, borrower: (bytes: Uint8Array) => T): T;

  close(): void;
}
