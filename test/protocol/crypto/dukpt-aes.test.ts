import { aesCmac } from "@swipewire/protocol/crypto/cmac";
import {
  type AesDukptUsage,
  type DukptKeyType,
  deriveInitialKey,
  deriveTransactionKey,
  deriveUpdateKey,
  deriveWorkingKey,
  ksnCounter,
  withCounter,
} from "@swipewire/protocol/crypto/dukpt-aes";
import { decryptPinBlockFormat4, encryptPinBlockFormat4 } from "@swipewire/protocol/crypto/pin-block-format4";
import fc from "fast-check";
import t from "tap";
import vectors from "../../fixtures/dukpt-aes.json" with { type: "json" };

const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex, "hex"));
const hex = (value: Uint8Array) => Buffer.from(value).toString("hex").toUpperCase();
const ascii = (text: string) => new TextEncoder().encode(text);

const usages = {
  pin: "pin-encryption",
  macGeneration: "mac-generation",
  macVerification: "mac-verification",
  dataEncrypt: "data-encryption",
  dataDecrypt: "data-decryption",
  keyEncryption: "key-encryption",
} as const;
const types = { AES128: "aes-128", AES256: "aes-256" } as const;

for (const size of ["aes128", "aes256"] as const) {
  t.test(`every row and column of the X9.24-3 supplement, ${size}`, async (t) => {
    const { bdk, initialKeyId, initialKey, rows } = vectors[size];
    const firstKsn = bytes(`${initialKeyId}00000000`);
    const derivedInitialKey = deriveInitialKey(bytes(bdk), firstKsn);
    t.equal(hex(derivedInitialKey), initialKey);
    let columns = 0;
    for (const row of rows) {
      const ksn = bytes(row.ksn);
      const transactionKey = deriveTransactionKey(derivedInitialKey, ksn);
      t.equal(hex(transactionKey), row.transactionKey, row.ksn);
      for (const [column, expected] of Object.entries(row)) {
        const [, usage, type] = /^(\w+)Key_(AES128|AES256)$/.exec(column) ?? [];
        if (!usage || !type) continue;
        columns++;
        const key = deriveWorkingKey(
          transactionKey,
          ksn,
          usages[usage as keyof typeof usages],
          types[type as keyof typeof types],
        );
        t.equal(hex(key), expected, `${row.ksn} ${column}`);
      }
      if ("cmacGeneration_AES128_of_4012345678909D987" in row) {
        const key = deriveWorkingKey(transactionKey, ksn, "mac-generation", "aes-128");
        t.equal(hex(aesCmac(key, ascii("4012345678909D987"))), row.cmacGeneration_AES128_of_4012345678909D987);
      }
    }
    t.equal(columns, rows.length * (size === "aes128" ? 6 : 12));
  });
}

t.test("the supplement's encrypted PIN blocks of format 4 open to its PIN", async (t) => {
  const { pin, pan, pinField } = vectors.pin;
  const initialKey = bytes(vectors.aes128.initialKey);
  let blocks = 0;
  for (const row of vectors.aes128.rows) {
    if (!row.encryptedPinBlockFormat4) continue;
    blocks++;
    const ksn = bytes(row.ksn);
    const key = deriveWorkingKey(deriveTransactionKey(initialKey, ksn), ksn, "pin-encryption", "aes-128");
    using opened = decryptPinBlockFormat4(key, bytes(row.encryptedPinBlockFormat4), ascii(pan));
    t.equal(
      opened.use((digits) => new TextDecoder().decode(digits)),
      pin,
      row.ksn,
    );
    // Only the first block was made with the random bytes that the supplement prints.
    if (blocks > 1) continue;
    const random = { bytes: () => bytes(pinField.slice(16)) };
    t.equal(hex(encryptPinBlockFormat4(key, ascii(pin), ascii(pan), random)), row.encryptedPinBlockFormat4);
  }
  t.equal(blocks, 5);
});

t.test("the supplement's update keys, of AES and of TDES", async (t) => {
  const initialKey = bytes(vectors.aes128.initialKey);
  const ksn = bytes(`${vectors.aes128.initialKeyId}00000007`);
  t.equal(hex(deriveUpdateKey(initialKey, ksn, "aes-128")), vectors.aes128.updateKey);
  // ANSI X9.24-3:2017 supplement, AES-128 base derivation key, pages 24 and 30.
  t.equal(hex(deriveUpdateKey(initialKey, ksn, "2tdea")), "4744A5ECBC62B5C4BB76FBEAE1E244A3");
  t.equal(hex(deriveUpdateKey(initialKey, ksn, "3tdea")), "AF82BE8533CFCA526DA71708667AD0BBC7A7517504C78C8A");
});

