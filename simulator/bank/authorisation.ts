import { readServiceCode } from "@swipewire/protocol/card/service-code";
import { decodePinBlockFormat0 } from "@swipewire/protocol/crypto/pin-block";
import { decryptEcb, type TdesKey } from "@swipewire/protocol/crypto/tdes";
import { PinBlockMalformed } from "@swipewire/protocol/errors";
import { batchOf, type UnionPayFields, type UnionPayMessage } from "@swipewire/protocol/iso8583/unionpay-messages";
import type { Instant } from "@swipewire/protocol/time";
import { amountRule, type ReplyFault } from "./amount-rules.ts";
import type { BankCard, Books, PostedPurchase, PurchaseKey } from "./books.ts";

/** What the bank answers, if it does. */
export interface Answer {
  readonly responseCode: string;
  readonly fields: UnionPayFields;
  readonly reply: ReplyFault;
}

const SEPARATOR = 0x3d;

/** Decides on a purchase (0200) whose MAC is right. */
export function authorise(request: UnionPayMessage, pinKey: TdesKey, books: Books, at: Instant): Answer | "lost" {
  const key = purchaseKey(request);
  const amount = amountOf(request);
  const refuse = (responseCode: string): Answer => {
    books.note("purchase", key, { amount, responseCode }, at);
    return { responseCode, fields: {}, reply: "none" };
  };
  if (!isComplete(request)) return refuse("30");
  if (amount === 0) return refuse("13");
  if (books.isReversed(key)) return refuse("12");
  const posted = books.purchase(key);
  if (posted) return posted.amount === amount ? repeat(posted) : refuse("94");
  if (!isPurchase(request)) return refuse("40");
  const { card, responseCode } = checkCard(request, pinKey, books);
  const rule = responseCode === undefined ? amountRule(amount) : ({ kind: "decline", responseCode } as const);
  if (rule.kind === "lose") return "lost";
  const decided = { amount, responseCode: rule.kind === "approve" ? "00" : rule.responseCode };
  const purchase = books.post(key, card ? { ...decided, card: card.name } : decided, at);
  return { ...repeat(purchase), reply: rule.kind === "approve" ? rule.reply : "none" };

  /** The same request again gets the same answer. */
  function repeat({ responseCode, retrievalReference, approvalCode }: PostedPurchase): Answer {
    return {
      responseCode,
      fields: { 37: retrievalReference, ...(approvalCode !== undefined && { 38: approvalCode }) },
      reply: "none",
    };
  }
}

/** Decides on a reversal (0400) whose MAC is right. */
export function reverse(request: UnionPayMessage, books: Books, at: Instant): Answer {
  const responseCode = isComplete(request) ? books.reverse(purchaseKey(request), amountOf(request), at) : "30";
  return { responseCode, fields: {}, reply: "none" };
}

/** Fields without which no purchase can be named, and no reversal either. */
const isComplete = ({ fields }: UnionPayMessage) =>
  ([4, 11, 41, 42, 60] as const).every((number) => fields[number] !== undefined);

const amountOf = ({ fields }: UnionPayMessage) => Number(fields[4] ?? 0);

const purchaseKey = (message: UnionPayMessage): PurchaseKey => ({
  terminal: message.fields[41] ?? "",
  batch: batchOf(message),
  trace: message.fields[11] ?? "",
});

const isPurchase = ({ fields }: UnionPayMessage) =>
  fields[3] === "000000" && fields[25] === "00" && fields[49] === "156" && fields[60]?.startsWith("22") === true;

/** @returns the card, where there is one of that number, and field 39 where something is wrong with it */
function checkCard(
  { fields }: UnionPayMessage,
  pinKey: TdesKey,
  books: Books,
): { card?: BankCard; responseCode?: string } {
  const { 22: entryMode, 26: longestPin, 35: track2, 52: pinBlock } = fields;
  if (track2 === undefined || (entryMode === "021") !== (pinBlock !== undefined)) return { responseCode: "30" };
  if ((pinBlock === undefined) !== (longestPin === undefined)) return { responseCode: "30" };
  return track2.use((track) => {
    const separator = track.indexOf(SEPARATOR);
    const pan = track.subarray(0, Math.max(0, separator));
    const card = books.cardOf(pan);
    if (!card) return { responseCode: "14" };
    if (pinBlock === undefined) {
      const serviceCode = track.subarray(separator + 5, separator + 8);
      // ISO/IEC 7813: what the card demands, no terminal can waive.
      const demanded = card.pin !== undefined && readServiceCode(serviceCode)?.pin === "required";
      return demanded ? { card, responseCode: "55" } : { card };
    }
    return {
      card,
      ...checkPin(
        card,
        pan,
        pinBlock.use((block) => decryptEcb(pinKey, block)),
        books,
      ),
    };
  });
}

function checkPin(card: BankCard, pan: Uint8Array, block: Uint8Array, books: Books): { responseCode?: string } {
  try {
    using pin = decodePinBlockFormat0(block, pan);
    const verdict = pin.use((digits) => books.tryPin(card, digits));
    if (verdict === "right") return {};
    return { responseCode: verdict === "blocked" ? "75" : "55" };
  } catch (error) {
    if (error instanceof PinBlockMalformed) return { responseCode: "99" };
    throw error;
  } finally {
    block.fill(0);
  }
}
