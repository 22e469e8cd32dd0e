import { cardFacts } from "@swipewire/protocol/card/card-facts";
import { schemeOf } from "@swipewire/protocol/card/scheme";
import { type Swipe, wipeSwipe } from "@swipewire/protocol/card/swipe";
import type { SealContext } from "@swipewire/protocol/envelope/seal";
import { EnvelopeKeyUnknown } from "@swipewire/protocol/errors";
import type { SwipewireError } from "@swipewire/protocol/failure";
import type { SessionCommand, SessionStep, SessionView } from "@swipewire/protocol/messages/local-session";
import type { ReaderPresence } from "@swipewire/protocol/messages/presence";
import type { LinkBody, OrderView, PaymentProgress } from "@swipewire/protocol/messages/terminal-link";
import { type Random, randomUuid } from "@swipewire/protocol/random";
import { type Clock, type Instant, Seconds, sleep, type Timer } from "@swipewire/protocol/time";
import type { Logger } from "pino";
import {
  SessionCancelled,
  SessionCommandOutOfStep,
  SessionPhoneMissing,
  SessionSealingFailed,
  SessionShutOut,
  SessionSwipeNotExpected,
  SessionTimedOut,
  UplinkNotSent,
  UplinkUnanswered,
} from "../errors.ts";
import { orderRefusal, type Problem, problemOf } from "./gateway-words.ts";
import type { SessionUplink } from "./session-uplink.ts";
import { limits, type SessionEvent, transitions } from "./steps.ts";

const BETWEEN_QUERIES = Seconds(5);
/** A query waits 15 s for its answer: more than a minute of being refused is no broker's moment of weakness. */
const REFUSED_QUERIES = 4;

export type SealSwipe = (swipe: Swipe, context: Omit<SealContext, "terminal">) => Promise<string>;

export interface TerminalSessionOptions {
  readonly uplink: SessionUplink;
  readonly seal: SealSwipe;
  /** The gateway has not the key that a swipe was sealed to: the next one should find another. */
  readonly askForKeys: () => void;
  readonly reader: ReaderPresence;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** All that belongs to one payer. A new one is begun, and the old one wiped and forgotten, on every return to `idle`. */
interface Visit {
  /** Aborted when the payer is gone. */
  readonly over: AbortController;
  order?: OrderView;
  /** In memory until it is sealed. */
  swipe?: Swipe;
  card?: NonNullable<SessionView["card"]>;
  payment?: string;
  /** Aborted when the payer cancels before the gateway has the swipe. */
  readonly withdrawal: AbortController;
  progress?: PaymentProgress;
  /** When the last news of the payment was sent: repeats of older news are no news. */
  newsAt: Instant;
  result?: NonNullable<SessionView["result"]>;
  problem?: Problem;
}

const newVisit = (): Visit => ({ over: new AbortController(), withdrawal: new AbortController(), newsAt: 0 });

/** One terminal's session: what the payer sees and may do, steps 5 to 13 of a payment. */
export class TerminalSession {
  readonly #options: TerminalSessionOptions;
  readonly #listeners = new Set<(view: SessionView) => void>();
  #step: SessionStep = "idle";
  #visit = newVisit();
  #reader: ReaderPresence;
  #limit: Timer | undefined;
  #checking: AbortController | undefined;

  constructor(options: TerminalSessionOptions) {
    this.#options = options;
    this.#reader = options.reader;
  }

  view(): SessionView {
    const { order, card, progress, result, problem } = this.#visit;
    const scheme = card?.maskedPan === undefined ? undefined : schemeOf(card.maskedPan);
    return {
      step: this.#step,
      reader: this.#reader,
      gateway: this.#options.uplink.withinReach,
      ...(order && { order }),
      ...(card && { card: { ...card, ...(scheme !== undefined && { scheme }) } }),
      ...(progress && { progress }),
      ...(result && { result }),
      ...(problem && { problem }),
    };
  }

