import type { LateReply } from "@swipewire/gateway/acquirer/acquirer";
import { type Duration, Seconds } from "@swipewire/protocol/time";
import type { FaultPlan, PlannedFault } from "@swipewire/simulator/bank/amount-rules";
import { openBank } from "@swipewire/simulator/bank/bank";
import t, { type Test } from "tap";
import { seededRandom } from "../../seeded-random.ts";
import { SimulatedClock, settle } from "../../simulated-clock.ts";
import {
  credit,
  dialInMemory,
  keyStore,
  logger,
  REPLY_TIMEOUT,
  speaking,
  suiteDialects,
  TMK,
  withoutPin,
} from "./bank-and-acquirer.ts";

const LONG: Duration = Seconds(3600);

for (const dialect of suiteDialects) {
  t.test(dialect, async (t) => {
    /** A bank with a plan of faults, and what the acquirer says of replies that come too late. */
    async function planned(t: Test, plan?: FaultPlan) {
      const clock = new SimulatedClock();
      const bank = openBank({
        dialect,
        cards: [credit],
        tmk: TMK,
        clock,
        random: seededRandom(1),
        logger,
        ...(plan && { plan }),
      });
      t.teardown(() => bank.close());
      const acquirer = speaking(dialect).acquirer(t, clock, bank, await keyStore(t), {
        dial: dialInMemory(bank),
        idleAfter: LONG,
      });
      const late: LateReply[] = [];
      acquirer.onLateReply((reply) => late.push(reply));
      await settle();
      return { clock, bank, acquirer, late };
    }

    /** One fault for one kind of message. */
    const once = (mti: string, fault: PlannedFault): FaultPlan => {
      let left = 1;
      return (request) => (request.mti === mti && left-- > 0 ? fault : undefined);
    };

    t.test("a late approval is reported once it comes, and undone by one more reversal at the most", async (t) => {
      const { acquirer, bank, clock, late } = await planned(t);
      const charge = withoutPin(10_69);
      const outcome = t.rejects(acquirer.charge(charge), { code: "acquirer_outcome_unknown", reversalReason: "98" });
      await clock.advance(REPLY_TIMEOUT);
      await outcome;
      t.equal(await acquirer.reverse(charge, "purchase", "98"), "undone");
      t.same(late, []);
      await clock.advance(Seconds(30));
      t.same(late, [{ batch: charge.batch, trace: charge.trace, approved: true }]);
      t.equal(bank.books.totalCharged, 0);
    });

    t.test("a late approval after the line was lost and made anew is reported too", async (t) => {
      const { acquirer, clock, late } = await planned(t);
      const charge = withoutPin(10_69);
      const outcome = t.rejects(acquirer.charge(charge), { code: "acquirer_outcome_unknown" });
      await settle();
      await t.rejects(acquirer.charge(withoutPin(10_67)), { code: "acquirer_outcome_unknown" });
      await outcome;
      await clock.advance(Seconds(90));
      t.equal(acquirer.signOns, 2);
      t.same(late, [{ batch: charge.batch, trace: charge.trace, approved: true }]);
    });

    t.test(
      "a charge that was overtaken by its reversal is carried out all the same, reported, and undone",
      async (t) => {
        const { acquirer, bank, clock, late } = await planned(t);
        const charge = withoutPin(10_64);
        const outcome = t.rejects(acquirer.charge(charge), { code: "acquirer_outcome_unknown", reversalReason: "98" });
        await clock.advance(REPLY_TIMEOUT);
        await outcome;
        t.equal(await acquirer.reverse(charge, "purchase", "98"), "unknown");
        t.equal(bank.books.totalCharged, 0);
        await clock.advance(Seconds(15));
        t.equal(bank.books.totalCharged, 10_64);
        t.same(late, [{ batch: charge.batch, trace: charge.trace, approved: true }]);
        t.equal(await acquirer.reverse(charge, "purchase", "98"), "undone");
        t.equal(bank.books.totalCharged, 0);
      },
    );

    t.test("the second copy of a reply that was taken is no late approval", async (t) => {
      const { acquirer, bank, late } = await planned(t);
      const charge = withoutPin(10_62);
      t.match(await acquirer.charge(charge), { kind: "approved" });
      await settle();
      t.equal(acquirer.failures.get("acquirer_reply_unmatched"), 1);
      t.same(late, []);
      t.equal(bank.books.totalCharged, 10_62);
    });

    t.test("another amount under a right MAC: the outcome is unknown, and it is undone", async (t) => {
      const { acquirer, bank } = await planned(t);
      const charge = withoutPin(10_65);
      await t.rejects(acquirer.charge(charge), { code: "acquirer_outcome_unknown", reversalReason: "06" });
      t.equal(await acquirer.reverse(charge, "purchase", "06"), "undone");
      t.equal(bank.books.totalCharged, 0);
    });

    t.test("a late answer to a reversal or a settlement is counted, and nothing follows from it", async (t) => {
      for (const mti of ["0400", "0500"]) {
        const { acquirer, clock, late } = await planned(t, once(mti, { reply: "late" }));
        const charge = withoutPin(1_00);
        await acquirer.charge(charge);
        const asked = (): Promise<unknown> =>
          mti === "0400"
            ? acquirer.reverse(charge, "purchase", "98")
            : acquirer.settle(
                { trace: 900_000, batch: 1, currency: "CNY" },
                { debitAmount: 1_00, debitCount: 1, creditAmount: 0, creditCount: 0 },
              );
        const outcome = t.rejects(asked(), { code: "acquirer_outcome_unknown" });
        await clock.advance(REPLY_TIMEOUT);
        await outcome;
        await clock.advance(Seconds(30));
        t.equal(acquirer.failures.get("acquirer_reply_unmatched"), 1);
        t.ok(await asked(), "the same again is answered");
        t.same(late, []);
      }
    });

    t.test("a plan decides on every message, whatever its amount", async (t) => {
      const seen: unknown[] = [];
      const faults: (PlannedFault | undefined)[] = [
        { request: "lose" },
        { request: "lose" },
        { reply: "none" },
        undefined,
      ];
      const { acquirer, bank, clock } = await planned(t, (request) => {
        seen.push(request);
        return faults.shift();
      });
      const charge = withoutPin(10_00);
      for (const ask of [
        (): Promise<unknown> => acquirer.charge(charge),
        () => acquirer.reverse(charge, "purchase", "98"),
      ]) {
        const outcome = t.rejects(ask(), { code: "acquirer_outcome_unknown" });
        await clock.advance(REPLY_TIMEOUT);
        await outcome;
      }
      t.equal(bank.books.journal.length, 0);
      t.match(await acquirer.charge(withoutPin(10_68)), { kind: "approved" });
      t.match(await acquirer.charge(withoutPin(10_51)), { kind: "declined", responseCode: "51" });
      t.match(seen, [
        { mti: "0200", terminal: "10016919", batch: "000001", amount: 10_00 },
        { mti: "0400", amount: 10_00 },
        { amount: 10_68 },
        { amount: 10_51 },
      ]);
    });
  });
}
