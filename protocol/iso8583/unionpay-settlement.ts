import { SettlementTotalsInvalid } from "../errors.ts";
import {
  currencyCode,
  messageFrom,
  NETWORK_CODE,
  OPERATOR,
  type PosTerminal,
  six,
  type UnionPayMessage,
} from "./unionpay-messages.ts";
import { identityFields, type Original, type Reversible, type TransactionName } from "./unionpay-transactions.ts";

/*
 * Field 48 of a settlement, its results, and the count that ends an upload are as in LiaoYang_POS, named in
 * `unionpay-messages.ts`. Without a source, and decided here: the MAC on 0500 and 0320, which the terminals leave out, and
 * that each transaction of a batch is a message of its own. The terminals send advices and refunds so, and put up to
 * eight others into field 48 (kind n2, trace n6, card number n20, amount n12), which takes card numbers that nobody keeps
 * here; they also end a batch that is balanced, with field 60.3 as 207.
 */

/** What went through a batch, in minor units. Voids and refunds are credits; what was reversed is in neither. */
export interface Totals {
  readonly debitAmount: number;
  readonly debitCount: number;
  readonly creditAmount: number;
  readonly creditCount: number;
}

/** Does the bank's side say the same? */
export type SettlementResult = "not compared" | "balanced" | "unbalanced" | "failed";

/** Field 48 of a settlement: cards of this country's banks, and all others. */
export interface SettlementTotals {
  readonly domestic: Totals;
  readonly foreign: Totals;
  readonly domesticResult: SettlementResult;
  readonly foreignResult: SettlementResult;
}

/** Which message it is, and of which batch. */
export interface BatchIdentity {
  /** Field 11, 1 to 999999. */
  readonly trace: number;
  /** Field 60.2, 1 to 999999. */
  readonly batch: number;
}

/** Of a batch without transactions. */
export const NO_TOTALS: Totals = { debitAmount: 0, debitCount: 0, creditAmount: 0, creditCount: 0 };

const SETTLEMENT_TYPE = "00";
const RESULTS: readonly SettlementResult[] = ["not compared", "balanced", "unbalanced", "failed"];

const AMOUNT_DIGITS = 12;
const COUNT_DIGITS = 3;
const TOTALS_DIGITS = 2 * (AMOUNT_DIGITS + COUNT_DIGITS);
const RESULT_DIGITS = 1;
const GROUP_DIGITS = TOTALS_DIGITS + RESULT_DIGITS;

/**
 * 0500, to be built with a MAC: closes a batch with the terminal's totals. The reply's field 39 says that it was taken,
 * its field 48 whether the bank's totals are the same ({@link readTotals}). If they are not, each transaction of the batch
 * follows in a {@link batchUploadRequest}, and a {@link batchUploadEndRequest} after the last.
 * @throws CurrencyUnsupported | SettlementTotalsInvalid | Iso8583LengthInvalid
 */
export const settlementRequest = (
  pos: PosTerminal,
  { trace, batch, currency }: BatchIdentity & { readonly currency: string },
  totals: Pick<SettlementTotals, "domestic" | "foreign">,
): UnionPayMessage =>
  messageFrom(pos, "0500", {
    11: six(trace),
    48: writeTotals({ ...totals, domesticResult: "not compared", foreignResult: "not compared" }),
    49: currencyCode(currency),
    60: SETTLEMENT_TYPE + six(batch) + NETWORK_CODE.settlement,
    63: OPERATOR,
  });

/** One transaction of a batch. */
export type Slip = Reversible & Partial<Pick<Original, "retrievalReference" | "approvalCode">>;

/**
 * 0320, to be built with a MAC: one approved transaction of a batch, under its own trace.
 * @throws CurrencyUnsupported | Iso8583LengthInvalid
 */
export const batchUploadRequest = (pos: PosTerminal, name: TransactionName, slip: Slip): UnionPayMessage =>
  messageFrom(pos, "0320", {
    ...identityFields(name, slip, NETWORK_CODE.settlement),
    ...(slip.retrievalReference !== undefined && { 37: slip.retrievalReference }),
    ...(slip.approvalCode !== undefined && { 38: slip.approvalCode }),
  });

/**
 * 0320, to be built with a MAC: the upload is whole.
 * @param count of its slips, up to 9999
 * @throws Iso8583LengthInvalid
 */
export const batchUploadEndRequest = (
  pos: PosTerminal,
  { trace, batch }: BatchIdentity,
  count: number,
): UnionPayMessage =>
  messageFrom(pos, "0320", {
    11: six(trace),
    48: String(count).padStart(4, "0"),
    60: SETTLEMENT_TYPE + six(batch) + NETWORK_CODE.batchUploadEnd,
  });

/**
 * Field 48 of a settlement.
 * @returns 62 digits: for each group of cards its debits and credits, amount (n12) and count (n3), and the result (n1)
 * @throws SettlementTotalsInvalid for a number that is negative, no integer, or longer
 */
export const writeTotals = (totals: SettlementTotals): string =>
  writeGroup(totals.domestic, totals.domesticResult) + writeGroup(totals.foreign, totals.foreignResult);

const writeGroup = ({ debitAmount, debitCount, creditAmount, creditCount }: Totals, result: SettlementResult) =>
  digits(debitAmount, AMOUNT_DIGITS) +
  digits(debitCount, COUNT_DIGITS) +
  digits(creditAmount, AMOUNT_DIGITS) +
  digits(creditCount, COUNT_DIGITS) +
  RESULTS.indexOf(result);

/** @throws SettlementTotalsInvalid rather than let one number run into the next */
function digits(value: number, length: number): string {
  if (!Number.isSafeInteger(value) || value < 0 || value >= 10 ** length) {
    throw new SettlementTotalsInvalid({ detail: `a number of more than ${length} digits` });
  }
  return String(value).padStart(length, "0");
}

/**
 * What {@link writeTotals} wrote.
 * @param field48 of a 0500 or 0510
 * @throws SettlementTotalsInvalid
 */
export function readTotals(field48: string): SettlementTotals {
  if (!/^\d+$/.test(field48) || field48.length !== 2 * GROUP_DIGITS) {
    throw new SettlementTotalsInvalid({ detail: `${field48.length} of ${2 * GROUP_DIGITS} digits` });
  }
  return {
    domestic: readGroup(field48.slice(0, TOTALS_DIGITS)),
    domesticResult: readResult(field48, TOTALS_DIGITS),
    foreign: readGroup(field48.slice(GROUP_DIGITS)),
    foreignResult: readResult(field48, GROUP_DIGITS + TOTALS_DIGITS),
  };
}

const readGroup = (group: string): Totals => ({
  debitAmount: Number(group.slice(0, 12)),
  debitCount: Number(group.slice(12, 15)),
  creditAmount: Number(group.slice(15, 27)),
  creditCount: Number(group.slice(27, 30)),
});

function readResult(field48: string, at: number): SettlementResult {
  const result = RESULTS[Number(field48[at])];
  if (result === undefined) throw new SettlementTotalsInvalid({ detail: `result at digit ${at}` });
  return result;
}
