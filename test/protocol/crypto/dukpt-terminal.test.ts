import * as aes from "@swipewire/protocol/crypto/dukpt-aes";
import * as tdes from "@swipewire/protocol/crypto/dukpt-tdes";
import { type DukptScheme, DukptTerminal } from "@swipewire/protocol/crypto/dukpt-terminal";
import t from "tap";
import aesVectors from "../../fixtures/dukpt-aes.json" with { type: "json" };
import tdesVectors from "../../fixtures/dukpt-tdes.json" with { type: "json" };
import { seededRandom } from "../../seeded-random.ts";

const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex, "hex"));
const hex = (value: Uint8Array) => Buffer.from(value).toString("hex").toUpperCase();

/** Both schemes, with the vectors' initial keys. */
const schemes: Record<string, { scheme: DukptScheme; initialKey: Uint8Array; ksn: Uint8Array }> = {
  "TDES DUKPT": {
    scheme: tdes.tdesDukpt,
    initialKey: bytes(tdesVectors.initialKey),
    ksn: bytes(tdesVectors.iksn),
  },
  "AES-128 DUKPT": {
    scheme: aes.aesDukpt,
    initialKey: bytes(aesVectors.aes128.initialKey),
    ksn: bytes(`${aesVectors.aes128.initialKeyId}00000000`),
  },
  "AES-256 DUKPT": {
    scheme: aes.aesDukpt,
    initialKey: bytes(aesVectors.aes256.initialKey),
    ksn: bytes(`${aesVectors.aes256.initialKeyId}00000000`),
  },
};

function onesOf(counter: number): number {
  return counter.toString(2).replaceAll("0", "").length;
}

function lowestOneOf(counter: number): number {
  return 2 ** (/0*$/.exec(counter.toString(2))?.[0].length ?? 0);
}

for (const [name, { scheme, initialKey, ksn }] of Object.entries(schemes)) {
  t.test(`${name}: a fresh device gives the host's keys, for every counter in turn`, async (t) => {
    using terminal = new DukptTerminal(scheme, initialKey, ksn);
    // TDES leaves out its first counter, of eleven ones, at 2047; AES would at 131071, which is tested further down.
    const transactions = scheme.maxOnes === 10 ? 2200 : 300;
    let expected = 0;
    for (let i = 0; i < transactions; i++) {
      do expected++;
      while (onesOf(expected) > scheme.maxOnes);
      const transaction = terminal.next();
      const host = scheme.deriveTransactionKey(initialKey, transaction.ksn);
      if (scheme.ksnCounter(transaction.ksn) !== expected || transaction.key.use(hex) !== hex(host)) {
        t.fail(`counter ${expected}`);
      }
      transaction.key.wipe();
    }
    t.equal(expected, scheme.maxOnes === 10 ? 2201 : 300);
  });

  t.test(`${name}: from any counter on, a device agrees with the host`, async (t) => {
    const random = seededRandom(24);
    for (let run = 0; run < 12; run++) {
      const counter = new DataView(random.bytes(4).buffer).getUint32(0) % 2 ** scheme.counterBits;
      const start = scheme.withCounter(ksn, counter);
      if (onesOf(counter) > scheme.maxOnes) {
        t.throws(() => new DukptTerminal(scheme, initialKey, start), { code: "ksn_invalid" });
        continue;
      }
      using terminal = new DukptTerminal(scheme, initialKey, start);
      let expected = Math.max(1, counter);
      for (let i = 0; i < 20; i++) {
        const { ksn: at, key } = terminal.next();
        if (scheme.ksnCounter(at) !== expected) t.fail(`counter ${scheme.ksnCounter(at)} instead of ${expected}`);
        if (key.use(hex) !== hex(scheme.deriveTransactionKey(initialKey, at))) t.fail(`counter ${expected}`);
        // The lowest one moves up: every counter between has more ones still.
        expected += onesOf(expected) < scheme.maxOnes ? 1 : lowestOneOf(expected);
      }
    }
  });

  t.test(`${name}: gives out its last key, then none`, async (t) => {
    const last = (2 ** scheme.maxOnes - 1) * 2 ** (scheme.counterBits - scheme.maxOnes);
    using terminal = new DukptTerminal(scheme, initialKey, scheme.withCounter(ksn, last));
    t.equal(scheme.ksnCounter(terminal.next().ksn), last);
    t.throws(() => terminal.next(), { code: "reader_keys_exhausted" });
    t.throws(() => terminal.next(), { code: "reader_keys_exhausted" });
  });

  t.test(`${name}: a wiped device gives no key, and the initial key it was given is untouched`, async (t) => {
    const given = Uint8Array.from(initialKey);
    const terminal = new DukptTerminal(scheme, given, ksn);
    t.equal(hex(given), hex(initialKey));
    terminal.wipe();
    terminal.wipe();
    t.throws(() => terminal.next(), { code: "reader_keys_exhausted" });
  });

  t.test(`${name}: refuses keys and KSNs of another size`, async (t) => {
    t.throws(() => new DukptTerminal(scheme, new Uint8Array(15), ksn), { code: "key_length" });
    t.throws(() => new DukptTerminal(scheme, initialKey, ksn.subarray(1)), { code: "ksn_invalid" });
    t.throws(() => scheme.deriveNextKey(new Uint8Array(15), ksn), { code: "key_length" });
    t.throws(() => scheme.deriveNextKey(initialKey, ksn.subarray(1)), { code: "ksn_invalid" });
  });
}

t.test("TDES DUKPT: every row of X9.24-1 A.4", async (t) => {
  const initialKey = bytes(tdesVectors.initialKey);
  for (const row of tdesVectors.rows) {
    using terminal = new DukptTerminal(tdes.tdesDukpt, initialKey, bytes(row.ksn));
    const { ksn, key } = terminal.next();
    t.equal(hex(ksn), row.ksn);
    t.equal(key.use(hex), row.transactionKey, row.ksn);
    t.equal(
      key.use((bytes) => hex(tdes.usageKey(bytes, "pin"))),
      row.pinKey,
      row.ksn,
    );
  }
});

t.test("AES DUKPT: every row of the X9.24-3 supplement that a device may reach", async (t) => {
  for (const { initialKey, rows } of [aesVectors.aes128, aesVectors.aes256]) {
    for (const row of rows) {
      const start = () => new DukptTerminal(aes.aesDukpt, bytes(initialKey), bytes(row.ksn));
      if (row.ksn.endsWith("0001FFFF")) {
        // Printed, although X9.24-3:2017 6.1 allows 16 ones and it has 17.
        t.throws(start, { code: "ksn_invalid" });
        continue;
      }
      using terminal = start();
      t.equal(terminal.next().key.use(hex), row.transactionKey, row.ksn);
    }
  }
});

t.test("AES DUKPT: after 1FFFE comes 20000, and the last four counters are the supplement's", async (t) => {
  const { initialKeyId, initialKey } = aesVectors.aes128;
  const from = (counter: string, count: number) => {
    using terminal = new DukptTerminal(aes.aesDukpt, bytes(initialKey), bytes(`${initialKeyId}${counter}`));
    return Array.from({ length: count }, () => hex(terminal.next().ksn).slice(16));
  };
  t.same(from("0001FFFE", 3), ["0001FFFE", "00020000", "00020001"]);
  t.same(from("FFFE2000", 4), ["FFFE2000", "FFFE4000", "FFFE8000", "FFFF0000"]);
});
