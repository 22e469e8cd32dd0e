import type { TdesKey } from "@swipewire/protocol/crypto/tdes";
import type { UnionPayMessage } from "@swipewire/protocol/iso8583/unionpay-messages";
import type { Instant } from "@swipewire/protocol/time";
import type { RequestFault } from "./amount-rules.ts";
import type { Books, Posted } from "./books.ts";
import { checkCard } from "./card-check.ts";
import { type Answer, type Arrival, amountOf, answer, type Checked, carryOut, isComplete, keyOf } from "./posting.ts";

/** A void takes a whole purchase back, of the same terminal and before its batch was settled. */
export const voidPurchase = (
  request: UnionPayMessage,
  pinKey: TdesKey,
  books: Books,
  arrival: Arrival,
): Answer | RequestFault =>
  carryOut("void", request, books, arrival, () =>
    check(request, pinKey, books, (purchase) => {
      if (books.batches.isClosed(purchase.key.terminal, purchase.key.batch)) return "25";
      if (books.givenBack(purchase.key).length > 0) return "12";
      return amountOf(request) === purchase.amount ? undefined : "13";
    }),
  );

/** A refund gives back all or part of a purchase, any number of times until nothing of it is left. */
export const refund = (
  request: UnionPayMessage,
  pinKey: TdesKey,
  books: Books,
  arrival: Arrival,
): Answer | RequestFault =>
  carryOut("refund", request, books, arrival, () =>
    check(request, pinKey, books, (purchase) => {
      const left = books.givenBack(purchase.key).reduce((rest, { amount }) => rest - amount, purchase.amount);
      if (left === 0) return "12";
      return amountOf(request) <= left ? undefined : "13";
    }),
  );

/** Decides on a reversal (0400). */
export const reverse = (request: UnionPayMessage, books: Books, at: Instant): Answer =>
  answer(isComplete(request) ? books.reverse(keyOf(request), amountOf(request), at) : "30");

/** Entry mode of a request without a card, field 22. */
const WITHOUT_CARD = "012";

function check(
  request: UnionPayMessage,
  pinKey: TdesKey,
  books: Books,
  wrong: (purchase: Posted) => string | undefined,
): Checked {
  const purchase = originalOf(request, books);
  if (!purchase) return { responseCode: "25" };
  const { card: name, key: original } = purchase;
  const found = { original, ...(name !== undefined && { card: name }) };
  if (request.fields[35] || request.fields[22] !== WITHOUT_CARD) {
    const { card, responseCode } = checkCard(request, pinKey, books);
    if (responseCode !== undefined) return { ...found, responseCode };
    if (card?.name !== name) return { ...found, responseCode: "14" };
  }
  const responseCode = wrong(purchase);
  return { ...found, ...(responseCode !== undefined && { responseCode }) };
}

/** The standing purchase that field 61 (batch and trace) and field 37 both name, made at the same terminal. */
function originalOf({ fields }: UnionPayMessage, books: Books): Posted | undefined {
  const { 37: retrievalReference, 41: terminal = "", 61: slip = "" } = fields;
  const posted = books.posted({ terminal, batch: slip.slice(0, 6), trace: slip.slice(6, 12) });
  const right =
    posted?.kind === "purchase" && posted.state === "standing" && posted.retrievalReference === retrievalReference;
  return right ? posted : undefined;
}
