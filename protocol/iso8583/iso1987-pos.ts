import { iso1987, iso1987Binary } from "./dialects/iso1987.ts";
import type { Place, PosDialect } from "./pos-dialect.ts";
import { NETWORK_CODE } from "./unionpay-messages.ts";

/** Which message a transaction or its reversal goes back to, by field 60.1: those of pre-authorisations are 0100. */
const ORIGINAL_MTI = {
  "10": "0100",
  "11": "0100",
  "20": "0100",
  "21": "0200",
  "22": "0200",
  "23": "0200",
  "25": "0200",
  "32": "0220",
  "34": "0220",
} as const;

/** The rest of field 90: hour of the transmission, acquiring and forwarding institution, none of which is known. */
const ORIGINAL_REST = "0".repeat(6 + 11 + 11);

/**
 * ISO 8583-1:1987 4.3 and table 6. Batch and kind of a transaction are not the standard's: they stay in field 60, the batch
 * of an original in 61. A settlement's own fields are for the cards of this country's banks; the totals of all other
 * cards go into the private field 48 where there are any.
 */
const places: readonly Place[] = [
  {
    wire: 60,
    parts: [
      { field: 60, at: 0, length: 8 },
      { field: 60, at: 11 },
    ],
  },
  { wire: 70, parts: [{ field: 60, at: 8, length: 3 }], absent: "000" },
  {
    wire: 61,
    mtis: ["01", "02"],
    parts: [
      { field: 61, at: 0, length: 6 },
      { field: 61, at: 16 },
    ],
  },
  {
    wire: 90,
    mtis: ["01", "02"],
    parts: [
      { field: 60, at: 0, length: 2, via: ORIGINAL_MTI },
      { field: 61, at: 6, length: 6 },
      { field: 61, at: 12, length: 4 },
      { constant: ORIGINAL_REST },
    ],
  },
  {
    wire: 90,
    mtis: ["0400"],
    repeats: true,
    parts: [
      { field: 60, at: 0, length: 2, via: ORIGINAL_MTI },
      { field: 11, at: 0, length: 6 },
      { constant: `0000${ORIGINAL_REST}` },
    ],
  },
  { wire: 88, mtis: ["05"], parts: [{ field: 48, at: 0, length: 12, width: 16 }] },
  { wire: 76, mtis: ["05"], parts: [{ field: 48, at: 12, length: 3, width: 10 }] },
  { wire: 86, mtis: ["05"], parts: [{ field: 48, at: 15, length: 12, width: 16 }] },
  { wire: 74, mtis: ["05"], parts: [{ field: 48, at: 27, length: 3, width: 10 }] },
  // 1 in balance, 2 out of balance, 3 error: as in UnionPay's totals, where 0 is "not compared".
  { wire: 66, mtis: ["05"], parts: [{ field: 48, at: 30, length: 1 }], absent: "0" },
  { wire: 48, mtis: ["05"], parts: [{ field: 48, at: 31, length: 31 }], absent: "0".repeat(31) },
];

/** In ISO 8583:1987, 0820 is an advice: what asks for an answer is the request, 0800. */
const networkCodes = [NETWORK_CODE.signOff, NETWORK_CODE.echo];
const mtis = [
  { message: "0820", wire: "0800", networkCodes },
  { message: "0830", wire: "0810", networkCodes },
];

const hexadecimal = [55, 56, 58, 62, 63];

/** POS messages in ISO 8583:1987, ASCII. */
export const iso1987Pos: PosDialect = { wire: iso1987, places, mtis, hexadecimal };

/** The same with bitmaps and binary fields as bytes. */
export const iso1987BinaryPos: PosDialect = { wire: iso1987Binary, places, mtis, hexadecimal };
