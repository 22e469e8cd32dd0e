import { SettlementTotalsInvalid } from "@swipewire/protocol/errors";
import { NETWORK_CODE, networkCodeOf, type UnionPayMessage } from "@swipewire/protocol/iso8583/unionpay-messages";
import { NO_TOTALS, readTotals, type Totals, writeTotals } from "@swipewire/protocol/iso8583/unionpay-settlement";
import type { Instant } from "@swipewire/protocol/time";
import type { Batch, BatchDifferences, UploadedSlip } from "./batches.ts";
import type { Books, Posted } from "./books.ts";
import { type Answer, amountOf, answer, isComplete, keyOf } from "./posting.ts";

/**
 * Compares a terminal's totals (0500) with the books. All cards are domestic ones here. Balanced, the batch is settled;
 * otherwise its slips are awaited. The answer carries the bank's own totals.
 */
export function settle(request: UnionPayMessage, books: Books, at: Instant): Answer {
  const key = keyOf(request);
  const { terminal, batch } = key;
  const theirs = totalsOf(request);
  if (!theirs) {
    books.note("settlement", key, { amount: 0, responseCode: "30" }, at);
    return answer("30");
  }
  const before = books.batches.get(terminal, batch);
  const totals = before?.state === "settled" ? before.totals : totalsAtBank(books, terminal, batch);
  const balanced = sameTotals(theirs.domestic, totals) && sameTotals(theirs.foreign, NO_TOTALS);
  const result = balanced ? "balanced" : "unbalanced";
  if (before?.state !== "settled") {
    books.batches.put({ terminal, batch, totals, result, state: balanced ? "settled" : "uploading", slips: [] });
  }
  books.note("settlement", key, { amount: totals.debitAmount - totals.creditAmount, responseCode: "00" }, at);
  return answer("00", {
    48: writeTotals({ domestic: totals, domesticResult: result, foreign: NO_TOTALS, foreignResult: "balanced" }),
  });
}

/** Takes one slip of a batch that did not balance, or the end of them (0320). A slip that comes twice counts once. */
export function takeUpload(request: UnionPayMessage, books: Books, at: Instant): Answer {
  const key = keyOf(request);
  const batch = books.batches.get(key.terminal, key.batch);
  const responseCode = batch?.state === "uploading" ? takeSlip(request, batch, books) : repeatedEnd(request, batch);
  books.note("upload", key, { amount: amountOf(request), responseCode }, at);
  return answer(responseCode);
}

/** The end may come again until its answer arrives; slips do not follow it. @returns field 39 */
function repeatedEnd(request: UnionPayMessage, batch: Batch | undefined): string {
  const isEnd = networkCodeOf(request.fields) === NETWORK_CODE.batchUploadEnd;
  const known = batch?.differences && isEnd && Number(request.fields[48]) === batch.slips.length;
  return known ? "00" : "12";
}

/** @returns field 39 */
function takeSlip(request: UnionPayMessage, batch: Batch, books: Books): string {
  const { trace } = keyOf(request);
  switch (networkCodeOf(request.fields)) {
    case NETWORK_CODE.settlement: {
      if (!isComplete(request)) return "30";
      const others = batch.slips.filter((slip) => slip.trace !== trace);
      books.batches.put({ ...batch, slips: [...others, { trace, amount: amountOf(request) }] });
      return "00";
    }
    case NETWORK_CODE.batchUploadEnd:
      if (Number(request.fields[48]) !== batch.slips.length) return "30";
      books.batches.put({ ...batch, state: "settled", differences: differences(batch, standingIn(books, batch)) });
      return "00";
    default:
      return "30";
  }
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

function totalsOf({ fields }: UnionPayMessage) {
  try {
    return readTotals(fields[48] ?? "");
  } catch (error) {
    if (error instanceof SettlementTotalsInvalid) return undefined;
    throw error;
  }
}

const sameTotals = (a: Totals, b: Totals) =>
  a.debitAmount === b.debitAmount &&
  a.debitCount === b.debitCount &&
  a.creditAmount === b.creditAmount &&
  a.creditCount === b.creditCount;
