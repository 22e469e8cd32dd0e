import { type Duplex, PassThrough } from "node:stream";
import { Seconds } from "@swipewire/protocol/time";
import { openBank } from "@swipewire/simulator/bank/bank";
import t, { type Test } from "tap";
import { seededRandom } from "../../seeded-random.ts";
import { SimulatedClock, settle } from "../../simulated-clock.ts";
import {
  acquirer,
  credit,
  debit,
  dialInMemory,
  keyStore,
  logger,
  REPLY_TIMEOUT,
  TMK,
  withoutPin,
  withPin,
} from "./bank-and-acquirer.ts";

/** Bank and terminal in one process, without a network and in simulated time. */
async function joined(t: Test) {
  const clock = new SimulatedClock();
  const bank = openBank({ cards: [debit, credit], tmk: TMK, clock, random: seededRandom(1), logger });
  t.teardown(() => bank.close());
  const keys = await keyStore(t);
  const terminal = acquirer(t, clock, bank, keys);
  await settle();
  return { clock, bank, keys, acquirer: terminal };
}

t.test(
  "a bank in the same process: charges, many under way, a hang-up, a silent bank, the line back again",
  async (t) => {
    const { acquirer, bank, keys, clock } = await joined(t);
    t.ok(acquirer.ready);
    t.match(await acquirer.charge(withPin(keys, 128_00)), { kind: "approved" });
    const replies = await Promise.all(Array.from({ length: 50 }, () => acquirer.charge(withoutPin(1_00))));
    t.ok(replies.every(({ kind }) => kind === "approved"));
    t.equal(bank.books.totalCharged, 128_00 + 50_00);

    const cut = withoutPin(10_67);
    await t.rejects(acquirer.charge(cut), { code: "acquirer_outcome_unknown" });
    t.notOk(acquirer.ready);
    await clock.advance(Seconds(1));
    t.ok(acquirer.ready);
    t.equal(await acquirer.reverse(cut, "purchase", "98"), "undone");

    const silent = withoutPin(10_68);
    const outcome = t.rejects(acquirer.charge(silent), { code: "acquirer_outcome_unknown" });
    await clock.advance(REPLY_TIMEOUT);
    await outcome;
    t.equal(await acquirer.reverse(silent, "purchase", "98"), "undone");
    t.equal(bank.books.totalCharged, 178_00);
    t.same([...acquirer.failures], []);
  },
);

t.test("no connection, or one that takes too long, is tried again", async (t) => {
  const { bank, clock, keys } = await joined(t);
  const dialled: Duplex[] = [];
  const terminal = acquirer(t, clock, bank, keys, {
    dial: () => {
      const line = dialled.length < 2 ? new PassThrough() : dialInMemory(bank)();
      if (dialled.length === 0) queueMicrotask(() => line.destroy(new Error("refused")));
      dialled.push(line);
      return line;
    },
  });
  await settle();
  t.notOk(terminal.ready);
  await clock.advance(Seconds(1));
  t.equal(dialled.length, 2);
  await clock.advance(Seconds(9));
  t.equal(dialled[1]?.destroyed, false);
  await clock.advance(Seconds(4));
  t.ok(dialled[1]?.destroyed);
  t.ok(terminal.ready);
});
