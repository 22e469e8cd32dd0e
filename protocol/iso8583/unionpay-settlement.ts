import { SettlementTotalsInvalid } from "../errors.ts";
import { SensitiveBytes } from "../sensitive-bytes.ts";
import {
  currencyCode,
  messageFrom,
  NETWORK_CODE,
  OPERATOR,
  type PosTerminal,
  six,
  type UnionPayMessage,
} from "./unionpay-messages.ts";

/*
 * Field 48 of a settlement and its results are as in LiaoYang_POS, named in `unionpay-messages.ts`; how a bank's batches are
 * closed stands in `settlement-rules.ts`.
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

/** Field 60.1 of a message about a whole batch. */
export const BATCH_TYPE = "00";
const RESULTS: readonly SettlementResult[] = ["not compared", "balanced", "unbalanced", "failed"];

const AMOUNT_DIGITS = 12;
const COUNT_DIGITS = 3;
const TOTALS_DIGITS = 2 * (AMOUNT_DIGITS + COUNT_DIGITS);
const RESULT_DIGITS = 1;
const GROUP_DIGITS = TOTALS_DIGITS + RESULT_DIGITS;

/**
 * 0500: closes a batch with the terminal's totals. The reply's field 48 says whether the bank's are the same
 * ({@link readTotals}). If they are not, the transactions of the batch follow in 0320s, and one that ends them after the
 * last. Wipe it once it is built.
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
    60: BATCH_TYPE + six(batch) + NETWORK_CODE.settlement,
    63: OPERATOR,
  });

/**
 * Field 48 of a settlement.
 * @returns 62 digits: for each group of cards its debits and credits, amount (n12) and count (n3), and the result (n1)
 * @throws SettlementTotalsInvalid for a number that is negative, no integer, or longer
 */
export const writeTotals = (totals: SettlementTotals): SensitiveBytes =>
  new SensitiveBytes(
    new TextEncoder().encode(
      writeGroup(totals.domestic, totals.domesticResult) + writeGroup(totals.foreign, totals.foreignResult),
    ),
  );

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
 * @param of field 48 of a 0500 or 0510, where it has one
 * @throws SettlementTotalsInvalid
 */
export function readTotals(of: SensitiveBytes | undefined): SettlementTotals {
  const field48 = of?.use((bytes) => String.fromCharCode(...bytes)) ?? "";
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
