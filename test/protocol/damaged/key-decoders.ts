import { decryptAesCbc, decryptAesEcb } from "@swipewire/protocol/crypto/aes";
import * as aes from "@swipewire/protocol/crypto/dukpt-aes";
import * as tdes from "@swipewire/protocol/crypto/dukpt-tdes";
import { unwrapKeyBlock, wrapKeyBlock } from "@swipewire/protocol/crypto/key-block";
import { type KeyBlockVersion, parseKeyBlockHeader } from "@swipewire/protocol/crypto/key-block-header";
import {
  decodePinBlockFormat0,
  decodePinBlockFormat1,
  decodePinBlockFormat2,
  decodePinBlockFormat3,
  encodePinBlockFormat0,
  encodePinBlockFormat1,
  encodePinBlockFormat2,
  encodePinBlockFormat3,
} from "@swipewire/protocol/crypto/pin-block";
import { decryptPinBlockFormat4, encryptPinBlockFormat4 } from "@swipewire/protocol/crypto/pin-block-format4";
import { decryptAesReaderBlockBy, decryptReaderBlock } from "@swipewire/protocol/crypto/reader-block";
import { decryptCbc, decryptEcb, tdesKey } from "@swipewire/protocol/crypto/tdes";
import type { SensitiveBytes } from "@swipewire/protocol/sensitive-bytes";
import { seededRandom } from "../../seeded-random.ts";
import { ascii, hex } from "../readers/frame-samples.ts";
import type { DamagedDecoder } from "./damaged-decoder.ts";

const random = seededRandom(4);
const [pin, pan, key] = [ascii("1234"), ascii("4111111111111111"), random.bytes(16)];
const text = (bytes: Uint8Array) => String.fromCharCode(...bytes.subarray(0, 8192));

function checkPin(field: SensitiveBytes): void {
  if (!/^\d{4,12}$/.test(field.use(text))) throw new Error("what came out is no PIN");
  field.wipe();
}

const pinBlock = (
  format: number,
  file: string,
  name: string,
  block: Uint8Array,
  decode: (block: Uint8Array) => SensitiveBytes,
): DamagedDecoder => ({
  name: `PIN block, format ${format}`,
  of: [`crypto/${file}#${name}`],
  samples: [block],
  codes: /^pin_block_malformed$/,
  decode: (bytes) => checkPin(decode(bytes)),
});

const blockOf = (version: KeyBlockVersion) =>
  wrapKeyBlock(
    version === "D" || version === "E" ? key : hex("89E88CF7931444F334BD7547FC3F380C"),
    {
      version,
      keyUsage: "P0",
      algorithm: "T",
      modeOfUse: "E",
      keyVersion: "00",
      exportability: "N",
      keyContext: "0",
      optionalBlocks: [{ id: "KS", data: "FFFF9876543210E00000" }],
    },
    hex("F039121BEC83D26B169BDCD5B22AAF8F"),
    random,
  );
const versions: readonly KeyBlockVersion[] = ["A", "B", "C", "D", "E"];

/** Behind the header's fixed part in upper-case hexadecimal, so that not every block ends at its first wrong character. */
const mendHexadecimal = (bytes: Uint8Array) =>
  bytes.map((byte, at) => (at < 16 ? byte : "0123456789ABCDEF".charCodeAt(byte & 15)));

const ksn = hex("FFFF9876543210E00008");
const aesKsn = hex("123456789012345600000008");

export const keyDecoders: readonly DamagedDecoder[] = [
  pinBlock(0, "pin-block", "decodePinBlockFormat0", encodePinBlockFormat0(pin, pan), (block) =>
    decodePinBlockFormat0(block, pan),
  ),
  pinBlock(1, "pin-block", "decodePinBlockFormat1", encodePinBlockFormat1(pin, random), decodePinBlockFormat1),
  pinBlock(2, "pin-block", "decodePinBlockFormat2", encodePinBlockFormat2(pin), decodePinBlockFormat2),
  pinBlock(3, "pin-block", "decodePinBlockFormat3", encodePinBlockFormat3(pin, pan, random), (block) =>
    decodePinBlockFormat3(block, pan),
  ),
  pinBlock(4, "pin-block-format4", "decryptPinBlockFormat4", encryptPinBlockFormat4(key, pin, pan, random), (block) =>
    decryptPinBlockFormat4(key, block, pan),
  ),
  {
    name: "key block header",
    of: ["crypto/key-block-header#parseKeyBlockHeader"],
    samples: versions.map((version) => ascii(blockOf(version))),
    codes: /^key_block_(length|header_invalid|optional_block_invalid)$/,
    decode: (bytes) => parseKeyBlockHeader(text(bytes)),
  },
  ...versions.map((version): DamagedDecoder => {
    const protectionKey = version === "D" || version === "E" ? key : hex("89E88CF7931444F334BD7547FC3F380C");
    return {
      name: `key block, version ${version}`,
      of: ["crypto/key-block#unwrapKeyBlock"],
      samples: [ascii(blockOf(version))],
      mended: mendHexadecimal,
      codes: /^key_(block_|length$)/,
      decode: (bytes) => unwrapKeyBlock(protectionKey, text(bytes)).key.wipe(),
    };
  }),
  {
    name: "KSN of TDES DUKPT",
    of: ["ksnCounter", "initialKsn"].map((name) => `crypto/dukpt-tdes#${name}`),
    samples: [ksn],
    codes: /^ksn_invalid$/,
    decode: (bytes) => [tdes.ksnCounter(bytes), tdes.initialKsn(bytes)],
  },
  {
    name: "KSN of AES DUKPT",
    of: ["ksnCounter", "initialKeyData"].map((name) => `crypto/dukpt-aes#${name}`),
    samples: [aesKsn],
    codes: /^ksn_invalid$/,
    decode: (bytes) => [aes.ksnCounter(bytes), aes.initialKeyData(16, bytes)],
  },
  {
    // A derivation for each: a tenth of the inputs.
    name: "block of a reader with TDES DUKPT",
    of: [
      "crypto/reader-block#decryptReaderBlock",
      "crypto/reader-block#decryptReaderBlockBy",
      "crypto/tdes#decryptCbc",
    ],
    samples: [Uint8Array.of(...ksn, ...random.bytes(40))],
    share: 0.1,
    codes: /^(ksn_invalid|ciphertext_length)$/,
    decode: (bytes) =>
      decryptReaderBlock(key, "tdes-dukpt-pin-cbc", bytes.subarray(0, 10), bytes.subarray(10, 400)).wipe(),
  },
  {
    name: "block of a reader with AES DUKPT",
    of: ["crypto/reader-block#decryptAesReaderBlockBy", "crypto/aes#decryptAesCbc"],
    samples: [Uint8Array.of(...aesKsn, ...random.bytes(48))],
    share: 0.1,
    codes: /^(ksn_invalid|ciphertext_length)$/,
    decode: (bytes) => decryptAesReaderBlockBy(key, bytes.subarray(0, 12), bytes.subarray(12, 400)).wipe(),
  },
  {
    name: "blocks under a key",
    of: ["crypto/tdes#decryptEcb", "crypto/tdes#decryptCbc", "crypto/aes#decryptAesEcb", "crypto/aes#decryptAesCbc"],
    samples: [random.bytes(48)],
    share: 0.1,
    codes: /^ciphertext_length$/,
    decode(bytes) {
      decryptEcb(tdesKey(key), bytes);
      decryptCbc(tdesKey(key), bytes);
      decryptAesEcb(key, bytes);
      decryptAesCbc(key, bytes, new Uint8Array(16));
    },
  },
];
