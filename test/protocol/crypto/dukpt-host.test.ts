import * as aes from "@swipewire/protocol/crypto/dukpt-aes";
import { DukptHost } from "@swipewire/protocol/crypto/dukpt-host";
import * as tdes from "@swipewire/protocol/crypto/dukpt-tdes";
import type { DukptScheme } from "@swipewire/protocol/crypto/dukpt-terminal";
import fc from "fast-check";
import t from "tap";

const hex = (value: Uint8Array) => Buffer.from(value).toString("hex");
const bdk = Uint8Array.from({ length: 16 }, (_, i) => 17 * i);

const schemes = {
  TDES: {
    scheme: tdes.tdesDukpt,
    derive: tdes.deriveInitialKey,
    serials: ["FFFF9876543210E00000", "62994901190000000000"],
  },
  AES: {
    scheme: aes.aesDukpt,
    derive: aes.deriveInitialKey,
    serials: ["123456789012345600000000", "FF3456789012345600000000"],
  },
} as const;

/** A host that counts its steps, with every key that it was given or derived. */
function watched(scheme: DukptScheme, most: number) {
  const keys: Uint8Array[] = [];
  const deriveNextKey = (key: Uint8Array, ksn: Uint8Array) => {
    const next = scheme.deriveNextKey(key, ksn);
    keys.push(next);
    return next;
  };
  const host = new DukptHost({ ...scheme, deriveNextKey }, most);
  return { host, keys };
}

for (const [name, { scheme, derive, serials }] of Object.entries(schemes)) {
  const ksnsOf = serials.map((serial) => Uint8Array.from(Buffer.from(serial, "hex")));
  const ksn = (reader: number, counter: number) =>
    scheme.withCounter(ksnsOf[reader] ?? new Uint8Array(), counter % 2 ** scheme.counterBits);
  const counter = fc.oneof(fc.nat(9), fc.integer({ min: 0, max: 2 ** 32 - 1 }));

  t.test(`${name}: whichever KSNs come in whatever order, each gets the key that is derived for it alone`, async () => {
    const comings = fc.array(fc.tuple(fc.nat(1), counter, fc.nat(3)), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(comings, fc.integer({ min: 1, max: 2 }), (comings, most) => {
        const host = new DukptHost(scheme, most);
        return comings.every(([reader, first, more]) =>
          Array.from({ length: more + 1 }, (_, n) => ksn(reader, first + n)).every((ksn) => {
            const key = host.transactionKey(ksn, () => derive(bdk, ksn));
            return hex(key) === hex(scheme.deriveTransactionKey(derive(bdk, ksn), ksn));
          }),
        );
      }),
      { seed: 31, numRuns: 100 },
    );
  });

  t.test(`${name}: a reader's next KSN costs one step, and the same one none`, async (t) => {
    const { host, keys } = watched(scheme, 1);
    const initialKeys: Uint8Array[] = [];
    const next = (counter: number) => {
      const before = keys.length;
      const at = ksn(0, counter);
      host.transactionKey(at, () => {
        initialKeys.push(derive(bdk, at));
        return initialKeys.at(-1) as Uint8Array;
      });
      return keys.length - before;
    };
    t.equal(next(0b1011_0111), 6);
    for (let n = 0b1011_1000; n < 0b1100_1000; n++) t.equal(next(n), 1, `counter ${n}`);
    t.equal(next(0b1100_0111), 0);
    t.equal(initialKeys.length, 1);
  });

  t.test(`${name}: keys are overwritten when a step is left, a reader is forgotten, and all are wiped`, async (t) => {
    const { host, keys } = watched(scheme, 1);
    const given: Uint8Array[] = [];
    const come = (reader: number, counter: number) =>
      host.transactionKey(ksn(reader, counter), () => {
        given.push(derive(bdk, ksn(reader, 0)));
        return given.at(-1) as Uint8Array;
      });
    const isWiped = (key?: Uint8Array) => key?.every((byte) => byte === 0);
    const first = come(0, 0b101);
    t.notOk(isWiped(first));
    come(0, 0b110);
    t.strictSame(keys.map(isWiped), [false, true, false]);
    come(1, 1);
    t.strictSame(keys.map(isWiped), [true, true, true, false]);
    t.strictSame(given.map(isWiped), [true, false]);
    host.wipe();
    t.ok([...keys, ...given].every(isWiped));
    t.equal(hex(come(0, 0b101)), hex(first), "and are derived again");
  });
}
