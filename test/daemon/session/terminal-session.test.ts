import { SessionSwipeNotExpected } from "@swipewire/daemon/errors";
import type {
  FindOutcome,
  QueryOutcome,
  SessionUplink,
  Submission,
  SubmitOutcome,
} from "@swipewire/daemon/session/session-uplink";
import { TerminalSession } from "@swipewire/daemon/session/terminal-session";
import type { ClearSwipe } from "@swipewire/protocol/card/swipe";
import type { SealContext } from "@swipewire/protocol/envelope/seal";
import { ReaderFrameLrc } from "@swipewire/protocol/errors";
import { SessionView } from "@swipewire/protocol/messages/local-session";
import { checker } from "@swipewire/protocol/messages/parse";
import type { OrderView } from "@swipewire/protocol/messages/terminal-link";
import { isoTime, Minutes, Seconds } from "@swipewire/protocol/time";
import t from "tap";
import { seededRandom } from "../../seeded-random.ts";
import { SimulatedClock, settle } from "../../simulated-clock.ts";
import { capturedLog } from "../captured-log.ts";
import { clearSwipe, PAN, PIN_TRACK_2 } from "../test-swipes.ts";

const checkView = checker(SessionView);
const PHONE = "+8613800138000";

/** An uplink whose answers the test gives, one by one. */
class ScriptedUplink implements SessionUplink {
  withinReach = true;
  refused = false;
  readonly finds: { code: string; answer(outcome: FindOutcome): void }[] = [];
  readonly submissions: { submission: Submission; answer(outcome: SubmitOutcome): void }[] = [];
  readonly queries: { payment: string; answer(outcome: QueryOutcome): void }[] = [];
  readonly cancelled: string[] = [];
  /** What an aborted submission comes to. */
  whenWithdrawn: SubmitOutcome = { kind: "unanswered" };

  find(code: string, signal: AbortSignal): Promise<FindOutcome> {
    return new Promise((answer) => {
      signal.addEventListener("abort", () => answer({ kind: "unanswered" }));
      this.finds.push({ code, answer });
    });
  }

  submit(submission: Submission, signal: AbortSignal): Promise<SubmitOutcome> {
    return new Promise((answer) => {
      if (signal.aborted) answer(this.whenWithdrawn);
      signal.addEventListener("abort", () => answer(this.whenWithdrawn));
      this.submissions.push({ submission, answer });
    });
  }

  query(payment: string, signal: AbortSignal): Promise<QueryOutcome> {
    return new Promise((answer) => {
      signal.addEventListener("abort", () => answer({ kind: "unanswered" }));
      this.queries.push({ payment, answer });
    });
  }

  cancel(payment: string): void {
    this.cancelled.push(payment);
  }
}

function begin() {
  const clock = new SimulatedClock();
  const uplink = new ScriptedUplink();
  const log = capturedLog();
  const sealing: { fails: boolean; contexts: Omit<SealContext, "terminal">[] } = { fails: false, contexts: [] };
  const asked = { forKeys: 0 };
  const session = new TerminalSession({
    uplink,
    askForKeys: () => void asked.forKeys++,
    seal: async (_swipe, context) => {
      if (sealing.fails) throw new Error("no such key");
      sealing.contexts.push(context);
      return "a.b.c.d.e";
    },
    reader: { connected: true, family: "ascii", name: "counter" },
    clock,
    random: seededRandom(7),
    logger: log.logger,
  });
  const steps: string[] = ["idle"];
  session.onChange((view) => {
    checkView(view);
    if (view.step !== steps.at(-1)) steps.push(view.step);
  });
  const order: OrderView = {
    order: "0b9a4d0e-7f43-4d0c-9b5e-3f5a7e1c2d3b",
    merchant: "Tea house",
    product: "Two teas",
    amount: 1250,
    currency: "CNY",
    payableUntil: isoTime(clock.now() + Minutes(30)),
  };
  const swipes: ClearSwipe[] = [];

  const at = {
    async confirm() {
      session.command({ do: "enter-code", code: "12345678" });
      uplink.finds.at(-1)?.answer({ kind: "found", order });
      await settle();
    },
    async swipe() {
      await at.confirm();
      session.command({ do: "confirm" });
    },
    async card(track2?: string) {
      await at.swipe();
      swipe(track2);
    },
    async sending() {
      await at.card();
      session.command({ do: "card", pin: true, phone: PHONE });
      await settle();
    },
    async paying() {
      await at.sending();
      uplink.submissions.at(-1)?.answer({ kind: "accepted" });
      await settle();
    },
    async checking() {
      await at.sending();
      uplink.submissions.at(-1)?.answer({ kind: "unanswered" });
      await settle();
    },
  };
  function swipe(track2?: string): ClearSwipe {
    const swiped = clearSwipe(track2);
    swipes.push(swiped);
    session.swiped(swiped);
    return swiped;
  }
  const payment = () => uplink.submissions.at(-1)?.submission.payment ?? "none";
  const result = (outcome: "approved" | "declined", fields = {}) => ({
    payment: payment(),
    order: order.order,
    outcome,
    amount: order.amount,
    currency: order.currency,
    orderPayable: outcome !== "approved",
    ...fields,
  });
  return { session, uplink, clock, log, order, at, swipe, swipes, payment, result, steps, sealing, asked };
}

