import type { TdesKey } from "@swipewire/protocol/crypto/tdes";
import type { UnionPayMessage } from "@swipewire/protocol/iso8583/unionpay-messages";
import { transactionOf } from "@swipewire/protocol/iso8583/unionpay-transactions";
import type { Instant } from "@swipewire/protocol/time";
import type { RequestFault } from "./amount-rules.ts";
import type { Books } from "./books.ts";
import { checkCard } from "./card-check.ts";
import { refund, reverse, voidPurchase } from "./giving-back.ts";
import { type Answer, type Arrival, answer, carryOut, keyOf } from "./posting.ts";
import { type BankSettlement, settle, takeUpload } from "./settlement.ts";

/** Decides on a request whose MAC is right. */
export function decide(
  request: UnionPayMessage,
  pinKey: TdesKey,
  books: Books,
  settlement: BankSettlement,
  arrival: Arrival,
): Answer | RequestFault {
  const { at } = arrival;
  switch (request.mti) {
    case "0400":
      return reverse(request, books, at);
    case "0500":
      return settle(request, books, at, settlement);
    case "0320":
      return takeUpload(request, books, at);
  }
  switch (transactionOf(request)) {
    case "purchase":
      return carryOut("purchase", request, books, arrival, () => {
        const { card, responseCode } = checkCard(request, pinKey, books);
        return { ...(card && { card: card.name }), ...(responseCode !== undefined && { responseCode }) };
      });
    case "purchase void":
      return voidPurchase(request, pinKey, books, arrival);
    case "refund":
      return refund(request, pinKey, books, arrival);
    case "balance":
      return balance(request, pinKey, books, at);
    default:
      return answer("40");
  }
}

function balance(request: UnionPayMessage, pinKey: TdesKey, books: Books, at: Instant): Answer {
  const { card, responseCode = "00" } = checkCard(request, pinKey, books);
  books.note("balance", keyOf(request), { amount: 0, responseCode, ...(card && { card: card.name }) }, at);
  if (!card || responseCode !== "00") return answer(responseCode);
  const left = books.balanceOf(card);
  return answer("00", { 54: balanceField(left, request.fields[49] ?? "156") });
}

/** Field 54, ISO 8583-1:1987: account type (unspecified), amount type (available), currency, C or D, amount. */
const balanceField = (amount: number, currency: string) =>
  `0002${currency}${amount < 0 ? "D" : "C"}${String(Math.abs(amount)).padStart(12, "0")}`;
