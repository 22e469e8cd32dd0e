import type { SymmetricAlgorithm } from "./key-record.ts";

/** NIST SP 800-67r2 3.3.2: DES keys that are weak, or weak in pairs. */
const WEAK_DES = [
  "0101010101010101 FEFEFEFEFEFEFEFE E0E0E0E0F1F1F1F1 1F1F1F1F0E0E0E0E",
  "011F011F010E010E 1F011F010E010E01 01E001E001F101F1 E001E001F101F101",
  "01FE01FE01FE01FE FE01FE01FE01FE01 1FE01FE00EF10EF1 E01FE01FF10EF10E",
  "1FFE1FFE0EFE0EFE FE1FFE1FFE0EFE0E E0FEE0FEF1FEF1FE FEE0FEE0FEF1FEF1",
].flatMap((line) => line.split(" ").map((key) => Uint8Array.from(Buffer.from(key, "hex"))));

const DES_KEY = 8;
/** FIPS 46-3: the lowest bit of each byte makes the number of ones odd. */
const withoutParity = (byte: number) => byte & 0xfe;

function isOdd(byte: number): boolean {
  let ones = 0;
  for (let rest = byte; rest > 0; rest >>= 1) ones += rest & 1;
  return ones % 2 === 1;
}

export const hasOddParity = (key: Uint8Array): boolean => key.every(isOdd);

/** A copy, which does what `key` does. */
export const withOddParity = (key: Uint8Array): Uint8Array => key.map((byte) => (isOdd(byte) ? byte : byte ^ 1));

const sameDesKey = (a: Uint8Array, b: Uint8Array) =>
  a.every((byte, i) => withoutParity(byte) === withoutParity(b[i] ?? 0));

/** Whether a key is one that no random source would give: of one byte over and over, or no stronger than single DES. */
export function isWeakKey(algorithm: SymmetricAlgorithm, key: Uint8Array): boolean {
  if (algorithm === "AES") return key.every((byte) => byte === key[0]);
  const parts = Array.from({ length: key.length / DES_KEY }, (_, i) => key.subarray(i * DES_KEY, (i + 1) * DES_KEY));
  return parts.some(
    (part, i) => WEAK_DES.some((weak) => sameDesKey(part, weak)) || parts.slice(0, i).some((p) => sameDesKey(p, part)),
  );
}