const wiped = (swipe: ClearSwipe | undefined) => swipe?.tracks.every(({ data }) => data.wiped) ?? false;

t.test("leads a payer from the code to the result", async (t) => {
  const { session, uplink, at, order, payment, result, steps, swipes, sealing } = begin();
  await at.paying();
  t.equal(uplink.finds[0]?.code, "12345678");
  t.same(uplink.submissions[0]?.submission, { payment: payment(), sealed: "a.b.c.d.e" });
  t.match(sealing.contexts, [{ payment: payment(), order: order.order, pin: true, phone: PHONE }]);
  t.ok(wiped(swipes[0]), "the clear swipe is gone once it is sealed");
  session.paymentState({ payment: payment(), state: "calling" }, 1);
  t.equal(session.view().progress, "calling");
  session.paymentResult(result("approved", { approvalCode: "123456", maskedPan: "411111******1111" }));
  t.match(session.view(), {
    step: "result",
    order,
    card: { maskedPan: "411111******1111" },
    result: { outcome: "approved", amount: 1250, currency: "CNY", approvalCode: "123456", orderPayable: false },
  });
  t.notOk("progress" in session.view());
  t.equal(session.command({ do: "finish" }).step, "idle");
  t.strictSame(steps, ["idle", "finding", "confirm", "swipe", "card", "sending", "paying", "result", "idle"]);
  t.strictSame(Object.keys(session.view()).sort(), ["gateway", "reader", "step"], "nothing of the payer stays");
});

t.test("shows the card masked, and what its service code says of a PIN", async (t) => {
  const { session, at, swipe } = begin();
  await at.card(PIN_TRACK_2);
  t.match(session.view().card, { maskedPan: /^622424\*+0069$/, scheme: "UnionPay", pinByServiceCode: true });
  swipe();
  t.match(session.view().card, { maskedPan: /^411111\*+1111$/, scheme: "Visa" });
});

t.test("shows at every step whether reader and gateway are there", async (t) => {
  const { session, uplink, at } = begin();
  session.readerChanged({ connected: false });
  t.strictSame(session.view().reader, { connected: false });
  await at.card();
  uplink.withinReach = false;
  session.reachChanged();
  t.match(session.view(), { step: "card", gateway: false, reader: { connected: false } });
});

t.test("refuses a command that does not belong to the step, and changes nothing", async (t) => {
  const { session, at } = begin();
  for (const command of [{ do: "confirm" }, { do: "cancel" }, { do: "finish" }, { do: "card", pin: false }] as const) {
    t.throws(() => session.command(command), { code: "session_command_out_of_step" }, command.do);
  }
  await at.checking();
  t.throws(() => session.command({ do: "cancel" }), { code: "session_command_out_of_step" });
  t.throws(() => session.command({ do: "enter-code", code: "87654321" }), { code: "session_command_out_of_step" });
  t.equal(session.view().step, "checking");
});

