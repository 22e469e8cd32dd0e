import { SwipewireError } from "@swipewire/protocol/failure";
import { type ResponseAction, responseCodes } from "@swipewire/protocol/iso8583/response-codes";
import { type Clock, type Instant, Seconds, sleep } from "@swipewire/protocol/time";
import type { Acquirer, Approval, ChargeRequest, ReversalReason } from "../acquirer/acquirer.ts";
import type { BankTransactionKey } from "../acquirer/bank-transactions.ts";
import {
  AcquirerOutcomeUnknown,
  AcquirerRequestNotSent,
  AcquirerUnreachable,
  OrderExpired,
  PaymentCancelled,
  PaymentFault,
  PaymentInterrupted,
  PaymentWithdrawn,
} from "../errors.ts";
import type { KeyStore } from "../keys/key-store.ts";
import type { Prompt, VoiceChannel } from "../voice/voice-channel.ts";
import type { OpenedCard } from "./opened-card.ts";
import type { PaymentRow } from "./payment-record.ts";
import { startPinConversation } from "./pin-conversation.ts";
import { unlessAborted } from "./reversals.ts";

/** How an authorisation ended. */
export type Verdict =
  | { readonly kind: "approved"; readonly approval: Approval }
  /** Nothing was charged. */
  | { readonly kind: "declined"; readonly cause: string; readonly follows: ResponseAction | undefined }
  /** Nothing was charged. */
  | { readonly kind: "failed" | "cancelled"; readonly cause: string; readonly failure: unknown }
  /** Sent, and no answer that can be trusted. */
  | { readonly kind: "unknown"; readonly cause: string; readonly reason: ReversalReason; readonly failure: unknown }
  /** The gateway stops while the bank is being asked: left to whoever recovers. */
  | { readonly kind: "left" };

export interface AuthorisationServices {
  readonly keys: KeyStore;
  readonly acquirer: Acquirer;
  readonly voice: VoiceChannel;
  readonly clock: Clock;
}

/** One card on its way to the bank. */
export interface Authorisation {
  payment: PaymentRow;
  readonly card: OpenedCard;
  /** Of the order. */
  readonly payableUntil: Instant;
  /** Aborted with the failure that ends it: cancelled, out of time, the gateway stops. */
  readonly stop: AbortController;
  /** Set while the charge can't be held back. */
  atBank: boolean;
  /** Set when the bank refused the charge that the payment's trace names. */
  declined: boolean;
}

/** Writes a state down; resolves when it is committed. */
export type Enter = (state: "calling" | "collecting" | "charging", cause: string) => Promise<void>;

/** A wrong PIN may be a slip of the finger; after a second one the payer swipes again. */
const CALLS = 2;
const RETRIES = 1;
/** Long enough for a sign-on, and for most cutovers. */
const RETRY_PAUSE = Seconds(3);

/**
 * Asks for the PIN where the card has one, then asks the bank, and both once more where the bank's answer allows it. Never
 * throws; the card and the PIN block are overwritten when it resolves, whichever way.
 */
export async function authorise(run: Authorisation, services: AuthorisationServices, enter: Enter): Promise<Verdict> {
  const { acquirer, clock } = services;
  let pin: EnteredPin | undefined;
  let cause = run.payment.pin ? "card_with_pin" : "card_without_pin";
  let calls = 0;
  let retries = 0;
  try {
    for (;;) {
      // Before the payer's phone rings in vain.
      if (!acquirer.ready) throw new AcquirerUnreachable();
      if (run.payment.pin && !pin) {
        pin = await askPin(run, services, enter, cause, calls++ === 0 ? "enter-pin" : "wrong-pin");
        cause = "pin_entered";
      }
      run.stop.signal.throwIfAborted();
      run.atBank = true;
      await enter("charging", cause);
      run.declined = false;
      run.stop.signal.throwIfAborted();
      const verdict = await charge(run, acquirer, pin);
      if (verdict.kind !== "declined") return verdict;
      run.declined = true;
      cause = verdict.cause;
      const again = whatFollows(verdict.follows, pin !== undefined);
      if (again === "call" && calls < CALLS && clock.now() < run.payableUntil) {
        pin?.pinBlock.fill(0);
        pin = undefined;
      } else if (again === "retry" && retries++ < RETRIES) {
        await sleep(clock, RETRY_PAUSE, run.stop.signal);
      } else {
        return verdict;
      }
    }
  } catch (failure) {
    const kind = isCancellation(failure) ? "cancelled" : "failed";
    return { kind, cause: codeOf(failure), failure };
  } finally {
    // Hangs up, where the payer is still on the phone.
    run.stop.abort(new PaymentFault());
    run.card.wipe();
    pin?.pinBlock.fill(0);
  }
}

