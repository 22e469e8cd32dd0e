import Type from "typebox";
import { Amount, Currency, ErrorCode, MaskedPan, PhoneNumber, strict, TransactionCode } from "./fields.ts";
import { ReaderPresence } from "./presence.ts";
import { OrderView, PaymentOutcome, PaymentProgress } from "./terminal-link.ts";

/**
 * Where the terminal's session stands, steps 5 to 13 of the payment:
 * `idle` enter a code; `finding` the gateway is asked; `confirm` is this the order?; `swipe` waiting for a card;
 * `card` is there a PIN, and which phone?; `sending` the sealed swipe is on its way; `paying` the gateway has it, see
 * `progress`; `checking` the link broke after sending and the outcome is being asked for; `result` it is over.
 */
export const SessionStep = Type.Union([
  Type.Literal("idle"),
  Type.Literal("finding"),
  Type.Literal("confirm"),
  Type.Literal("swipe"),
  Type.Literal("card"),
  Type.Literal("sending"),
  Type.Literal("paying"),
  Type.Literal("checking"),
  Type.Literal("result"),
]);
export type SessionStep = Type.Static<typeof SessionStep>;

/** The whole session as the page shows it. Sent on every change; never holds more of a card than its masked PAN. */
export const SessionView = strict({
  step: SessionStep,
  reader: ReaderPresence,
  /** Is the gateway within reach? */
  gateway: Type.Boolean(),
  order: Type.Optional(OrderView),
  card: Type.Optional(
    strict({
      maskedPan: Type.Optional(MaskedPan),
      /** What the first digits of the masked PAN say, for people to see; absent where they do not tell. */
      scheme: Type.Optional(Type.String({ maxLength: 40 })),
      /** What the service code says; absent where the reader's encryption hides it. */
      pinByServiceCode: Type.Optional(Type.Boolean()),
    }),
  ),
  progress: Type.Optional(PaymentProgress),
  result: Type.Optional(
    strict({
      outcome: PaymentOutcome,
      reason: Type.Optional(ErrorCode),
      amount: Amount,
      currency: Currency,
      approvalCode: Type.Optional(Type.String({ maxLength: 6 })),
      orderPayable: Type.Boolean(),
    }),
  ),
  /** The last thing that went wrong in this step, for the payer: a code and its words. */
  problem: Type.Optional(strict({ code: ErrorCode, text: Type.String({ maxLength: 400 }) })),
});
export type SessionView = Type.Static<typeof SessionView>;

/** What the page may ask for. There is no command that carries a card: cards come from readers only. */
export const SessionCommand = Type.Union([
  strict({ do: Type.Literal("enter-code"), code: TransactionCode }),
  strict({ do: Type.Literal("confirm") }),
  strict({ do: Type.Literal("card"), pin: Type.Boolean(), phone: Type.Optional(PhoneNumber) }),
  strict({ do: Type.Literal("cancel") }),
  /** From `result` back to `idle`. */
  strict({ do: Type.Literal("finish") }),
]);
export type SessionCommand = Type.Static<typeof SessionCommand>;
