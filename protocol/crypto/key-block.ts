import { equalBytes } from "@noble/ciphers/utils.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import { KeyBlockKeyLength, KeyBlockLength, KeyBlockMacInvalid, KeyBlockNotHex, KeyTooWeak } from "../errors.ts";
import type { Random } from "../random.ts";
import { SensitiveBytes } from "../sensitive-bytes.ts";
import { aesCtr, decryptAesCbc, encryptAesCbc } from "./aes.ts";
import { aesCmac, tdesCmac } from "./cmac.ts";
import {
  buildKeyBlockHeader,
  isHex,
  type KeyBlockHeader,
  type KeyBlockVersion,
  keyBlockSizes,
  parseKeyBlockHeader,
} from "./key-block-header.ts";
import { checkProtectionKey, deriveKeyBlockKeys, type KeyBlockKeys } from "./key-block-keys.ts";
import { decryptCbc, encryptCbc, tdesKey } from "./tdes.ts";

// A key, encrypted and bound to what it is for: ANSI X9.143:2021 (TR-31:2018), ISO 20038:2017.

/** What a key block held. */
export interface UnwrappedKey {
  readonly header: KeyBlockHeader;
  /** The caller's to wipe. */
  readonly key: SensitiveBytes;
}

/** How a key is wrapped. */
export interface WrapOptions {
  /**
   * How long the key looks to who can't decrypt it, in bytes; by default as long as keys of its algorithm get
   * (X9.143:2021 6.1): 24 for TDES, 32 for AES. A receiver that can't take more is given the key's own length.
   */
  readonly apparentLength?: number;
}

/**
 * Wraps a key, X9.143:2021 6 and 7.
 * @param protectionKey versions A to C: TDES, 16 or 24 bytes; D and E: AES, 16, 24 or 32 bytes
 * @param key stays the caller's to wipe
 * @param random pads the key
 * @returns the key block, in printable ASCII
 * @throws KeyLength | KeyTooWeak when the protection key is weaker than the key | KeyBlockKeyLength |
 *   KeyBlockHeaderInvalid | KeyBlockOptionalBlockInvalid | KeyBlockLength
 */
export function wrapKeyBlock(
  protectionKey: Uint8Array,
  header: KeyBlockHeader,
  key: Uint8Array,
  random: Random,
  options: WrapOptions = {},
): string {
  checkProtectionKey(protectionKey, header.version);
  checkKeyLength(header.algorithm, key.length);
  checkStrength(protectionKey, header, key);
  const length = payloadLengthOf(header, key.length, options);
  const text = buildKeyBlockHeader(header, (length + keyBlockSizes[header.version].mac) * 2);
  const payload = encodePayload(key, random.bytes(length - 2 - key.length));
  const keys = deriveKeyBlockKeys(protectionKey, header.version);
  try {
    const bound = bind(header.version, keys, new TextEncoder().encode(text), payload);
    return `${text}${toHex(bound.ciphertext)}${toHex(bound.mac)}`;
  } finally {
    for (const bytes of [keys.encryption, keys.authentication, payload]) bytes.fill(0);
  }
}

/**
 * Takes the key out of a key block. Nothing of it is looked at before the MAC is found right. In versions B, D and E the MAC is over the clear key, so
 * that decryption comes first.
 * @param protectionKey as in {@link wrapKeyBlock}
 * @param block printable ASCII, 9999 characters at most
 * @throws KeyLength | KeyBlockLength | KeyBlockHeaderInvalid | KeyBlockOptionalBlockInvalid | KeyBlockNotHex |
 *   KeyBlockMacInvalid (a wrong protection key looks the same) | KeyBlockKeyLength
 */
export function unwrapKeyBlock(protectionKey: Uint8Array, block: string): UnwrappedKey {
  const { header, length } = parseKeyBlockHeader(block);
  const sizes = keyBlockSizes[header.version];
  const macAt = block.length - sizes.mac * 2;
  const payloadLength = (macAt - length) / 2;
  // Two bytes of length and one of key are the least.
  if (payloadLength < 3 || payloadLength % granularityOf(header.version) !== 0) {
    throw new KeyBlockLength({ detail: `${macAt - length} characters of encrypted key` });
  }
  const ciphertext = fromHex(block.slice(length, macAt));
  const mac = fromHex(block.slice(macAt));
  const keys = deriveKeyBlockKeys(protectionKey, header.version);
  try {
    const payload = unbind(header.version, keys, new TextEncoder().encode(block.slice(0, length)), ciphertext, mac);
    try {
      return { header, key: decodePayload(header.algorithm, payload) };
    } finally {
      payload.fill(0);
    }
  } finally {
    for (const bytes of [keys.encryption, keys.authentication]) bytes.fill(0);
  }
}

/** X9.143:2021 6.1: two bytes of length, the key, padding up to whole blocks of the cipher. */
function payloadLengthOf(header: KeyBlockHeader, keyLength: number, options: WrapOptions): number {
  const apparentLength = options.apparentLength ?? Math.max(keyLength, LONGEST[header.algorithm] ?? 0);
  if (apparentLength < keyLength) {
    throw new KeyBlockKeyLength({ detail: `${keyLength} bytes to look like ${apparentLength}` });
  }
  const granularity = granularityOf(header.version);
  return Math.ceil((2 + apparentLength) / granularity) * granularity;
}

