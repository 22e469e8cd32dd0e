import { deriveInitialKey, deriveTransactionKey } from "@swipewire/protocol/crypto/dukpt-tdes";
import { decryptReaderBlock, encryptReaderBlock } from "@swipewire/protocol/crypto/reader-block";
import t from "tap";
import vectors from "../../fixtures/dukpt-tdes.json" with { type: "json" };

const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex, "hex"));
const hex = (value: Uint8Array) => Buffer.from(value).toString("hex").toUpperCase();
const bdk = bytes(vectors.bdk);
const transactionKey = (ksn: string) => deriveTransactionKey(deriveInitialKey(bdk, bytes(ksn)), bytes(ksn));

t.test("encrypts and decrypts a track as readers do, under the PIN variant and under the data key", async (t) => {
  let rows = 0;
  for (const { ksn, plain, pinVariantCbc, dataVariantCbc } of vectors.others) {
    if (plain === undefined) continue;
    rows++;
    const clear = new TextEncoder().encode(plain);
    t.equal(hex(encryptReaderBlock(transactionKey(ksn), "tdes-dukpt-pin-cbc", clear)), pinVariantCbc);
    t.equal(hex(encryptReaderBlock(transactionKey(ksn), "tdes-dukpt-data-cbc", clear)), dataVariantCbc);
    for (const [scheme, ciphertext] of [
      ["tdes-dukpt-pin-cbc", pinVariantCbc],
      ["tdes-dukpt-data-cbc", dataVariantCbc],
    ] as const) {
      const opened = decryptReaderBlock(bdk, scheme, bytes(ksn), bytes(ciphertext ?? ""));
      t.equal(opened.use(hex), hex(clear), scheme);
    }
  }
  t.equal(rows, 1);
  for (const row of vectors.rows) {
    const clear = new TextEncoder().encode(vectors.transactionData);
    const ciphertext = encryptReaderBlock(transactionKey(row.ksn), "tdes-dukpt-data-cbc", clear);
    t.equal(hex(ciphertext), row.encryptedRequest);
    const opened = decryptReaderBlock(bdk, "tdes-dukpt-data-cbc", bytes(row.ksn), ciphertext);
    t.equal(opened.use(hex), hex(clear).padEnd(48, "0"));
  }
});

t.test("refuses ciphertext that is not whole blocks", async (t) => {
  const ksn = bytes("FFFF9876543210E00008");
  for (const length of [0, 7, 9]) {
    t.throws(() => decryptReaderBlock(bdk, "tdes-dukpt-pin-cbc", ksn, new Uint8Array(length)), {
      code: "ciphertext_length",
    });
  }
});
