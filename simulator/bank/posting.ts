import { batchOf, type UnionPayFields, type UnionPayMessage } from "@swipewire/protocol/iso8583/unionpay-messages";
import type { Instant } from "@swipewire/protocol/time";
import { amountRule, type ReplyFault, type RequestFault } from "./amount-rules.ts";
import type { Books, Decision, Posted, PostedKind, TransactionKey } from "./books.ts";

/** What the bank answers, if it does. */
export interface Answer {
  readonly responseCode: string;
  readonly fields: UnionPayFields;
  readonly reply: ReplyFault;
}

export const answer = (responseCode: string, fields: UnionPayFields = {}): Answer => ({
  responseCode,
  fields,
  reply: "none",
});

/** What a check found: field 39 where something is wrong, and what is known besides. */
export type Checked = Omit<Decision, "amount" | "responseCode"> & { readonly responseCode?: string };

/** When a request is decided on, and how it came. */
export interface Arrival {
  readonly at: Instant;
  /** After its reversal, of which the bank has forgotten. */
  readonly held: boolean;
}

/**
 * Carries out what moves money, once: the same request again gets the same answer, and one that was reversed is never
 * carried out.
 * @param check decides on it, apart from what {@link amountRule} says
 */
export function carryOut(
  kind: PostedKind,
  request: UnionPayMessage,
  books: Books,
  { at, held }: Arrival,
  check: () => Checked,
): Answer | RequestFault {
  const key = keyOf(request);
  const amount = amountOf(request);
  const refuse = (responseCode: string): Answer => {
    books.note(kind, key, { amount, responseCode }, at);
    return answer(responseCode);
  };
  if (!isComplete(request)) return refuse("30");
  if (amount === 0) return refuse("13");
  if (held) books.unbar(key);
  if (books.isReversed(key)) return refuse("12");
  const posted = books.posted(key);
  if (posted) return posted.kind === kind && posted.amount === amount ? repeated(posted) : refuse("94");
  if (books.batches.isClosed(key.terminal, key.batch)) return refuse("77");
  if (request.fields[49] !== "156") return refuse("40");
  const { responseCode, ...checked } = check();
  const rule = responseCode === undefined ? amountRule(amount) : ({ kind: "decline", responseCode } as const);
  if (rule.kind === "lose" || (rule.kind === "hold" && !held)) return rule.kind;
  const code = rule.kind === "decline" ? rule.responseCode : "00";
  const done = books.post(kind, key, { ...checked, amount, responseCode: code }, at);
  return { ...repeated(done), reply: rule.kind === "approve" ? rule.reply : "none" };
}

const repeated = ({ responseCode, retrievalReference, approvalCode }: Posted): Answer =>
  answer(responseCode, { 37: retrievalReference, ...(approvalCode !== undefined && { 38: approvalCode }) });

/** Fields without which no transaction can be named, and no reversal either. */
export const isComplete = ({ fields }: UnionPayMessage): boolean =>
  ([4, 11, 41, 42, 60] as const).every((number) => fields[number] !== undefined);

export const amountOf = ({ fields }: UnionPayMessage): number => Number(fields[4] ?? 0);

export const keyOf = (message: UnionPayMessage): TransactionKey => ({
  terminal: message.fields[41] ?? "",
  batch: batchOf(message),
  trace: message.fields[11] ?? "",
});
