import Type from "typebox";
import { Amount, Currency, ErrorCode, MaskedPan, strict, Timestamp, TransactionCode, Uuid } from "./fields.ts";

/** No message on the link is larger, in bytes; a sealed swipe of three full tracks stays under 4,000. */
export const MAX_LINK_MESSAGE = 16_384;

const message = <T extends string, B extends Type.TProperties>(type: T, body: B) =>
  strict({
    v: Type.Literal(1),
    id: Uuid,
    type: Type.Literal(type),
    at: Timestamp,
    /** The receiver refuses it after this moment; the sender repeats it until acknowledged or until then. */
    until: Timestamp,
    body: strict(body),
  });

/** The application's own acknowledgement: the message `of` has been acted on (a PUBACK says nothing of the kind). */
export const Ack = message("ack", { of: Uuid });

// Terminal to gateway.

/** Which order has this code? Answered with `order.found`, or refused. */
export const OrderFind = message("order.find", { code: TransactionCode });

/** `payment` is made up by the terminal and names this attempt for good, so that repeats are harmless. */
export const SwipeSubmit = message("swipe.submit", {
  payment: Uuid,
  /** Compact JWE, see `envelope/`. The order, the PIN question and the phone number are sealed in with the card. */
  sealed: Type.String({ pattern: "^[A-Za-z0-9_-]+(\\.[A-Za-z0-9_-]*){4}$", maxLength: 12_288 }),
});

/**
 * Answered with `payment.state` or `payment.result`. A payment never heard of is answered with `refused`, and from then
 * on that id is refused for good: what the terminal told the payer stays true.
 */
export const PaymentQuery = message("payment.query", { payment: Uuid });

/** The payer gave up. Acknowledged, or refused when it is too late. */
export const PaymentCancel = message("payment.cancel", { payment: Uuid });

const CompactJws = Type.String({ pattern: "^[A-Za-z0-9_-]+(\\.[A-Za-z0-9_-]+){2}$", maxLength: 12_288 });
const CompactJwe = Type.String({ pattern: "^[A-Za-z0-9_-]+(\\.[A-Za-z0-9_-]*){4}$", maxLength: 2_048 });

/** Which keys are swipes to be sealed to? See `envelope/sealing-keys.ts`. */
export const KeysFind = message("keys.find", {
  /** The `kid` of the key that the terminal seals to now. */
  sealsTo: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })),
  /** Of a terminal that has not pinned the gateway's signing key yet. */
  challenge: Type.Optional(CompactJwe),
});

/** Is there a certificate for the terminal, or a newer one? See `envelope/certificates.ts`. */
export const CertificateFind = message("certificate.find", {
  /** Signed by the terminal; without one the gateway says only whether it signs certificates. */
  request: Type.Optional(CompactJws),
});

// Gateway to terminal.

/** An order as the payer sees it. */
export const OrderView = strict({
  order: Uuid,
  merchant: Type.String({ maxLength: 80 }),
  product: Type.String({ maxLength: 200 }),
  amount: Amount,
  currency: Currency,
  payableUntil: Timestamp,
});
export type OrderView = Type.Static<typeof OrderView>;

/** `re` is the id of the message that is answered. */
export const OrderFound = message("order.found", { re: Uuid, order: OrderView });

/** The id of the question, `re`, is signed with the keys. */
export const KeysFound = message("keys.found", {
  re: Uuid,
  statement: Type.String({ pattern: "^[A-Za-z0-9_-]+(\\.[A-Za-z0-9_-]+){2}$", maxLength: 4_096 }),
  /** Answers the challenge. */
  gatewayKey: Type.Optional(CompactJwe),
});

/** The id of the question, `re`, is signed with what is answered. */
export const CertificateFound = message("certificate.found", { re: Uuid, statement: CompactJws });

/** States of a payment in which something is still to happen. */
export const PaymentProgress = Type.Union([
  Type.Literal("accepted"),
  Type.Literal("calling"),
  Type.Literal("collecting"),
  Type.Literal("charging"),
  Type.Literal("reversing"),
]);
export type PaymentProgress = Type.Static<typeof PaymentProgress>;

/** Where a payment stands; a newer one takes the place of an older one. */
export const PaymentState = message("payment.state", { payment: Uuid, state: PaymentProgress });

/** How a payment ended. */
export const PaymentOutcome = Type.Union([
  Type.Literal("approved"),
  /** The bank said no. Not charged. */
  Type.Literal("declined"),
  /** Ended before anything was sent to the bank. Not charged. */
  Type.Literal("failed"),
  /** Cancelled by payer, merchant or expiry. Not charged. */
  Type.Literal("cancelled"),
  /** The bank's answer was not known in time, and the charge has been undone. Not charged. */
  Type.Literal("reversed"),
]);
export type PaymentOutcome = Type.Static<typeof PaymentOutcome>;

/** A payment is over. Repeated until acknowledged, for a day. */
export const PaymentResult = message("payment.result", {
  payment: Uuid,
  order: Uuid,
  outcome: PaymentOutcome,
  /** Why, for anything but approved. */
  reason: Type.Optional(ErrorCode),
  amount: Amount,
  currency: Currency,
  maskedPan: Type.Optional(MaskedPan),
  /** ISO 8583 field 38. */
  approvalCode: Type.Optional(Type.String({ pattern: "^[A-Za-z0-9 ]{1,6}$" })),
  orderPayable: Type.Boolean(),
});

/** The message `re` was understood and refused; a refused `swipe.submit` is refused for good, under any message id. */
export const Refused = message("refused", { re: Uuid, code: ErrorCode });

/** What a terminal publishes to its `up` topic. */
export const UpMessage = Type.Union([
  Ack,
  OrderFind,
  SwipeSubmit,
  PaymentQuery,
  PaymentCancel,
  KeysFind,
  CertificateFind,
]);
export type UpMessage = Type.Static<typeof UpMessage>;

/** What the gateway publishes to a terminal's `down` topic. */
export const DownMessage = Type.Union([
  Ack,
  OrderFound,
  KeysFound,
  CertificateFound,
  PaymentState,
  PaymentResult,
  Refused,
]);
export type DownMessage = Type.Static<typeof DownMessage>;

/** Any message of the terminal link. */
export type LinkMessage = UpMessage | DownMessage;
/** The body of the messages of one type. */
export type LinkBody<T extends LinkMessage["type"]> = Extract<LinkMessage, { type: T }>["body"];
