import { isProgress, type PaymentStateName } from "@swipewire/gateway/payments/states";
import { Seconds } from "@swipewire/protocol/time";
import fc from "fast-check";
import t from "tap";
import { settle } from "../simulated-clock.ts";
import { type BankPlan, disagreements, fillDisk, freeDisk, openPaymentFloor } from "./payment-floor.ts";

t.test("whatever happens in whatever order, nobody is charged twice and all books agree", async (t) => {
  const plan = fc.oneof(
    fc.constantFrom<BankPlan>("approve", "lost", "lost-on-the-way", "unreachable", "not-sent", "hang"),
    fc.constant<BankPlan>({ decline: "51" }),
  );
  const step = fc.oneof(
    fc.record({ do: fc.constant("submit" as const), order: fc.nat(1), pin: fc.boolean(), plan }),
    fc.record({ do: fc.constantFrom("again" as const, "query" as const, "cancel" as const), nth: fc.nat(5) }),
    fc.record({ do: fc.constant("phone" as const), keys: fc.constantFrom("1234#", "12", "1#2#3#", "*1234#") }),
    fc.record({ do: fc.constant("hangup" as const) }),
    fc.record({ do: fc.constant("wait" as const), seconds: fc.nat(130) }),
    fc.record({ do: fc.constant("crash" as const), deafTo: fc.nat(2) }),
    fc.record({ do: fc.constant("stop" as const) }),
    fc.record({ do: fc.constantFrom("disk full" as const, "disk freed" as const) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 14 }), async (steps) => {
      const f = await openPaymentFloor();
      let process: Awaited<ReturnType<typeof f.startProcess>> = f;
      const orders = [await f.placeOrder(), await f.placeOrder()];
      const sent: Awaited<ReturnType<typeof f.submission>>[] = [];
      const restart = async (deafTo: number) => {
        process = await f.startProcess();
        process.bank.deafTo = deafTo;
        await process.payments.recover();
      };
      for (const step of steps) {
        const nth = "nth" in step ? sent[step.nth % Math.max(sent.length, 1)] : undefined;
        if (step.do === "submit") {
          const swipe = await f.submission(orders[step.order]?.order ?? "", { pin: step.pin });
          sent.push(swipe);
          process.bank.plan = step.plan;
          await process.payments.submit(f.kiosk.id, swipe);
        } else if (step.do === "again" && nth) await process.payments.submit(f.kiosk.id, nth);
        else if ((step.do === "query" || step.do === "cancel") && nth) {
          await process.payments[step.do](f.kiosk.id, nth.payment);
        } else if (step.do === "phone") {
          process.voice.answer();
          process.voice.type(step.keys);
        } else if (step.do === "hangup") process.voice.end("hangup");
        else if (step.do === "wait") await f.clock.advance(Seconds(step.seconds));
        else if (step.do === "crash") {
          await process.store.destroy();
          await restart(step.deafTo);
        } else if (step.do === "stop") {
          await process.payments.close();
          await restart(0);
        } else if (step.do === "disk full") await fillDisk(process.store);
        else if (step.do === "disk freed") await freeDisk(process.store);
        if (sent.length % 2 === 0) await settle();
      }
      process.bank.deafTo = 0;
      await freeDisk(process.store);
      await f.clock.advance(Seconds(1_000));
      const wrong = await disagreements(f, process);
      for (const { payment } of sent) {
        const results = new Set(f.storyOf(payment).filter((word) => !isProgress(word as PaymentStateName)));
        if (results.size > 1) wrong.push(`two outcomes told: ${[...results].join(" and ")}`);
      }
      await f.close();
      if (wrong.length > 0) throw new Error(wrong.join("; "));
    }),
    { numRuns: 25, seed: 20261101 },
  );
  t.pass();
});