t.test("asks for a phone when the card has a PIN, and keeps the swipe meanwhile", async (t) => {
  const { session, at, swipes, sealing } = begin();
  await at.card();
  t.throws(() => session.command({ do: "card", pin: true }), { code: "session_phone_missing" });
  t.equal(session.view().step, "card");
  t.notOk(wiped(swipes[0]));
  session.command({ do: "card", pin: false });
  await settle();
  t.match(sealing.contexts, [{ pin: false }]);
  t.notOk("phone" in (sealing.contexts[0] ?? {}));
});

t.test("throws away a swipe that was not asked for, wiped, and says so", async (t) => {
  for (const step of ["confirm", "sending", "paying", "checking"] as const) {
    const { session, at, swipe } = begin();
    await at[step]();
    t.ok(wiped(swipe()), step);
    t.equal(session.view().step, step);
    t.equal(session.view().problem?.code, SessionSwipeNotExpected.code, step);
  }
  const { session, swipe } = begin();
  t.ok(wiped(swipe()), "idle");
  t.notOk("card" in session.view());
});

t.test("takes a second swipe in place of the first, which it wipes", async (t) => {
  const { at, swipe, swipes } = begin();
  await at.card();
  const second = swipe();
  t.ok(wiped(swipes[0]));
  t.notOk(wiped(second));
});

t.test("tells of a broken frame by its code, and lets the payer swipe again", async (t) => {
  const { session, at, swipe } = begin();
  await at.swipe();
  session.misread(new ReaderFrameLrc());
  t.equal(session.view().step, "swipe");
  t.equal(session.view().problem?.code, "reader_frame_lrc");
  swipe();
  t.equal(session.view().step, "card");
  t.notOk("problem" in session.view());
  session.misread(new ReaderFrameLrc());
  t.match(session.view(), { step: "card", problem: { code: "reader_frame_lrc" }, card: {} });
});

t.test("tells why an order is not found", async (t) => {
  const { session, uplink } = begin();
  session.command({ do: "enter-code", code: "12345678" });
  uplink.finds[0]?.answer({ kind: "refused", code: "order_code_unknown" });
  await settle();
  t.match(session.view(), { step: "idle", problem: { code: "order_code_unknown" } });
  session.command({ do: "enter-code", code: "12345678" });
  uplink.finds[1]?.answer({ kind: "unanswered" });
  await settle();
  t.match(session.view(), { step: "idle", problem: { code: "uplink_unanswered" } });
});

t.test("an answer that comes after the payer cancelled finds nobody", async (t) => {
  const { session, uplink, order } = begin();
  session.command({ do: "enter-code", code: "12345678" });
  session.command({ do: "cancel" });
  uplink.finds[0]?.answer({ kind: "found", order });
  await settle();
  t.equal(session.view().step, "idle");
});

t.test("forgets a payer who walked away, and wipes the swipe", async (t) => {
  for (const step of ["confirm", "swipe", "card"] as const) {
    const { session, at, clock, swipes } = begin();
    await at[step]();
    await clock.advance(Minutes(step === "card" ? 3 : 2));
    t.match(session.view(), { step: "idle", problem: { code: "session_timed_out" } }, step);
    t.ok(step !== "card" || wiped(swipes[0]));
    await clock.advance(Minutes(1));
    t.notOk("problem" in session.view(), "the next payer is not told of the last one");
  }
  const { session, at, clock, result } = begin();
  await at.paying();
  session.paymentResult(result("declined", { reason: "card_declined" }));
  await clock.advance(Seconds(60));
  t.equal(session.view().step, "idle", "result");
});

t.test("wipes the swipe on cancel and on close", async (t) => {
  const first = begin();
  await first.at.card();
  first.session.command({ do: "cancel" });
  t.ok(wiped(first.swipes[0]));
  const second = begin();
  await second.at.card();
  second.session.close();
  t.ok(wiped(second.swipes[0]));
});