/** The key's length is in bits. */
function encodePayload(key: Uint8Array, padding: Uint8Array): Uint8Array {
  const payload = new Uint8Array(2 + key.length + padding.length);
  new DataView(payload.buffer).setUint16(0, key.length * 8);
  payload.set(key, 2);
  payload.set(padding, 2 + key.length);
  return payload;
}

function decodePayload(algorithm: string, payload: Uint8Array): SensitiveBytes {
  const bits = new DataView(payload.buffer, payload.byteOffset).getUint16(0);
  if (bits % 8 !== 0 || bits / 8 > payload.length - 2) {
    throw new KeyBlockKeyLength({ detail: `${bits} bits in ${payload.length} bytes` });
  }
  checkKeyLength(algorithm, bits / 8);
  return SensitiveBytes.copyOf(payload.subarray(2, 2 + bits / 8));
}

/** X9.143:2021 7: the variant method (A, C) authenticates what it encrypted, the derivation methods what is encrypted. */
function bind(version: KeyBlockVersion, keys: KeyBlockKeys, header: Uint8Array, payload: Uint8Array) {
  if (version === "A" || version === "C") {
    const ciphertext = encryptCbc(tdesKey(keys.encryption), payload, header.slice(0, 8));
    return { ciphertext, mac: macOf(version, keys, header, ciphertext) };
  }
  const mac = macOf(version, keys, header, payload);
  if (version === "B") return { ciphertext: encryptCbc(tdesKey(keys.encryption), payload, mac), mac };
  if (version === "D") return { ciphertext: encryptAesCbc(keys.encryption, payload, mac), mac };
  return { ciphertext: aesCtr(keys.encryption, payload, mac), mac };
}

/** @throws KeyBlockMacInvalid */
function unbind(
  version: KeyBlockVersion,
  keys: KeyBlockKeys,
  header: Uint8Array,
  ciphertext: Uint8Array,
  mac: Uint8Array,
): Uint8Array {
  if (version === "A" || version === "C") {
    if (!equalBytes(macOf(version, keys, header, ciphertext), mac)) throw new KeyBlockMacInvalid();
    return decryptCbc(tdesKey(keys.encryption), ciphertext, header.slice(0, 8));
  }
  const payload = decrypt(version, keys.encryption, ciphertext, mac);
  if (equalBytes(macOf(version, keys, header, payload), mac)) return payload;
  payload.fill(0);
  throw new KeyBlockMacInvalid();
}

function decrypt(version: "B" | "D" | "E", key: Uint8Array, ciphertext: Uint8Array, mac: Uint8Array): Uint8Array {
  if (version === "B") return decryptCbc(tdesKey(key), ciphertext, mac);
  return version === "D" ? decryptAesCbc(key, ciphertext, mac) : aesCtr(key, ciphertext, mac);
}

/** CBC-MAC for A and C (ISO 9797-1 MAC algorithm 1, always whole blocks), CMAC for the others. */
function macOf(version: KeyBlockVersion, keys: KeyBlockKeys, header: Uint8Array, body: Uint8Array): Uint8Array {
  const message = new Uint8Array(header.length + body.length);
  message.set(header);
  message.set(body, header.length);
  try {
    if (version === "D" || version === "E") return aesCmac(keys.authentication, message);
    const key = tdesKey(keys.authentication);
    return version === "B" ? tdesCmac(key, message) : encryptCbc(key, message).slice(-8, -4);
  } finally {
    message.fill(0);
  }
}

/** The lengths in bytes that keys of an algorithm have; others than these have any. */
const LENGTHS: Readonly<Record<string, readonly number[]>> = { A: [16, 24, 32], D: [8], T: [16, 24] };
const LONGEST: Readonly<Record<string, number>> = { A: 32, T: 24 };

function checkKeyLength(algorithm: string, length: number): void {
  const lengths = LENGTHS[algorithm];
  if (lengths ? !lengths.includes(length) : length === 0) {
    throw new KeyBlockKeyLength({ detail: `${length} bytes for algorithm ${algorithm}` });
  }
}

/** Counter mode needs no padding. */
const granularityOf = (version: KeyBlockVersion) => (version === "E" ? 1 : keyBlockSizes[version].block);

/**
 * PCI PIN 3.1, requirement 10: by a key at least as strong. Of asymmetric and HMAC keys the length does not say how
 * strong they are.
 */
function checkStrength(protectionKey: Uint8Array, { version, algorithm }: KeyBlockHeader, key: Uint8Array): void {
  const protectionIsAes = version === "D" || version === "E";
  const same = protectionIsAes ? ["A"] : ["D", "T"];
  if ((!protectionIsAes && algorithm === "A") || (same.includes(algorithm) && key.length > protectionKey.length)) {
    throw new KeyTooWeak({ detail: `${protectionKey.length} bytes, version ${version}` });
  }
}

/** Of ciphertext and MACs only. */
const toHex = (bytes: Uint8Array): string => bytesToHex(bytes).toUpperCase();

function fromHex(text: string): Uint8Array {
  if (!isHex(text)) throw new KeyBlockNotHex();
  return Uint8Array.from({ length: text.length / 2 }, (_, i) => Number.parseInt(text.slice(i * 2, i * 2 + 2), 16));
}
