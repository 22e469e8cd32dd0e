import { BatchUploadInvalid } from "../errors.ts";
import { SensitiveBytes } from "../sensitive-bytes.ts";
import {
  messageFrom,
  NETWORK_CODE,
  networkCodeOf,
  type PosTerminal,
  six,
  type UnionPayMessage,
} from "./unionpay-messages.ts";
import { BATCH_TYPE, type BatchIdentity } from "./unionpay-settlement.ts";
import {
  identityFields,
  type Original,
  type Reversible,
  type Transaction,
  type TransactionName,
  transactionRequest,
} from "./unionpay-transactions.ts";

/*
 * Sources: terminals send a list as LiaoYang_POS (BatchMagOnLineTrans) and Centerm's AsyncUploadMagsDataTask
 * (com.centerm.epos) do, zeros where a transaction has no card number, and a host reads it as bestpay's M_BatchSendChecker
 * (com.bestpay.posp) does. Both terminals send a refund as it went out, as 0320 and without its MAC
 * (BatchSendOffTrans2_Refund, AsyncUploadRefundDataTask). A message for each transaction has no source.
 */

/** One transaction of a batch, in a message of its own. */
export type Slip = Reversible & Partial<Pick<Original, "retrievalReference" | "approvalCode">>;

/** One transaction of a batch, as one of several in field 48. */
export interface ListedSlip {
  /** Field 11 of the transaction, 1 to 999999. */
  readonly trace: number;
  /** Minor units, up to twelve digits. */
  readonly amount: number;
  /** Of another country's bank? */
  readonly foreign: boolean;
  /** ASCII digits, up to 20, the first no zero; zeros are written where it is not known. */
  readonly cardNumber?: SensitiveBytes;
}

/** No 0320 lists more. */
export const LISTED_SLIPS = 8;

const COUNT_DIGITS = 2;
const KIND = { domestic: "00", foreign: "01" } as const;
const TRACE_AT = KIND.domestic.length;
const CARD_AT = TRACE_AT + 6;
const AMOUNT_AT = CARD_AT + 20;
const SLIP_DIGITS = AMOUNT_AT + 12;
const END_DIGITS = 4;
const ZERO = 0x30;

/**
 * 0320: one approved transaction of a batch, under its own trace.
 * @throws CurrencyUnsupported | Iso8583LengthInvalid
 */
export const batchUploadRequest = (pos: PosTerminal, name: TransactionName, slip: Slip): UnionPayMessage =>
  messageFrom(pos, "0320", {
    ...identityFields(name, slip, NETWORK_CODE.settlement),
    ...(slip.retrievalReference !== undefined && { 37: slip.retrievalReference }),
    ...(slip.approvalCode !== undefined && { 38: slip.approvalCode }),
  });

/**
 * 0320: a refund of a batch, as it went out in its 0220.
 * @throws CurrencyUnsupported | Iso8583LengthInvalid
 */
export const refundUploadRequest = (pos: PosTerminal, refund: Transaction<"refund">): UnionPayMessage => ({
  ...transactionRequest(pos, "refund", refund),
  mti: "0320",
});

/**
 * 0320: up to {@link LISTED_SLIPS} approved transactions of a batch, refunds not among them. Holds a copy of their card
 * numbers: wipe it once it is built.
 * @throws BatchUploadInvalid | Iso8583LengthInvalid
 * @throws SensitiveBytesWiped
 */
export const batchListRequest = (
  pos: PosTerminal,
  { trace, batch }: BatchIdentity,
  slips: readonly ListedSlip[],
): UnionPayMessage =>
  messageFrom(pos, "0320", {
    11: six(trace),
    48: writeSlips(slips),
    60: BATCH_TYPE + six(batch) + NETWORK_CODE.settlement,
  });

/**
 * 0320: a batch is at its end, the upload of an unbalanced one whole. Wipe it once it is built.
 * @param count of the slips that were uploaded, up to 9999
 * @throws BatchUploadInvalid | Iso8583LengthInvalid
 */
export const batchUploadEndRequest = (
  pos: PosTerminal,
  { trace, batch }: BatchIdentity,
  { count, balanced }: { readonly count: number; readonly balanced: boolean },
): UnionPayMessage =>
  messageFrom(pos, "0320", {
    11: six(trace),
    48: SensitiveBytes.copyOf(ascii(digits(count, END_DIGITS))),
    60: BATCH_TYPE + six(batch) + NETWORK_CODE[balanced ? "balancedEnd" : "batchUploadEnd"],
  });

/**
 * How many slips an upload had, where a message ends one.
 * @throws BatchUploadInvalid
 */
