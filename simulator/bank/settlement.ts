import { BatchUploadInvalid, SettlementTotalsInvalid } from "@swipewire/protocol/errors";
import type { SettlementRules } from "@swipewire/protocol/iso8583/settlement-rules";
import { endOfUpload, type ListedSlip, readSlips } from "@swipewire/protocol/iso8583/unionpay-batch-upload";
import { NETWORK_CODE, networkCodeOf, type UnionPayMessage } from "@swipewire/protocol/iso8583/unionpay-messages";
import {
  NO_TOTALS,
  readTotals,
  type SettlementTotals,
  type Totals,
  writeTotals,
} from "@swipewire/protocol/iso8583/unionpay-settlement";
import { transactionOf } from "@swipewire/protocol/iso8583/unionpay-transactions";
import type { Instant } from "@swipewire/protocol/time";
import type { Batch, BatchDifferences, UploadedSlip } from "./batches.ts";
import type { Books, Posted } from "./books.ts";
import { type Answer, amountOf, answer, isComplete, keyOf } from "./posting.ts";

/** How the simulated bank has batches closed. An upload is taken in lists, and in messages of one slip each. */
export interface BankSettlement extends Pick<SettlementRules, "mac" | "endsBalanced"> {
  /** Has the answer to a settlement a field 39, or its results alone? */
  readonly code: boolean;
}

/**
 * Compares a terminal's totals (0500) with the books. All cards are domestic ones here. Balanced, the batch is settled, or
 * its end is awaited; otherwise its slips are. The answer carries the bank's own totals.
 */
export function settle(request: UnionPayMessage, books: Books, at: Instant, rules: BankSettlement): Answer {
  const key = keyOf(request);
  const { terminal, batch } = key;
  const theirs = read(() => readTotals(request.fields[48]));
  if (!theirs) {
    books.note("settlement", key, { amount: 0, responseCode: "30" }, at);
    return answer("30");
  }
  const before = books.batches.get(terminal, batch);
  const closed = books.batches.isClosed(terminal, batch) ? before : undefined;
  const totals = closed?.totals ?? totalsAtBank(books, terminal, batch);
  const result = isBalanced(theirs, totals) ? "balanced" : "unbalanced";
  if (!closed) {
    const state = result === "unbalanced" ? "uploading" : rules.endsBalanced ? "ending" : "settled";
    books.batches.put({ terminal, batch, totals, result, state, slips: before?.slips ?? [] });
  }
  books.note("settlement", key, { amount: totals.debitAmount - totals.creditAmount, responseCode: "00" }, at);
  return answer("00", {
    48: writeTotals({ domestic: totals, domesticResult: result, foreign: NO_TOTALS, foreignResult: "balanced" }),
  });
}

const isBalanced = ({ domestic, foreign }: SettlementTotals, totals: Totals) =>
  sameTotals(domestic, totals) && sameTotals(foreign, NO_TOTALS);

/** Takes slips of a batch that did not balance, or the end of a batch (0320). A slip that comes twice counts once. */
export function takeUpload(request: UnionPayMessage, books: Books, at: Instant): Answer {
  const key = keyOf(request);
  const batch = books.batches.get(key.terminal, key.batch);
  const responseCode = batch ? (read(() => uploadCode(request, batch, books)) ?? "30") : "12";
  books.note("upload", key, { amount: amountOf(request), responseCode }, at);
  return answer(responseCode);
}

/** @returns field 39 @throws BatchUploadInvalid */
function uploadCode(request: UnionPayMessage, batch: Batch, books: Books): string {
  const end = endOfUpload(request);
  if (end) return takeEnd(end, batch, books);
  if (batch.state !== "uploading") return "12";
  const slips = slipsOf(request);
  if (!slips) return "30";
  const known = batch.slips.filter(({ trace }) => !slips.some((slip) => slip.trace === trace));
  books.batches.put({ ...batch, slips: [...known, ...slips] });
  return "00";
}

/** The end may come again until its answer arrives. @returns field 39 */
function takeEnd(end: { count: number; balanced: boolean }, batch: Batch, books: Books): string {
  const fits = end.balanced === (batch.result === "balanced") && end.count === batch.slips.length;
  if (batch.state === "settled") return fits ? "00" : "12";
  if (!fits) return "30";
  const found = end.balanced ? {} : { differences: differences(batch, standingIn(books, batch)) };
  books.batches.put({ ...batch, state: "settled", ...found });
  return "00";
}

/** @returns undefined for what is no slip @throws BatchUploadInvalid */
function slipsOf(request: UnionPayMessage): UploadedSlip[] | undefined {
  const code = networkCodeOf(request.fields);
  if (code === NETWORK_CODE.settlement && request.fields[48]) return readSlips(request.fields[48]).map(listed);
  const asSent = code === NETWORK_CODE.none && transactionOf({ ...request, mti: "0220" }) === "refund";
  if (!isComplete(request) || !(asSent || code === NETWORK_CODE.settlement)) return undefined;
  return [{ trace: keyOf(request).trace, amount: amountOf(request) }];
}

function listed({ trace, amount, cardNumber }: ListedSlip): UploadedSlip {
  cardNumber?.wipe();
  return { trace: String(trace).padStart(6, "0"), amount };
}

function differences({ slips }: Batch, posted: readonly Posted[]): BatchDifferences {
  const atBank = (slip: UploadedSlip) => posted.find(({ key }) => key.trace === slip.trace);
  return {
    notAtBank: slips.filter((slip) => !atBank(slip)).map(({ trace }) => trace),
    notAtTerminal: posted.map(({ key }) => key.trace).filter((trace) => !slips.some((slip) => slip.trace === trace)),
    otherAmount: slips
      .filter((slip) => (atBank(slip)?.amount ?? slip.amount) !== slip.amount)
      .map(({ trace }) => trace),
  };
}

const standingIn = (books: Books, { terminal, batch }: Pick<Batch, "terminal" | "batch">): Posted[] =>
  books.standing().filter(({ key }) => key.terminal === terminal && key.batch === batch);

function totalsAtBank(books: Books, terminal: string, batch: string): Totals {
  const posted = standingIn(books, { terminal, batch });
  const sum = (some: Posted[]) => some.reduce((total, { amount }) => total + amount, 0);
  const debits = posted.filter(({ kind }) => kind === "purchase");
  const credits = posted.filter(({ kind }) => kind !== "purchase");
  return {
    debitAmount: sum(debits),
    debitCount: debits.length,
    creditAmount: sum(credits),
    creditCount: credits.length,
  };
}

/** @returns undefined where field 48 cannot be read */
function read<T>(reading: () => T): T | undefined {
  try {
    return reading();
  } catch (error) {
    if (error instanceof SettlementTotalsInvalid || error instanceof BatchUploadInvalid) return undefined;
    throw error;
  }
}

const sameTotals = (a: Totals, b: Totals) =>
  a.debitAmount === b.debitAmount &&
  a.debitCount === b.debitCount &&
  a.creditAmount === b.creditAmount &&
  a.creditCount === b.creditCount;
