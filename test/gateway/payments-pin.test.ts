import { startPinConversation } from "@swipewire/gateway/payments/pin-conversation";
import type { SensitiveBytes } from "@swipewire/protocol/sensitive-bytes";
import { type Duration, Seconds } from "@swipewire/protocol/time";
import t from "tap";
import { SimulatedClock, settle } from "../simulated-clock.ts";
import { PHONE, TestVoice } from "./payment-floor.ts";

function conversation() {
  const clock = new SimulatedClock();
  const voice = new TestVoice();
  const stop = new AbortController();
  const seen: { pin?: SensitiveBytes } = {};
  const { answered, pinBlock } = startPinConversation({
    voice,
    clock,
    phone: PHONE,
    signal: stop.signal,
    encrypt: (pin) => {
      seen.pin = pin;
      // In a test the block may be the digits.
      return pin.use((digits) => Uint8Array.from(digits));
    },
  });
  const outcome = pinBlock.then(
    (block) => Buffer.from(block).toString(),
    (failure) => failure.code ?? failure.message,
  );
  return { clock, voice, stop, seen, answered, outcome };
}

/** A script of keys (text) and waits, after the call was answered; what it comes to. */
async function play(...script: (string | Duration)[]) {
  const c = conversation();
  c.voice.answer();
  for (const step of script) {
    if (typeof step === "string") c.voice.type(step);
    else await c.clock.advance(step);
  }
  const result = await Promise.race([c.outcome, settle().then(() => "still open")]);
  if (result !== "still open") {
    t.ok(c.voice.calls[0]?.over || result === "pin_abandoned", "the call is over");
    t.equal(c.clock.pending, 0, "no timer is left");
  }
  return result;
}

t.test("a PIN has 4 to 12 digits and is closed by the hash key, or by silence", async (t) => {
  t.equal(await play("1234#"), "1234");
  t.equal(await play("123456789012#"), "123456789012");
  t.equal(await play("1234", Seconds(4)), "still open");
  t.equal(await play("1234", Seconds(5)), "1234");
  t.equal(await play("1234", Seconds(4), "56", Seconds(5)), "123456");
});

t.test("the star key starts over", async (t) => {
  t.equal(await play("99999*1234#"), "1234");
  t.equal(await play("1234567890123*1234#"), "1234");
  t.equal(await play("*****4321", Seconds(5)), "4321");
});

t.test("a PIN may be malformed twice, not three times", async (t) => {
  t.equal(await play("123#", "#", "1234#"), "1234");
  t.equal(await play("123#", "1234567890123#", "12#"), "pin_malformed");
  t.equal(await play("1234567890123", Seconds(5), "1234#"), "1234", "too long, closed by silence");
});

t.test("a payer who stops typing is not waited for", async (t) => {
  t.equal(await play(Seconds(29)), "still open");
  t.equal(await play(Seconds(30)), "pin_abandoned");
  t.equal(await play("123", Seconds(14)), "still open");
  t.equal(await play("123", Seconds(15)), "pin_abandoned");
  t.equal(await play(...Array.from({ length: 10 }, () => ["*", Seconds(12)]).flat()), "pin_abandoned", "120 s in all");
});

t.test("a call that does not come to a PIN says why", async (t) => {
  for (const [cause, code] of [
    ["busy", "pin_busy"],
    ["no-answer", "pin_no_answer"],
    ["hangup", "pin_no_answer"],
    ["unreachable", "pin_unreachable"],
    ["failed", "pin_unreachable"],
  ] as const) {
    const c = conversation();
    c.voice.end(cause);
    t.equal(await c.outcome, code);
    await t.rejects(c.answered, { code });
    t.equal(c.clock.pending, 0);
  }
  const hungUp = conversation();
  hungUp.voice.answer();
  hungUp.voice.type("1234");
  hungUp.voice.end("hangup");
  t.equal(await hungUp.outcome, "pin_abandoned", "a PIN that was not closed is none");
});

t.test("nobody picks up within 40 seconds", async (t) => {
  const c = conversation();
  await c.clock.advance(Seconds(40));
  t.equal(await c.outcome, "pin_no_answer");
  t.ok(c.voice.calls[0]?.over);
});

t.test("keys before the call is answered, and after it is over, count for nothing", async (t) => {
  const c = conversation();
  c.voice.type("99");
  c.voice.answer();
  c.voice.type("1234#5678#");
  t.equal(await c.outcome, "1234");
});

t.test("whoever stops the payment ends the call", async (t) => {
  const c = conversation();
  c.voice.answer();
  c.voice.type("12");
  c.stop.abort(new Error("stopped"));
  t.equal(await c.outcome, "stopped");
  t.ok(c.voice.calls[0]?.over);
  t.equal(c.clock.pending, 0);
});

t.test("the PIN is overwritten once it is a PIN block", async (t) => {
  const c = conversation();
  c.voice.answer();
  c.voice.type("1234#");
  await c.outcome;
  t.ok(c.seen.pin?.wiped);
});
