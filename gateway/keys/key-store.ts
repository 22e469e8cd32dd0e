import type { AesReaderScheme } from "@swipewire/protocol/crypto/reader-block";
import type { PublicJwk } from "@swipewire/protocol/messages/fields";
import type { ReaderEncryptionScheme } from "@swipewire/protocol/readers/reader-frame";
import type { SensitiveBytes } from "@swipewire/protocol/sensitive-bytes";
import type { KeyRecord } from "./key-record.ts";

/** Everything the gateway does with secret keys. Operations only: no key ever leaves it, so that an HSM fits behind it. */
export interface KeyStore {
  /** What keys there are, with their check values and never a byte of them. */
  list(): readonly KeyRecord[];

  /** Public X25519 keys that terminals seal swipes to, newest first. */
  sealingKeys(): readonly PublicJwk[];

  /** The gateway's Ed25519 key, which terminals pin. @throws GatewayKeyMissing */
  gatewayKey(): PublicJwk;

  /** {@link sealingKeys}, signed with {@link gatewayKey} for the terminal's question of this id. @throws GatewayKeyMissing */
  signSealingKeys(question: string): string;

  /** A statement of the gateway's, signed by {@link gatewayKey}: 64 bytes, Ed25519. @throws GatewayKeyMissing */
  signStatement(input: Uint8Array): Uint8Array;

  /** The key that signs certificates. @throws AuthorityMissing */
  authorityKey(): KeyRecord & { readonly publicKey: string };

  /** What {@link authorityKey} signs, of a certificate or a list of revoked ones: 64 bytes, Ed25519. @throws AuthorityMissing */
  signCertificate(toBeSigned: Uint8Array): Uint8Array;

  /**
   * Opens a compact JWE (ECDH-ES, A256GCM).
   * @throws EnvelopeKeyUnknown | EnvelopeUnreadable
   */
  decryptEnvelope(jwe: string): Promise<SensitiveBytes>;

  /**
   * Opens one block of a reader's ciphertext (CBC, zero IV) under the key that the KSN derives: 10 bytes for TDES, 12 for
   * AES. The clear text keeps its padding.
   * @throws ReaderKeyUnknown when no base derivation key serves this KSN | KsnInvalid | CiphertextLength
   */
  decryptReaderBlock(
    scheme: ReaderEncryptionScheme | AesReaderScheme,
    ksn: Uint8Array,
    ciphertext: Uint8Array,
  ): SensitiveBytes;

  /**
   * Takes the acquirer's working keys, encrypted under the terminal master key, from a sign-on reply (field 62).
   * @throws WorkingKeysRefused when the length is unknown or a key check value does not match
   */
  loadWorkingKeys(field62: Uint8Array): void;

  /**
   * An ISO 9564-1 format 0 PIN block, 8 bytes, encrypted under the PIN working key. `pin` and `pan` are ASCII digits.
   * @throws WorkingKeysMissing before the first sign-on | PinBlockPin | PinBlockPan
   */
  encryptPinBlock(pin: SensitiveBytes, pan: SensitiveBytes): Uint8Array;

  /** The acquirer's MAC over MTI to field 63, the 8 bytes of field 64. @throws WorkingKeysMissing before the first sign-on */
  acquirerMac(message: Uint8Array): Uint8Array;

  /** Whether `mac` is what {@link acquirerMac} makes of it; takes as long for any other. @throws WorkingKeysMissing */
  verifyAcquirerMac(message: Uint8Array, mac: Uint8Array): boolean;
}