t.test("says not charged only of a submission that never left, or that the gateway refused", async (t) => {
  const unsent = begin();
  await unsent.at.sending();
  unsent.uplink.submissions[0]?.answer({ kind: "unsent" });
  await settle();
  t.match(unsent.session.view(), {
    step: "result",
    result: { outcome: "failed", reason: "uplink_not_sent", orderPayable: true, amount: 1250 },
  });
  const refused = begin();
  await refused.at.sending();
  refused.uplink.submissions[0]?.answer({ kind: "refused", code: "order_being_paid" });
  await settle();
  t.match(refused.session.view().result, { outcome: "failed", reason: "order_being_paid", orderPayable: false });
});

t.test("asks for the gateway's keys and for another swipe when the gateway cannot open this one", async (t) => {
  const { session, uplink, at, swipe, swipes, payment, result, steps, asked } = begin();
  await at.sending();
  const first = payment();
  uplink.submissions[0]?.answer({ kind: "refused", code: "envelope_key_unknown" });
  await settle();
  t.match(session.view(), { step: "swipe", problem: { code: "envelope_key_unknown", text: /Nothing was charged/ } });
  t.notOk("card" in session.view());
  t.equal(asked.forKeys, 1);
  t.ok(swipes.every(wiped));
  swipe();
  session.command({ do: "card", pin: false });
  await settle();
  t.not(payment(), first, "another attempt");
  uplink.submissions[1]?.answer({ kind: "accepted" });
  await settle();
  session.paymentResult(result("approved"));
  t.strictSame(steps.slice(3), ["swipe", "card", "sending", "swipe", "card", "sending", "paying", "result"]);

  const cancelled = begin();
  cancelled.uplink.whenWithdrawn = { kind: "refused", code: "envelope_key_unknown" };
  await cancelled.at.sending();
  cancelled.session.command({ do: "cancel" });
  await settle();
  t.match(cancelled.session.view(), { step: "result", result: { outcome: "failed", reason: "envelope_key_unknown" } });

  const late = begin();
  await late.at.checking();
  late.uplink.queries[0]?.answer({ kind: "unknown", code: "envelope_key_unknown" });
  await settle();
  t.match(late.session.view(), { step: "result", result: { outcome: "failed", orderPayable: true } });
  t.equal(late.asked.forKeys, 1);
});

t.test("asks, and claims nothing, when a submission was sent and nothing came back", async (t) => {
  const { session, uplink, at, clock, payment } = begin();
  await at.checking();
  t.equal(session.view().step, "checking");
  t.equal(uplink.queries.length, 1);
  for (let n = 0; n < 20; n++) {
    uplink.queries.at(-1)?.answer({ kind: "unanswered" });
    await clock.advance(Minutes(5));
    t.match(session.view(), { step: "checking", result: undefined });
  }
  t.equal(uplink.queries.length, 21);
  t.ok(uplink.queries.every((query) => query.payment === payment()));
  uplink.queries.at(-1)?.answer({ kind: "unknown", code: "payment_unknown" });
  await settle();
  t.match(session.view(), { step: "result", result: { outcome: "failed", reason: "payment_unknown" } });
});

t.test(
  "a terminal that is shut out while it checks claims nothing, and lets the payer go after a minute",
  async (t) => {
    const { session, uplink, at, clock } = begin();
    await at.checking();
    const unanswered = async () => {
      uplink.queries.at(-1)?.answer({ kind: "unanswered" });
      await clock.advance(Seconds(5));
    };
    uplink.refused = true;
    for (let n = 0; n < 3; n++) await unanswered();
    uplink.refused = false;
    await unanswered();
    uplink.refused = true;
    for (let n = 0; n < 3; n++) {
      await unanswered();
      t.equal(session.view().step, "checking", "a moment's refusal does not count");
    }
    await unanswered();
    t.match(session.view(), { step: "idle", problem: { code: "session_shut_out", text: /may have been charged/ } });
    t.notOk("result" in session.view());
    t.notOk("card" in session.view());
    const asked = uplink.queries.length;
    await clock.advance(Minutes(5));
    t.equal(uplink.queries.length, asked, "it no longer asks");
  },
);