export function endOfUpload({ mti, fields }: UnionPayMessage): { count: number; balanced: boolean } | undefined {
  const code = networkCodeOf(fields);
  const balanced = code === NETWORK_CODE.balancedEnd;
  if (mti !== "0320" || !(balanced || code === NETWORK_CODE.batchUploadEnd)) return undefined;
  const count = fields[48]?.length === END_DIGITS ? fields[48].use((text) => numberIn(text, 0, END_DIGITS)) : undefined;
  if (count === undefined) throw new BatchUploadInvalid({ detail: "no count of four digits" });
  return { count, balanced };
}

/**
 * Field 48 of a list.
 * @returns ASCII digits: how many (n2), and for each whose card it is (n2: 00 of this country, 01 of another), trace (n6),
 *   card number (n20, zeros before it) and amount (n12)
 * @throws BatchUploadInvalid | Iso8583LengthInvalid for none or more than {@link LISTED_SLIPS}, or a number that is negative,
 *   no integer, or longer
 * @throws SensitiveBytesWiped
 */
export function writeSlips(slips: readonly ListedSlip[]): SensitiveBytes {
  if (slips.length === 0 || slips.length > LISTED_SLIPS) {
    throw new BatchUploadInvalid({ detail: `${slips.length} of 1 to ${LISTED_SLIPS} slips` });
  }
  const field48 = new Uint8Array(COUNT_DIGITS + slips.length * SLIP_DIGITS).fill(ZERO);
  try {
    field48.set(ascii(digits(slips.length, COUNT_DIGITS)));
    for (const [i, { trace, amount, foreign, cardNumber }] of slips.entries()) {
      const slip = field48.subarray(COUNT_DIGITS + i * SLIP_DIGITS);
      slip.set(ascii(KIND[foreign ? "foreign" : "domestic"] + six(trace)));
      cardNumber?.use((number) => putCardNumber(number, slip));
      slip.set(ascii(digits(amount, SLIP_DIGITS - AMOUNT_AT)), AMOUNT_AT);
    }
    return new SensitiveBytes(field48);
  } catch (error) {
    field48.fill(0);
    throw error;
  }
}

function putCardNumber(number: Uint8Array, slip: Uint8Array): void {
  if (number.length > AMOUNT_AT - CARD_AT || number[0] === ZERO || !number.every(isDigit)) {
    throw new BatchUploadInvalid({ detail: "card number" });
  }
  slip.set(number, AMOUNT_AT - number.length);
}

/**
 * What {@link writeSlips} wrote.
 * @param field48 of a 0320, where it has one
 * @returns copies, the caller's to wipe
 * @throws BatchUploadInvalid
 * @throws SensitiveBytesWiped
 */
export function readSlips(field48: SensitiveBytes | undefined): ListedSlip[] {
  return field48?.use(slipsIn) ?? slipsIn(new Uint8Array());
}

function slipsIn(field48: Uint8Array): ListedSlip[] {
  const count = field48.every(isDigit) ? numberIn(field48, 0, COUNT_DIGITS) : 0;
  if (count === 0 || count > LISTED_SLIPS || field48.length !== COUNT_DIGITS + count * SLIP_DIGITS) {
    throw new BatchUploadInvalid({ detail: `${field48.length} digits` });
  }
  const kinds: readonly string[] = Object.values(KIND);
  const slips = Array.from({ length: count }, (_, i) => field48.subarray(COUNT_DIGITS + i * SLIP_DIGITS));
  const unknown = slips.findIndex((slip) => !kinds.includes(String.fromCharCode(...slip.subarray(0, TRACE_AT))));
  if (unknown >= 0) throw new BatchUploadInvalid({ detail: `kind of slip ${unknown + 1}` });
  return slips.map((slip) => {
    const padded = slip.subarray(CARD_AT, AMOUNT_AT);
    const begin = padded.findIndex((digit) => digit !== ZERO);
    return {
      trace: numberIn(slip, TRACE_AT, CARD_AT),
      amount: numberIn(slip, AMOUNT_AT, SLIP_DIGITS),
      foreign: slip[TRACE_AT - 1] !== ZERO,
      ...(begin >= 0 && { cardNumber: SensitiveBytes.copyOf(padded.subarray(begin)) }),
    };
  });
}

const ascii = (text: string) => new TextEncoder().encode(text);
const isDigit = (byte: number) => byte >= ZERO && byte <= ZERO + 9;
const numberIn = (text: Uint8Array, from: number, to: number) =>
  Number(String.fromCharCode(...text.subarray(from, to)));

function digits(value: number, length: number): string {
  if (!Number.isSafeInteger(value) || value < 0 || value >= 10 ** length) {
    throw new BatchUploadInvalid({ detail: `a number of more than ${length} digits` });
  }
  return String(value).padStart(length, "0");
}
