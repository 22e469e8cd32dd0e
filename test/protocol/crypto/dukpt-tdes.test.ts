import {
  type DukptUsage,
  deriveInitialKey,
  deriveTransactionKey,
  initialKsn,
  ksnCounter,
  usageKey,
  withCounter,
} from "@swipewire/protocol/crypto/dukpt-tdes";
import { decodePinBlockFormat0, encodePinBlockFormat0 } from "@swipewire/protocol/crypto/pin-block";
import { retailMac } from "@swipewire/protocol/crypto/retail-mac";
import { decryptEcb, encryptCbc, encryptEcb, tdesKey, zeroPadded } from "@swipewire/protocol/crypto/tdes";
import fc from "fast-check";
import t from "tap";
import { Dukpt } from "../../bench/peers.ts";
import vectors from "../../fixtures/dukpt-tdes.json" with { type: "json" };
import idtech from "../../fixtures/idtech.json" with { type: "json" };

const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex, "hex"));
const hex = (value: Uint8Array) => Buffer.from(value).toString("hex").toUpperCase();
const ascii = (text: string) => new TextEncoder().encode(text);

t.test("derives the initial keys of X9.24-1 A.4 and of other publications", async (t) => {
  t.equal(hex(deriveInitialKey(bytes(vectors.bdk), bytes(vectors.iksn))), vectors.initialKey);
  for (const { ksn, initialKey } of vectors.others) {
    if (initialKey) t.equal(hex(deriveInitialKey(bytes(vectors.bdk), bytes(ksn))), initialKey);
  }
});

t.test("every row of X9.24-1 A.4: transaction key, all usage keys, PIN block, MACs, request", async (t) => {
  const initialKey = bytes(vectors.initialKey);
  const clearPinBlock = encodePinBlockFormat0(ascii(vectors.pin), ascii(vectors.pan));
  const data = ascii(vectors.transactionData);
  t.equal(hex(clearPinBlock), vectors.clearPinBlockFormat0);
  for (const row of vectors.rows) {
    const transactionKey = deriveTransactionKey(initialKey, bytes(row.ksn));
    const keyFor = (usage: DukptUsage) => usageKey(transactionKey, usage);
    using pin = decodePinBlockFormat0(
      decryptEcb(tdesKey(keyFor("pin")), bytes(row.encryptedPinBlock)),
      ascii(vectors.pan),
    );
    t.strictSame(pin.use(hex), hex(ascii(vectors.pin)), row.ksn);
    t.same(
      {
        transactionKey: hex(transactionKey),
        pinKey: hex(keyFor("pin")),
        macRequestKey: hex(keyFor("mac-request")),
        macResponseKey: hex(keyFor("mac-response")),
        dataRequestKey: hex(keyFor("data-request")),
        dataResponseKey: hex(keyFor("data-response")),
        encryptedPinBlock: hex(encryptEcb(tdesKey(keyFor("pin")), clearPinBlock)),
        macRequest: hex(retailMac(keyFor("mac-request"), data).subarray(0, 4)),
        macResponse: hex(retailMac(keyFor("mac-response"), data).subarray(0, 4)),
        encryptedRequest: hex(encryptCbc(tdesKey(keyFor("data-request")), zeroPadded(data))),
      },
      {
        transactionKey: row.transactionKey,
        pinKey: row.pinKey,
        macRequestKey: row.macRequestKey,
        macResponseKey: row.macResponseKey,
        dataRequestKey: row.dataRequestKey,
        dataResponseKey: row.dataResponseKey,
        encryptedPinBlock: row.encryptedPinBlock,
        macRequest: row.macRequest,
        macResponse: row.macResponse,
        encryptedRequest: row.encryptedRequest,
      },
      row.ksn,
    );
  }
});

t.test("derives what an independent implementation does, for any base derivation key and KSN", async () => {
  const modes = [
    ["pin", "pinkey"],
    ["mac-request", "mackey"],
    ["data-request", "datakey"],
  ] as const;
  const key = fc.uint8Array({ minLength: 16, maxLength: 16 });
  const anyKsn = fc.uint8Array({ minLength: 10, maxLength: 10 });
  fc.assert(
    fc.property(key, anyKsn, fc.constantFrom(...modes), (bdk, ksn, [usage, mode]) => {
      const transactionKey = deriveTransactionKey(deriveInitialKey(bdk, ksn), ksn);
      const peer = new Dukpt(hex(bdk), hex(ksn), mode);
      return hex(usageKey(transactionKey, usage)) === peer._sessionKey.toUpperCase();
    }),
    { seed: 9, numRuns: 1000 },
  );
});

t.test("derives the data keys that ID TECH's manuals print", async (t) => {
  for (const { ksn, dataKey } of [idtech.original_format, idtech.unimag_key]) {
    const transactionKey = deriveTransactionKey(deriveInitialKey(bytes(idtech.bdk), bytes(ksn)), bytes(ksn));
    t.equal(hex(usageKey(transactionKey, "data-request")), dataKey, ksn);
  }
});

t.test("leaves the keys it was given as they were", async (t) => {
  const bdk = bytes(vectors.bdk);
  const ksn = bytes("FFFF9876543210EFF840");
  const initialKey = deriveInitialKey(bdk, ksn);
  const transactionKey = deriveTransactionKey(initialKey, ksn);
  usageKey(transactionKey, "data-request");
  t.equal(hex(bdk), vectors.bdk);
  t.equal(hex(initialKey), vectors.initialKey);
  t.equal(hex(transactionKey), "0E3E221062CB5E03A384602783A004FA");
});

t.test("counts in the last 21 bits of the KSN and nowhere else", async (t) => {
  t.equal(ksnCounter(bytes("FFFF9876543210E00008")), 8);
  t.equal(ksnCounter(bytes("FFFF9876543210F00000")), 0x100000);
  t.equal(ksnCounter(bytes("FFFF9876543210FFFFFF")), 0x1fffff);
  t.equal(hex(initialKsn(bytes("FFFF9876543210F00000"))), vectors.iksn);
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 10, maxLength: 10 }),
      fc.integer({ min: 0, max: 0x1fffff }),
      (ksn, counter) => {
        const counted = withCounter(ksn, counter);
        return ksnCounter(counted) === counter && hex(initialKsn(counted)) === hex(initialKsn(ksn));
      },
    ),
  );
});

t.test("refuses keys, KSNs and counters of another size", async (t) => {
  const ksn = bytes(vectors.iksn);
  t.throws(() => deriveInitialKey(new Uint8Array(8), ksn), { code: "key_length" });
  t.throws(() => deriveTransactionKey(new Uint8Array(24), ksn), { code: "key_length" });
  t.throws(() => usageKey(new Uint8Array(0), "pin"), { code: "key_length" });
  t.throws(() => deriveInitialKey(new Uint8Array(16), ksn.subarray(2)), { code: "ksn_invalid" });
  t.throws(() => ksnCounter(new Uint8Array(11)), { code: "ksn_invalid" });
  t.throws(() => withCounter(ksn, 0x200000), { code: "ksn_invalid" });
  t.throws(() => withCounter(ksn, -1), { code: "ksn_invalid" });
});