t.test("every usage and every key type gives a key of its own, of its length", async (t) => {
  const usages: AesDukptUsage[] = [
    "key-encryption",
    "pin-encryption",
    "mac-generation",
    "mac-verification",
    "mac-both",
    "data-encryption",
    "data-decryption",
    "data-both",
  ];
  const lengths: Record<DukptKeyType, number> = {
    "2tdea": 16,
    "3tdea": 24,
    "aes-128": 16,
    "aes-192": 24,
    "aes-256": 32,
  };
  const ksn = bytes("123456789012345600000001");
  const seen = new Set<string>();
  for (const usage of usages) {
    for (const [type, length] of Object.entries(lengths) as [DukptKeyType, number][]) {
      const key = deriveWorkingKey(bytes(vectors.aes256.initialKey), ksn, usage, type);
      t.equal(key.length, length, type);
      seen.add(hex(key));
    }
  }
  t.equal(seen.size, usages.length * Object.keys(lengths).length);
});

t.test("a 192-bit base derivation key gives 192-bit keys", async (t) => {
  const ksn = bytes("123456789012345600000003");
  const initialKey = deriveInitialKey(bytes(vectors.aes256.bdk).subarray(0, 24), ksn);
  const transactionKey = deriveTransactionKey(initialKey, ksn);
  t.equal(initialKey.length, 24);
  t.equal(transactionKey.length, 24);
  t.equal(deriveWorkingKey(transactionKey, ksn, "mac-both", "aes-192").length, 24);
});

t.test("a key derives none that is stronger than itself", async (t) => {
  const ksn = bytes("123456789012345600000001");
  for (const [length, type] of [
    [16, "aes-192"],
    [16, "aes-256"],
    [24, "aes-256"],
  ] as const) {
    t.throws(() => deriveWorkingKey(new Uint8Array(length), ksn, "pin-encryption", type), { code: "key_too_weak" });
    t.throws(() => deriveUpdateKey(new Uint8Array(length), ksn, type), { code: "key_too_weak" });
  }
  t.equal(deriveWorkingKey(new Uint8Array(16), ksn, "pin-encryption", "3tdea").length, 24);
});

t.test("counts in the last 32 bits of the KSN and nowhere else", async (t) => {
  t.equal(ksnCounter(bytes("1234567890123456FFFF0000")), 0xffff0000);
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 12, maxLength: 12 }),
      fc.integer({ min: 0, max: 0xffffffff }),
      (ksn, counter) => {
        const counted = withCounter(ksn, counter);
        return ksnCounter(counted) === counter && hex(counted).slice(0, 16) === hex(ksn).slice(0, 16);
      },
    ),
  );
});

t.test("leaves the keys it was given as they were, and refuses others' sizes", async (t) => {
  const ksn = bytes("123456789012345600000007");
  const initialKey = bytes(vectors.aes128.initialKey);
  deriveTransactionKey(initialKey, ksn);
  deriveUpdateKey(initialKey, ksn, "aes-128");
  t.equal(hex(initialKey), vectors.aes128.initialKey);
  for (const length of [0, 8, 15, 33]) {
    t.throws(() => deriveInitialKey(new Uint8Array(length), ksn), { code: "key_length" });
    t.throws(() => deriveTransactionKey(new Uint8Array(length), ksn), { code: "key_length" });
    t.throws(() => deriveWorkingKey(new Uint8Array(length), ksn, "mac-both", "2tdea"), { code: "key_length" });
  }
  for (const length of [0, 10, 11, 13]) {
    t.throws(() => deriveInitialKey(initialKey, new Uint8Array(length)), { code: "ksn_invalid" });
    t.throws(() => deriveTransactionKey(initialKey, new Uint8Array(length)), { code: "ksn_invalid" });
    t.throws(() => deriveWorkingKey(initialKey, new Uint8Array(length), "mac-both", "2tdea"), { code: "ksn_invalid" });
  }
  for (const counter of [-1, 2 ** 32, 1.5]) t.throws(() => withCounter(ksn, counter), { code: "ksn_invalid" });
});
