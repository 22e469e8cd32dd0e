import type { Dialect } from "../dialect.ts";

/**
 * UnionPay POS (China UnionPay, POS terminal specification), as terminals speak it to an acquirer. Lengths follow the
 * field descriptions published for it; 46 and 56 are seen in messages without one, so theirs is what LLLVAR can say.
 */
export const unionPay = {
  name: "UnionPay POS",
  digits: "packed",
  bytes: "raw",
  bitmaps: 1,
  // 60, destination, source.
  tpduDigits: 10,
  // Application class 60, version, terminal status, processing demand.
  headerDigits: 12,
  fields: {
    2: { name: "primary account number", content: "n", max: 19, lengthDigits: 2, sensitive: "pan" },
    3: { name: "processing code", content: "n", length: 6 },
    4: { name: "amount", content: "n", length: 12 },
    11: { name: "system trace audit number", content: "n", length: 6 },
    12: { name: "local time, hhmmss", content: "n", length: 6 },
    13: { name: "local date, MMDD", content: "n", length: 4 },
    14: { name: "expiry date, YYMM", content: "n", length: 4, sensitive: "other" },
    15: { name: "settlement date, MMDD", content: "n", length: 4 },
    22: { name: "point of service entry mode", content: "n", length: 3 },
    23: { name: "card sequence number", content: "n", length: 3, justify: "right" },
    25: { name: "point of service condition code", content: "n", length: 2 },
    26: { name: "longest PIN", content: "n", length: 2 },
    32: { name: "acquiring institution", content: "n", max: 11, lengthDigits: 2 },
    35: { name: "track 2", content: "z", max: 37, lengthDigits: 2, sensitive: "track-2" },
    36: { name: "track 3", content: "z", max: 104, lengthDigits: 3, sensitive: "track-3" },
    37: { name: "retrieval reference number", content: "ans", length: 12 },
    38: { name: "authorisation code", content: "ans", length: 6 },
    39: { name: "response code", content: "ans", length: 2 },
    41: { name: "terminal", content: "ans", length: 8 },
    42: { name: "merchant", content: "ans", length: 15 },
    43: { name: "merchant name and place", content: "b", length: 40 },
    44: { name: "issuer and acquirer", content: "ans", max: 25, lengthDigits: 2 },
    46: { name: "terminal software", content: "ans", max: 999, lengthDigits: 3 },
    // Published with 62 digits, for totals; a batch upload lists eight transactions in 322 (`unionpay-batch-upload.ts`).
    48: { name: "totals or slips", content: "n", max: 322, lengthDigits: 3, sensitive: "slips" },
    49: { name: "currency", content: "ans", length: 3 },
    52: { name: "PIN block", content: "b", length: 8, sensitive: "other" },
    53: { name: "security control", content: "n", length: 16 },
    54: { name: "balance", content: "ans", max: 20, lengthDigits: 3 },
    55: { name: "chip data", content: "b", max: 255, lengthDigits: 3, sensitive: "other" },
    56: { name: "response text", content: "b", max: 999, lengthDigits: 3 },
    58: { name: "wallet data", content: "b", max: 100, lengthDigits: 3 },
    60: { name: "transaction type, batch, network code", content: "n", max: 17, lengthDigits: 3 },
    61: { name: "original transaction", content: "n", max: 29, lengthDigits: 3 },
    62: { name: "keys and parameters", content: "b", max: 512, lengthDigits: 3 },
    63: { name: "operator and text", content: "b", max: 163, lengthDigits: 3 },
    64: { name: "message authentication code", content: "b", length: 8 },
  },
} as const satisfies Dialect;