  /** @returns a function that ends the listening */
  onChange(listener: (view: SessionView) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * @returns the session right after; what the command set going shows in later views
   * @throws SessionCommandOutOfStep | SessionPhoneMissing
   */
  command(command: SessionCommand): SessionView {
    if (!transitions[this.#step][command.do]) throw new SessionCommandOutOfStep({ detail: `at ${this.#step}` });
    if (command.do === "card" && command.pin && command.phone === undefined) throw new SessionPhoneMissing();
    const visit = this.#visit;
    this.#go(command.do);
    switch (command.do) {
      case "enter-code":
        void this.#find(command.code);
        break;
      case "card":
        void this.#send(visit, command.pin, command.phone);
        break;
      case "cancel":
        visit.withdrawal.abort();
        if (this.#step === "paying" && visit.payment) this.#options.uplink.cancel(visit.payment);
        break;
    }
    return this.view();
  }

  /** Takes over the swipe, to wipe it. */
  swiped(swipe: Swipe): void {
    if (!transitions[this.#step].swiped) {
      wipeSwipe(swipe);
      this.#options.logger.info({ code: SessionSwipeNotExpected.code, step: this.#step }, "swipe thrown away");
      this.#tell(SessionSwipeNotExpected);
      return;
    }
    const { maskedPan, pinByServiceCode } = cardFacts(swipe);
    if (this.#visit.swipe) wipeSwipe(this.#visit.swipe);
    this.#visit.swipe = swipe;
    this.#visit.card = {
      ...(maskedPan !== undefined && { maskedPan }),
      ...(pinByServiceCode !== undefined && { pinByServiceCode }),
    };
    this.#go("swiped");
  }

  /** A card was drawn and could not be read. */
  misread(failure: SwipewireError): void {
    if (this.#go("misread")) this.#tell(failure);
  }

  readerChanged(reader: ReaderPresence): void {
    this.#reader = reader;
    this.#changed();
  }

  /** The gateway came within reach, or went out of it. */
  reachChanged(): void {
    if (this.#options.uplink.withinReach || !this.#go("link-lost")) this.#changed();
  }

  /** News of any payment; of another than this session's, nothing comes. */
  paymentState({ payment, state }: LinkBody<"payment.state">, at: Instant): void {
    if (payment !== this.#visit.payment || at < this.#visit.newsAt) return;
    if (!transitions[this.#step].progressed) return;
    this.#visit.newsAt = at;
    this.#visit.progress = state;
    this.#go("progressed");
  }

  paymentResult(result: LinkBody<"payment.result">): void {
    if (result.payment !== this.#visit.payment || !transitions[this.#step].ended) return;
    const { outcome, reason, amount, currency, approvalCode, orderPayable, maskedPan } = result;
    if (maskedPan !== undefined) this.#visit.card = { ...this.#visit.card, maskedPan };
    this.#visit.result = {
      outcome,
      ...(reason !== undefined && { reason }),
      amount,
      currency,
      ...(approvalCode !== undefined && { approvalCode }),
      orderPayable,
    };
    this.#go("ended");
  }

  /** Wipes what is held and stops. What is under way at the gateway goes on there. */
  close(): void {
    this.#listeners.clear();
    this.#leave();
    this.#limit?.cancel();
    this.#checking?.abort();
  }

  /** @returns whether the step allows the event */
  #go(event: SessionEvent): boolean {
    const next = transitions[this.#step][event];
    if (!next) return false;
    if (next !== this.#step) this.#options.logger.info({ from: this.#step, to: next, event }, "session step");
    if (next !== this.#step) this.#checking?.abort();
    const toCheck = next === "checking" && this.#step !== "checking";
    this.#step = next;
    if (next === "idle") this.#leave();
    delete this.#visit.problem;
    if (next === "result") delete this.#visit.progress;
    this.#limit?.cancel();
    const limit = limits[next];
    if (limit !== undefined) this.#limit = this.#options.clock.after(limit, () => this.#timeout());
    if (toCheck) void this.#check();
    this.#changed();
    return true;
  }

  #timeout(): void {
    const walkedAway = this.#step !== "idle" && this.#step !== "result";
    if (this.#go("timeout") && walkedAway && this.#step === "idle") this.#tell(SessionTimedOut);
  }

  #tell(failure: Pick<SwipewireError, "code" | "text">): void {
    this.#problem(problemOf(failure));
  }

  #problem(problem: Problem): void {
    this.#visit.problem = problem;
    this.#changed();
  }

  #changed(): void {
    const view = this.view();
    for (const listener of this.#listeners) listener(view);
  }

  /** The payer is done or gone: nothing of the visit stays. */
  #leave(): void {
    const { swipe, over, withdrawal } = this.#visit;
    if (swipe) wipeSwipe(swipe);
    this.#visit = newVisit();
    over.abort();
    withdrawal.abort();
  }

  async #find(code: string): Promise<void> {
    const visit = this.#visit;
    const outcome = await this.#options.uplink.find(code, visit.over.signal);
    if (visit.over.signal.aborted) return;
    if (outcome.kind === "found") {
      visit.order = outcome.order;
      this.#go("found");
      return;
    }
    this.#go("not-found");
    this.#problem(outcome.kind === "refused" ? orderRefusal(outcome.code) : problemOf(UplinkUnanswered));
  }

  async #send(visit: Visit, pin: boolean, phone: string | undefined): Promise<void> {
    const { order, swipe } = visit;
    if (!order || !swipe) return;
    const { random, clock, logger, uplink } = this.#options;
    delete visit.swipe;
    const payment = randomUuid(random);
    let sealed: string;
    try {
      sealed = await this.#options.seal(swipe, {
        swipe: randomUuid(random),
        payment,
        order: order.order,
        pin,
        ...(phone !== undefined && { phone }),
        at: clock.now(),
      });
    } catch {
      // The cause may quote what it was given, so only the code is kept.
      logger.error({ code: SessionSealingFailed.code }, SessionSealingFailed.text.what);
      delete visit.card;
      if (!visit.over.signal.aborted && this.#go("unsealed")) this.#tell(SessionSealingFailed);
      return;
    } finally {
      wipeSwipe(swipe);
    }
    visit.payment = payment;
    const outcome = await uplink.submit({ payment, sealed }, visit.withdrawal.signal);
    // By then news may have come, and even the end.
    if (visit.over.signal.aborted) return;
    const cancelled = visit.withdrawal.signal.aborted;
    switch (outcome.kind) {
      case "accepted":
        this.#go("accepted");
        if (cancelled) uplink.cancel(payment);
        break;
      case "refused":
        if (outcome.code === EnvelopeKeyUnknown.code && !cancelled) this.#swipeAgain(visit);
        else this.#end("refused", "failed", outcome.code);
        break;
      case "unsent":
        this.#end("unsent", cancelled ? "cancelled" : "failed", (cancelled ? SessionCancelled : UplinkNotSent).code);
        break;
      case "unanswered":
        if (cancelled) uplink.cancel(payment);
        this.#go("unanswered");
        break;
    }
  }

  /** Nothing was charged; the attempt is over, and the payer's next swipe is another. */
  #swipeAgain(visit: Visit): void {
    this.#options.askForKeys();
    delete visit.card;
    delete visit.payment;
    if (this.#go("key-unknown")) this.#tell(EnvelopeKeyUnknown);
  }

  /** Asks what became of the payment until somebody knows. */
  async #check(): Promise<void> {
    const { uplink, clock } = this.#options;
    const { payment } = this.#visit;
    this.#checking = new AbortController();
    const { signal } = this.#checking;
    let refused = 0;
    while (payment && !signal.aborted) {
      const outcome = await uplink.query(payment, signal);
      if (signal.aborted) return;
      if (outcome.kind === "unknown" && outcome.code === EnvelopeKeyUnknown.code) this.#options.askForKeys();
      refused = outcome.kind === "unanswered" && uplink.refused ? refused + 1 : 0;
      if (outcome.kind === "unknown") this.#end("refused", "failed", outcome.code);
      else if (refused === REFUSED_QUERIES && this.#go("shut-out")) this.#tell(SessionShutOut);
      else await sleep(clock, BETWEEN_QUERIES, signal).catch(() => {});
    }
  }

  /** Ends a payment of which the gateway holds nothing: it was not charged. */
  #end(event: "refused" | "unsent", outcome: "failed" | "cancelled", reason: string): void {
    const { order } = this.#visit;
    if (!order || !transitions[this.#step][event]) return;
    this.#visit.result = {
      outcome,
      reason,
      amount: order.amount,
      currency: order.currency,
      // The gateway's order_* codes say that the order itself is the reason.
      orderPayable: !reason.startsWith("order_") && this.#options.clock.now() < Date.parse(order.payableUntil),
    };
    this.#go(event);
  }
}
