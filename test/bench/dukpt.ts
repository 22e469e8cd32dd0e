import { equal } from "node:assert/strict";
import { DukptHost } from "@swipewire/protocol/crypto/dukpt-host";
import {
  deriveInitialKey,
  deriveTransactionKey,
  tdesDukpt,
  usageKey,
  withCounter,
} from "@swipewire/protocol/crypto/dukpt-tdes";
import { measure } from "./measure.ts";
import { Dukpt } from "./peers.ts";
import type { Row } from "./table.ts";

const BDK = "0123456789ABCDEFFEDCBA9876543210";
const SERIAL = "FFFF9876543210E00000";
const COUNT = 256;
const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex, "hex"));
const hexOf = (key: Uint8Array) => Buffer.from(key).toString("hex").toUpperCase();
const bdk = bytes(BDK);

/** KSNs with these counters, as bytes and as the peer takes them. */
function ksns(counterOf: (i: number) => number): readonly (readonly [Uint8Array, string])[] {
  return Array.from({ length: COUNT }, (_, i) => {
    const ksn = withCounter(bytes(SERIAL), counterOf(i));
    return [ksn, hexOf(ksn)];
  });
}

/** From the base derivation key to the PIN key of one transaction: of a reader never seen, and of one that comes again. */
export function dukpt(): Row[] {
  const host = new DukptHost(tdesDukpt, 1);
  // Counters from all over their 21 bits, since each bit that is set costs a step.
  const strange = compared(
    ksns((i) => (i * 8191 + 1) & 0x1fffff),
    (ksn) => {
      const initialKey = deriveInitialKey(bdk, ksn);
      const transactionKey = deriveTransactionKey(initialKey, ksn);
      initialKey.fill(0);
      return transactionKey;
    },
  );
  // The last of them is followed by the first, which is derived from the initial key again.
  const known = compared(
    ksns((i) => 0x0ffa00 + i),
    (ksn) => host.transactionKey(ksn, () => deriveInitialKey(bdk, ksn)),
  );
  return [
    { subject: "TDES DUKPT, PIN key from BDK and KSN", ...strange },
    { subject: "TDES DUKPT, PIN key of a reader's next KSN", ...known, times: 3 },
  ];
}

function compared(ksns: readonly (readonly [Uint8Array, string])[], transactionKey: (ksn: Uint8Array) => Uint8Array) {
  const at = (i: number) => ksns[i % COUNT] ?? ([bdk, BDK] as const);
  const pinKey = (ksn: Uint8Array) => {
    const key = transactionKey(ksn);
    const derived = usageKey(key, "pin");
    key.fill(0);
    return derived;
  };
  const peerKey = (ksn: string) => new Dukpt(BDK, ksn, "pinkey")._sessionKey;
  for (const [ksn, text] of ksns) equal(hexOf(pinKey(ksn)), peerKey(text));
  const [ours, peer] = measure([
    { name: "", run: (i) => pinKey(at(i)[0]) },
    { name: "dukpt", run: (i) => peerKey(at(i)[1]) },
  ]);
  return { ours, peer };
}
