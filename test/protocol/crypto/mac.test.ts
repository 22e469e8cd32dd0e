import { aesCtr, decryptAesCbc, decryptAesEcb, encryptAesCbc, encryptAesEcb } from "@swipewire/protocol/crypto/aes";
import { aesCmac, tdesCmac } from "@swipewire/protocol/crypto/cmac";
import { deriveInitialKey, deriveTransactionKey, usageKey } from "@swipewire/protocol/crypto/dukpt-tdes";
import { keyCheckValue } from "@swipewire/protocol/crypto/key-check-value";
import { retailMac } from "@swipewire/protocol/crypto/retail-mac";
import { decryptEcb, encryptEcb, tdesKey } from "@swipewire/protocol/crypto/tdes";
import { unionPayMac } from "@swipewire/protocol/crypto/unionpay-mac";
import t from "tap";
import macs from "../../fixtures/mac.json" with { type: "json" };
import magtek from "../../fixtures/magtek.json" with { type: "json" };
import unionpay from "../../fixtures/unionpay-8583.json" with { type: "json" };

const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex, "hex"));
const hex = (value: Uint8Array) => Buffer.from(value).toString("hex").toUpperCase();
const ascii = (text: string) => new TextEncoder().encode(text);

t.test("retail MAC: the published vectors", async (t) => {
  for (const { key, messageAscii, mac4 } of macs.retail) {
    t.equal(hex(retailMac(bytes(key), ascii(messageAscii)).subarray(0, 4)), mac4);
  }
  t.throws(() => retailMac(new Uint8Array(8), ascii("x")), { code: "key_length" });
});

t.test("retail MAC: every padding method, as ISO 9797-1 B.4 computes them", async (t) => {
  const key = bytes("0123456789ABCDEFFEDCBA9876543210");
  const published = {
    "Now is the time for all ": ["A1C72E74EA3FA9B6", "E9086230CA3BE796", "AB059463D7A7D170"],
    "Now is the time for it": ["2E2B1428CC78254F", "5A692CE64F404145", "C59F7EED328DDD69"],
  };
  for (const [message, expected] of Object.entries(published)) {
    const computed = ([1, 2, 3] as const).map((padding) => hex(retailMac(key, ascii(message), padding)));
    t.same(computed, expected, message);
  }
});

t.test("CMAC: the published vectors of AES and of two-key and three-key TDES", async (t) => {
  for (const { alg, key, message, mac } of macs.vectors) {
    const compute = alg.startsWith("CMAC-AES") ? aesCmac : (k: Uint8Array, m: Uint8Array) => tdesCmac(tdesKey(k), m);
    t.equal(hex(compute(bytes(key), bytes(message))), mac, `${alg}, ${message.length / 2} bytes`);
  }
  for (const length of [0, 8, 15, 33]) {
    t.throws(() => aesCmac(new Uint8Array(length), ascii("x")), { code: "key_length" });
  }
});

t.test("AES: what is no key or not whole blocks is refused", async (t) => {
  const key = new Uint8Array(16);
  const block = new Uint8Array(16);
  const modes = { encryptAesEcb, decryptAesEcb, encryptAesCbc, decryptAesCbc };
  for (const [name, mode] of Object.entries(modes)) {
    for (const length of [0, 15, 17]) {
      t.throws(() => mode(key, new Uint8Array(length), block), { code: "ciphertext_length" }, name);
    }
    t.throws(() => mode(new Uint8Array(8), block, block), { code: "key_length" }, name);
  }
  t.throws(() => aesCtr(new Uint8Array(8), block, block), { code: "key_length" });
});

t.test("retail MAC: MagTek's command MACs are it, over one block, under the MAC request key", async (t) => {
  for (const { ksn, message_padded, mac_key, tdes_ecb, mac_first4 } of magtek.command_macs) {
    const initialKey = deriveInitialKey(bytes(magtek.bdk), bytes(ksn));
    const key = usageKey(deriveTransactionKey(initialKey, bytes(ksn)), "mac-request");
    t.equal(hex(key), mac_key, message_padded);
    t.equal(hex(encryptEcb(tdesKey(key), bytes(message_padded))), tdes_ecb, message_padded);
    t.equal(hex(retailMac(key, bytes(message_padded)).subarray(0, 4)), mac_first4, message_padded);
  }
});

t.test("UnionPay: the published MACs, from the working key as the terminal master key unwraps it", async (t) => {
  for (const { name, tmk, makEncrypted, mak, mab, field64Hex } of unionpay.mac.vectors) {
    const clear = decryptEcb(tdesKey(bytes(tmk)), bytes(makEncrypted));
    t.equal(hex(clear), mak, name);
    t.equal(hex(unionPayMac(tdesKey(clear), bytes(mab))), field64Hex, name);
  }
});

t.test("UnionPay: the published key check values and master key components", async (t) => {
  for (const {
    tmk,
    pikEncrypted,
    pikKcv,
    makEncrypted,
    makKcv,
    components,
    componentKcv3,
    tmkKcv3,
  } of unionpay.key_download) {
    const master = tdesKey(bytes(tmk));
    for (const [encrypted, kcv] of [
      [pikEncrypted, pikKcv],
      [makEncrypted, makKcv],
    ]) {
      if (encrypted && kcv) t.equal(hex(keyCheckValue(tdesKey(decryptEcb(master, bytes(encrypted))), 4)), kcv);
    }
    components?.forEach((component, i) => {
      t.equal(hex(keyCheckValue(tdesKey(bytes(component)), 3)), componentKcv3?.[i]);
    });
    if (components && tmkKcv3) {
      const [first = "", second = ""] = components;
      const other = bytes(second);
      t.equal(hex(bytes(first).map((byte, i) => byte ^ (other[i] ?? 0))), tmk);
      t.equal(hex(keyCheckValue(master, 3)), tmkKcv3);
    }
  }
});

t.test("UnionPay: a PIN block under the PIN working key is the published field 52", async (t) => {
  for (const { tmk, pikEncrypted, pik, clearBlock, field52 } of unionpay.pin_blocks) {
    const clear = decryptEcb(tdesKey(bytes(tmk)), bytes(pikEncrypted));
    t.equal(hex(clear), pik);
    t.equal(hex(encryptEcb(tdesKey(clear), bytes(clearBlock))), field52);
  }
});

t.test("refuses keys and data of another size", async (t) => {
  for (const length of [0, 7, 15, 23, 25]) t.throws(() => tdesKey(new Uint8Array(length)), { code: "key_length" });
  const key = tdesKey(new Uint8Array(16));
  for (const length of [0, 9]) t.throws(() => encryptEcb(key, new Uint8Array(length)), { code: "ciphertext_length" });
});
