import type { SessionView } from "@swipewire/protocol/messages/local-session";
import type { PaymentOutcome } from "@swipewire/protocol/messages/terminal-link";
import { type Clock, type Duration, type Instant, isoTime } from "@swipewire/protocol/time";
import type { TestCard } from "../cards/test-cards.ts";
import { DemoStuck } from "../errors.ts";
import { typingPayer } from "../phone/payer.ts";
import type { Phone } from "../phone/phone.ts";
import type { VirtualReader } from "../readers/virtual-reader.ts";
import { type PrintStep, type StepNumber, stepNames } from "./steps.ts";
import type { System } from "./system.ts";

/** What the payer does. */
export interface Visit {
  readonly card: TestCard;
  /** Minor units. */
  readonly amount: number;
  readonly orderNumber: string;
  /** ASCII digits; absent where the card has no PIN. */
  readonly pin?: Uint8Array;
  /** E.164. */
  readonly phone: string;
  /** From one key of the phone to the next. */
  readonly typing: Duration;
}

export interface PaymentEnd {
  readonly outcome: PaymentOutcome;
  readonly reason?: string;
}

const yuan = (minorUnits: number) => `CNY ${(minorUnits / 100).toFixed(2)}`;

/** Plays one payment from the order to the payer's SMS, and reports each step when it happens. */
export async function pay(
  system: System,
  reader: VirtualReader,
  visit: Visit,
  clock: Clock,
  print: PrintStep,
): Promise<PaymentEnd> {
  const { shop, daemon, transport, phones, gateway } = system;
  const { session } = daemon;
  const phone = phones.phone(visit.phone);
  const start = clock.now();
  const report = (step: StepNumber, what: string, at: Instant = clock.now()) =>
    print({ step, name: stepNames[step], at: isoTime(at), elapsed: at - start, what });

  const order = await shop.placeOrder({
    orderNumber: visit.orderNumber,
    product: "One cup of tea",
    amount: visit.amount,
    currency: "CNY",
  });
  report(1, `the shop posts order ${order.orderNumber}: ${order.product}, ${yuan(order.amount)}`);
  report(2, "the payer chooses to swipe on another device");
  report(3, "not this time: swiping here would need no code");
  const { code } = await shop.transactionCode(order);
  report(4, `the order gets transaction code ${code}`);

  session.command({ do: "enter-code", code });
  report(5, "the payer enters the code on the terminal");
  const confirm = await until(session, "confirm");
  report(
    6,
    `the terminal shows ${confirm.order?.product}, ${yuan(confirm.order?.amount ?? 0)}, ` +
      `reader ${confirm.reader.connected ? "connected" : "not connected"}; the payer confirms`,
  );
  session.command({ do: "confirm" });
  await until(session, "swipe");

  const frame = reader.nextFrame(visit.card);
  transport.deliver(frame);
  const swiped = await until(session, "card");
  const { maskedPan = "not shown", scheme } = swiped.card ?? {};
  report(7, `${reader.family} frame of ${frame.length} bytes, card ${maskedPan}${scheme ? `, ${scheme}` : ""}`);
  frame.fill(0);
  report(8, `${pinByServiceCode(swiped)}; ${visit.pin ? "the payer gives a phone number" : "the payer says no"}`);

  if (visit.pin) phone.script = typingPayer(Uint8Array.of(...visit.pin, 0x23), visit.typing, visit.typing);
  const talk = phoneTalk(phone, clock);
  const told = shop.nextEvent().then((event) => ({ event, at: clock.now() }));
  const taken = watch(session, ({ step }) => step === "paying" || step === "result");
  const charging = chargeSent(session).then((sent) => ({ sent, at: clock.now() }));
  session.command({ do: "card", pin: visit.pin !== undefined, ...(visit.pin && { phone: visit.phone }) });
  await taken;
  report(9, visit.pin ? "sealed, sent over MQTT; the terminal shows: answer your phone" : "sealed, sent over MQTT");
  const result = until(session, "result").then((view) => ({ view, at: clock.now() }));
  if (visit.pin) {
    await Promise.race([talk, result]);
    report(10, phone.state === "ringing" ? "not typed" : "the payer types the PIN on the phone");
  } else report(10, "not needed");
  const { sent, at: sentAt } = await charging;
  report(11, sent ? "the gateway sends the charge to the bank over ISO 8583" : "nothing is sent to the bank", sentAt);

  const { event, at: toldAt } = await told;
  const balance = system.bank.books.totalCharged;
  report(12, `signed webhook: ${event.type}, order ${event.data.status}; the bank holds ${yuan(balance)}`, toldAt);
  const { view, at: resultAt } = await result;
  const { outcome, reason, orderPayable } = view.result ?? stuck("result");
  report(
    13,
    `${outcome}${reason ? ` (${reason})` : ""}${orderPayable ? ", the order is still payable" : ""}`,
    resultAt,
  );
  if (visit.pin) {
    const text = await nextText(phone);
    report(14, `SMS: ${text.text}`, text.at);
  } else report(14, "no phone number, no SMS");
  session.command({ do: "finish" });
  await gateway.ready;
  return { outcome, ...(reason !== undefined && { reason }) };
}

type Session = System["daemon"]["session"];

/** The first view of that step, now or later. @throws DemoStuck when the session falls back to `idle` instead */
function until(session: Session, step: SessionView["step"]): Promise<SessionView> {
  return watch(session, (view) => view.step === step);
}

/** Whether a charge went to the bank, once that is known. */
async function chargeSent(session: Session): Promise<boolean> {
  const isSent = ({ progress }: SessionView) => progress === "charging" || progress === "reversing";
  return isSent(await watch(session, (view) => isSent(view) || view.step === "result"));
}

function watch(session: Session, wanted: (view: SessionView) => boolean): Promise<SessionView> {
  return new Promise((resolve, reject) => {
    const look = (view: SessionView) => {
      const fellBack = view.step === "idle" && view.problem !== undefined;
      if (!wanted(view) && !fellBack) return;
      stop();
      if (fellBack) reject(new DemoStuck({ detail: view.problem?.code ?? "idle" }));
      else resolve(view);
    };
    const stop = session.onChange(look);
    look(session.view());
  });
}

function stuck(detail: string): never {
  throw new DemoStuck({ detail });
}

const pinByServiceCode = ({ card }: SessionView) => {
  if (card?.pinByServiceCode === undefined) return "the reader hides the service code";
  return card.pinByServiceCode ? "the service code says yes" : "the service code says no";
};

/** Resolves when the next call on this phone is over. */
function phoneTalk(phone: Phone, clock: Clock): Promise<Instant> {
  return new Promise((resolve) => {
    let rang = false;
    phone.onChange(() => {
      rang ||= phone.state !== "idle";
      if (rang && phone.state === "idle") resolve(clock.now());
    });
  });
}

/** The last text of the inbox, once there is one more than before. */
function nextText(phone: Phone): Promise<{ text: string; at: Instant }> {
  const read = seen.get(phone) ?? 0;
  return new Promise((resolve) => {
    const look = () => {
      const text = phone.inbox[read];
      if (!text) return;
      seen.set(phone, read + 1);
      resolve(text);
    };
    phone.onChange(look);
    look();
  });
}

/** Texts that were reported, by phone. */
const seen = new WeakMap<Phone, number>();