/** A sign-on replaces the key that the PIN block is under, and the PIN is gone. */
function whatFollows(action: ResponseAction | undefined, hasPin: boolean): "call" | "retry" | undefined {
  if (action === "enter-pin-again" && hasPin) return "call";
  if (action === "retry") return "retry";
  return action === "sign-on" && !hasPin ? "retry" : undefined;
}

const isCancellation = (failure: unknown) =>
  failure instanceof PaymentCancelled || failure instanceof PaymentWithdrawn || failure instanceof OrderExpired;

type EnteredPin = Required<Pick<ChargeRequest, "pinBlock" | "signOns">>;

async function askPin(
  run: Authorisation,
  { acquirer, keys, voice, clock }: AuthorisationServices,
  enter: Enter,
  cause: string,
  prompt: Prompt,
): Promise<EnteredPin> {
  const { phone } = run.payment;
  if (phone === null) throw new PaymentFault({ detail: "no phone number" });
  run.stop.signal.throwIfAborted();
  await enter("calling", cause);
  // Not before it is written down that the bank refused the charge.
  run.atBank = false;
  let signOns = 0;
  const conversation = startPinConversation({
    voice,
    clock,
    phone,
    prompt,
    encrypt: (pin) => {
      signOns = acquirer.signOns;
      return keys.encryptPinBlock(pin, run.card.pan);
    },
    signal: run.stop.signal,
  });
  await conversation.answered;
  await enter("collecting", "call_answered");
  return { pinBlock: await conversation.pinBlock, signOns };
}

async function charge(run: Authorisation, acquirer: Acquirer, pin: EnteredPin | undefined): Promise<Verdict> {
  const { payment, card, stop } = run;
  try {
    const identity = chargeIdentity(payment);
    const asked = acquirer.charge({
      ...identity,
      track2: card.track2,
      ...(card.track3 && { track3: card.track3 }),
      ...pin,
    });
    const reply = await unlessAborted(asked, stop.signal);
    if (reply.kind === "approved") return { kind: "approved", approval: reply };
    const meaning = responseCodes[reply.responseCode];
    return { kind: "declined", cause: meaning?.reason ?? "card_declined", follows: meaning?.follows };
  } catch (failure) {
    if (failure instanceof PaymentInterrupted) return { kind: "left" };
    const cause = codeOf(failure);
    if (failure instanceof AcquirerUnreachable || failure instanceof AcquirerRequestNotSent) {
      return { kind: "failed", cause, failure };
    }
    // Whatever else went wrong, the charge may stand.
    const reason = failure instanceof AcquirerOutcomeUnknown ? failure.reversalReason : "98";
    return { kind: "unknown", cause, reason, failure };
  }
}

/** What names the charge to the bank. @throws PaymentFault before the payment has a trace number */
function chargeIdentity(payment: PaymentRow) {
  const { amount, currency, pin } = payment;
  return { ...chargeKey(payment), amount, currency, pin: pin === 1 };
}

/** The number of a payment's last charge. @throws PaymentFault before it has one */
export function chargeKey({ trace, batch }: PaymentRow): BankTransactionKey {
  if (trace === null || batch === null) throw new PaymentFault({ detail: "no trace number" });
  return { trace, batch };
}

/** The code of a failure of ours; `payment_fault` for any other error, whose message is not to be trusted with data. */
export function codeOf(failure: unknown): string {
  return failure instanceof SwipewireError ? failure.code : PaymentFault.code;
}
