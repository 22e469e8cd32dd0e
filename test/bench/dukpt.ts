import { equal } from "node:assert/strict";
import { deriveInitialKey, deriveTransactionKey, usageKey, withCounter } from "@swipewire/protocol/crypto/dukpt-tdes";
import { measure } from "./measure.ts";
import { Dukpt } from "./peers.ts";
import type { Row } from "./table.ts";

const BDK = "0123456789ABCDEFFEDCBA9876543210";
const SERIAL = "FFFF9876543210E00000";
const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex, "hex"));

/** Counters from all over their 21 bits, since each bit that is set costs a step. */
const KSNS = Array.from({ length: 256 }, (_, i) => withCounter(bytes(SERIAL), (i * 8191 + 1) & 0x1fffff));
const HEX_KSNS = KSNS.map((ksn) => Buffer.from(ksn).toString("hex").toUpperCase());

/** From the base derivation key to the PIN key of one transaction. */
export function dukpt(): Row[] {
  const bdk = bytes(BDK);
  const ours = (ksn: Uint8Array) => {
    const initialKey = deriveInitialKey(bdk, ksn);
    const transactionKey = deriveTransactionKey(initialKey, ksn);
    const key = usageKey(transactionKey, "pin");
    initialKey.fill(0);
    transactionKey.fill(0);
    return key;
  };
  const peer = (ksn: string) => new Dukpt(BDK, ksn, "pinkey")._sessionKey;
  KSNS.forEach((ksn, i) => {
    equal(Buffer.from(ours(ksn)).toString("hex").toUpperCase(), peer(HEX_KSNS[i] ?? ""));
  });
  const [rate, peerRate] = measure([
    { name: "", run: (i) => ours(KSNS[i & 255] ?? bdk) },
    { name: "dukpt", run: (i) => peer(HEX_KSNS[i & 255] ?? "") },
  ]);
  return [{ subject: "TDES DUKPT, PIN key from BDK and KSN", ours: rate, peer: peerRate, times: 3 }];
}
