import { SwipewireError } from "@swipewire/protocol/failure";
import { responseCodes } from "@swipewire/protocol/iso8583/response-codes";
import type { Clock } from "@swipewire/protocol/time";
import type { Acquirer, ChargeRequest, ReversalReason, TransactionReply } from "../acquirer/acquirer.ts";
import {
  AcquirerOutcomeUnknown,
  AcquirerRequestNotSent,
  AcquirerUnreachable,
  PaymentCancelled,
  PaymentFault,
  PaymentInterrupted,
} from "../errors.ts";
import type { KeyStore } from "../keys/key-store.ts";
import type { VoiceChannel } from "../voice/voice-channel.ts";
import type { OpenedCard } from "./opened-card.ts";
import type { PaymentRow } from "./payment-record.ts";
import { startPinConversation } from "./pin-conversation.ts";

/** How an authorisation ended. */
export type Verdict =
  | { readonly kind: "approved"; readonly reply: Extract<TransactionReply, { kind: "approved" }> }
  /** Nothing was charged. `failure` is absent where the bank said no. */
  | { readonly kind: "declined" | "failed" | "cancelled"; readonly cause: string; readonly failure?: unknown }
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
  /** Aborted with the failure that ends it: cancelled, out of time, the gateway stops. */
  readonly stop: AbortController;
  /** Set when the charge can't be held back any more. */
  atBank: boolean;
}

/** Writes a state down; resolves when it is committed. */
export type Enter = (state: "calling" | "collecting" | "charging", cause: string) => Promise<void>;

/**
 * Asks for the PIN where the card has one, then asks the bank. Never throws; the card and the PIN block are overwritten
 * when it resolves, whichever way.
 */
export async function authorise(run: Authorisation, services: AuthorisationServices, enter: Enter): Promise<Verdict> {
  let pin: EnteredPin | undefined;
  try {
    try {
      // Before the payer's phone rings in vain.
      if (!services.acquirer.ready) throw new AcquirerUnreachable();
      if (run.payment.pin) pin = await askPin(run, services, enter);
      run.stop.signal.throwIfAborted();
      run.atBank = true;
      await enter("charging", pin ? "pin_entered" : "card_without_pin");
      run.stop.signal.throwIfAborted();
    } catch (failure) {
      const kind = failure instanceof PaymentCancelled ? "cancelled" : "failed";
      return { kind, cause: codeOf(failure), failure };
    }
    return await charge(run, services.acquirer, pin);
  } finally {
    // Hangs up, where the payer is still on the phone.
    run.stop.abort(new PaymentFault());
    run.card.wipe();
    pin?.pinBlock.fill(0);
  }
}

type EnteredPin = Required<Pick<ChargeRequest, "pinBlock" | "signOns">>;

async function askPin(
  run: Authorisation,
  { acquirer, keys, voice, clock }: AuthorisationServices,
  enter: Enter,
): Promise<EnteredPin> {
  const { phone } = run.payment;
  if (phone === null) throw new PaymentFault({ detail: "no phone number" });
  run.stop.signal.throwIfAborted();
  await enter("calling", "card_with_pin");
  let signOns = 0;
  const conversation = startPinConversation({
    voice,
    clock,
    phone,
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
    if (reply.kind === "approved") return { kind: "approved", reply };
    return { kind: "declined", cause: responseCodes[reply.responseCode]?.reason ?? "card_declined" };
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
export function chargeIdentity({ trace, batch, amount, currency, pin }: PaymentRow) {
  if (trace === null || batch === null) throw new PaymentFault({ detail: "no trace number" });
  return { trace, batch, amount, currency, pin: pin === 1 };
}

/** The code of a failure of ours; `payment_fault` for any other error, whose message is not to be trusted with data. */
export function codeOf(failure: unknown): string {
  return failure instanceof SwipewireError ? failure.code : PaymentFault.code;
}

/** Waits for `promise`, or rejects with the signal's reason. */
export async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const onAbort = () => aborted.reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