t.test("goes from checking to what the gateway knows", async (t) => {
  const known = begin();
  await known.at.checking();
  known.session.paymentState({ payment: known.payment(), state: "charging" }, 1);
  known.uplink.queries[0]?.answer({ kind: "answered" });
  await known.clock.advance(Seconds(60));
  t.match(known.session.view(), { step: "paying", progress: "charging" });
  t.equal(known.uplink.queries.length, 1, "it no longer asks");
  const over = begin();
  await over.at.checking();
  over.session.paymentResult(over.result("approved"));
  t.match(over.session.view(), { step: "result", result: { outcome: "approved" } });
});

t.test("checks when the link is lost in mid-payment, and when there is no news for long", async (t) => {
  const lost = begin();
  await lost.at.paying();
  lost.uplink.withinReach = false;
  lost.session.reachChanged();
  t.match(lost.session.view(), { step: "checking", gateway: false });
  t.equal(lost.uplink.queries.length, 1);
  const silent = begin();
  await silent.at.paying();
  await silent.clock.advance(Minutes(4));
  t.equal(silent.session.view().step, "checking");
  silent.session.paymentState({ payment: silent.payment(), state: "collecting" }, 1);
  await silent.clock.advance(Minutes(4));
  t.equal(silent.session.view().step, "checking", "again");
  t.equal(silent.uplink.queries.length, 2, "one at a time");
});

t.test("keeps a result that overtook the acknowledgement", async (t) => {
  const { session, uplink, at, result } = begin();
  await at.sending();
  session.paymentResult(result("approved"));
  uplink.submissions[0]?.answer({ kind: "unanswered" });
  await settle();
  t.match(session.view(), { step: "result", result: { outcome: "approved" } });
  t.equal(uplink.queries.length, 0);
});

t.test("news of another payment, old news and repeated news change nothing", async (t) => {
  const { session, at, payment, result } = begin();
  await at.paying();
  session.paymentState({ payment: payment(), state: "charging" }, 200);
  session.paymentState({ payment: payment(), state: "calling" }, 100);
  t.equal(session.view().progress, "charging");
  session.paymentState({ payment: "4f0c7c1a-0000-4000-8000-000000000000", state: "reversing" }, 300);
  session.paymentResult(result("approved", { payment: "4f0c7c1a-0000-4000-8000-000000000000" }));
  t.match(session.view(), { step: "paying", progress: "charging" });
  session.paymentResult(result("approved"));
  session.paymentResult(result("declined"));
  session.paymentState({ payment: payment(), state: "calling" }, 400);
  t.match(session.view(), { step: "result", result: { outcome: "approved" } });
});

t.test("a payment cancelled before it left was never made; one that left is asked about", async (t) => {
  const unsent = begin();
  unsent.uplink.whenWithdrawn = { kind: "unsent" };
  await unsent.at.sending();
  unsent.session.command({ do: "cancel" });
  await settle();
  t.match(unsent.session.view().result, { outcome: "cancelled", reason: "session_cancelled" });

  const sent = begin();
  await sent.at.sending();
  sent.session.command({ do: "cancel" });
  await settle();
  t.equal(sent.session.view().step, "checking");
  t.strictSame(sent.uplink.cancelled, [sent.payment()]);

  const paying = begin();
  await paying.at.paying();
  paying.session.command({ do: "cancel" });
  t.equal(paying.session.view().step, "paying", "whether it came in time is the gateway's to say");
  t.strictSame(paying.uplink.cancelled, [paying.payment()]);
});

t.test("a swipe that cannot be sealed is wiped, and the payer swipes again", async (t) => {
  const { session, at, swipes, sealing, uplink } = begin();
  sealing.fails = true;
  await at.sending();
  t.match(session.view(), { step: "swipe", card: undefined, problem: { code: "session_sealing_failed" } });
  t.ok(wiped(swipes[0]));
  t.equal(uplink.submissions.length, 0);
});

t.test("logs steps and codes, and nothing of the card or the payer", async (t) => {
  const { at, log, swipe, session, result } = begin();
  await at.paying();
  swipe();
  session.paymentResult(result("approved"));
  t.match(log.text(), /session_swipe_not_expected/);
  t.notMatch(log.text(), PAN);
  t.notMatch(log.text(), "12345678");
  t.notMatch(log.text(), PHONE.slice(1));
});
