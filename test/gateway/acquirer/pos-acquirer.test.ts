import { Socket } from "node:net";
import { SensitiveBytes } from "@swipewire/protocol/sensitive-bytes";
import { Seconds } from "@swipewire/protocol/time";
import t from "tap";
import { SimulatedClock } from "../../simulated-clock.ts";
import {
  ascii,
  identity,
  keyStore,
  logLines,
  REPLY_TIMEOUT,
  secretsIn,
  speaking,
  suiteDialects,
  until,
  withoutPin,
  withPin,
} from "./bank-and-acquirer.ts";

for (const dialect of suiteDialects) {
  t.test(dialect, async (t) => {
    const { bank, acquirer, signedOn } = speaking(dialect);
    t.test("charges a card with its PIN, and one that needs none", async (t) => {
      const { acquirer, bank, keys } = await signedOn(t);
      const charge = withPin(keys, 128_00);
      t.match(await acquirer.charge(charge), {
        kind: "approved",
        approvalCode: /^\d{6}$/,
        retrievalReference: /^\d{12}$/,
      });
      t.equal(charge.track2.wiped, false, "the track stays the caller's");
      t.match(await acquirer.charge(withoutPin(5_00)), { kind: "approved" });
      t.equal(bank.books.charged("debit"), 128_00);
      t.equal(bank.books.charged("credit"), 5_00);
      t.same(acquirer.failures.size, 0);
    });

    t.test(
      "overwrites its copies of track and PIN block while the bank still thinks, and what it sent after",
      async (t) => {
        const { acquirer, keys } = await signedOn(t);
        const charge = withPin(keys, 1_00);
        const copies = t.capture(SensitiveBytes, "copyOf", SensitiveBytes.copyOf);
        const writes = t.capture(Socket.prototype, "write", Socket.prototype.write);
        const charging = acquirer.charge(charge);
        const made = copies();
        t.ok(made.length >= 2 && made.every((call) => "returned" in call && call.returned.wiped));
        await charging;
        const [sent] = writes().map(({ args: [chunk] }) => chunk);
        t.ok(sent instanceof Uint8Array && sent.length > 100 && sent.every((byte) => byte === 0));
      },
    );

    t.test("tells a declined charge by the bank's code, and nothing is charged", async (t) => {
      const { acquirer, bank } = await signedOn(t);
      for (const [amount, responseCode] of [
        [10_05, "05"],
        [10_51, "51"],
        [10_54, "54"],
        [10_61, "61"],
        [10_91, "91"],
        [10_96, "96"],
      ] as const) {
        t.same(await acquirer.charge(withoutPin(amount)), { kind: "declined", responseCode });
      }
      t.equal(bank.books.totalCharged, 0);
    });

    t.test("tells a wrong PIN, and a PIN that was wrong too often", async (t) => {
      const { acquirer, bank, keys } = await signedOn(t);
      const wrong = () => withPin(keys, 1_00, new TextEncoder().encode("654321"));
      t.same(await acquirer.charge(wrong()), { kind: "declined", responseCode: "55" });
      t.match(await acquirer.charge(withPin(keys, 1_00)), { kind: "approved" }, "a right one in between");
      for (let i = 0; i < 3; i++) t.same(await acquirer.charge(wrong()), { kind: "declined", responseCode: "55" });
      t.same(await acquirer.charge(withPin(keys, 1_00)), { kind: "declined", responseCode: "75" });
      t.equal(bank.books.totalCharged, 1_00);
    });

    t.test("gives each of many charges under way its own reply", async (t) => {
      const { acquirer, bank } = await signedOn(t);
      const charges = Array.from({ length: 60 }, (_, i) => withoutPin(i % 3 === 0 ? 10_51 : 100_00 + (i % 3)));
      const replies = await Promise.all(charges.map((charge) => acquirer.charge(charge)));
      t.same(
        replies.map(({ kind }) => kind),
        charges.map(({ amount }) => (amount === 10_51 ? "declined" : "approved")),
      );
      t.equal(bank.books.totalCharged, 20 * (100_01 + 100_02));
    });

    t.test("a bank that charges and never answers: the outcome is unknown, and the reversal undoes it", async (t) => {
      const { acquirer, bank, clock } = await signedOn(t);
      const charge = withoutPin(10_68);
      const outcome = t.rejects(acquirer.charge(charge), { code: "acquirer_outcome_unknown", reversalReason: "98" });
      await until(() => bank.books.charged("credit") === 10_68);
      await clock.advance(REPLY_TIMEOUT);
      await outcome;
      t.ok(acquirer.ready, "one silent charge does not cost the line");
      await acquirer.reverse(charge, "purchase", "98");
      await acquirer.reverse(charge, "purchase", "98");
      t.equal(bank.books.totalCharged, 0);
    });

    t.test(
      "a request that was lost: the reversal is acknowledged, and the request refused should it still come",
      async (t) => {
        const { acquirer, bank, clock } = await signedOn(t);
        const lost = withoutPin(10_63);
        const outcome = t.rejects(acquirer.charge(lost), { code: "acquirer_outcome_unknown", reversalReason: "98" });
        await clock.advance(REPLY_TIMEOUT);
        await outcome;
        await acquirer.reverse(lost, "purchase", "98");
        const { trace, batch } = lost;
        t.same(await acquirer.charge(withoutPin(10_00, { trace, batch })), { kind: "declined", responseCode: "12" });
        t.equal(bank.books.totalCharged, 0);
      },
    );

    t.test("a late answer goes to nobody, and is counted", async (t) => {
      const { acquirer, bank, clock } = await signedOn(t);
      const charge = withoutPin(10_69);
      const outcome = t.rejects(acquirer.charge(charge), { code: "acquirer_outcome_unknown", reversalReason: "98" });
      await until(() => bank.books.totalCharged === 10_69);
      await clock.advance(REPLY_TIMEOUT);
      await outcome;
      await acquirer.reverse(charge, "purchase", "98");
      await clock.advance(Seconds(30));
      await until(() => acquirer.failures.get("acquirer_reply_unmatched") === 1);
      t.match(await acquirer.charge(withoutPin(1_00)), { kind: "approved" });
      t.equal(bank.books.totalCharged, 1_00);
    });

    t.test("a wrong MAC on the answer: the outcome is unknown, and the terminal signs on again", async (t) => {
      const { acquirer, bank } = await signedOn(t);
      const charge = withoutPin(10_66);
      await t.rejects(acquirer.charge(charge), { code: "acquirer_outcome_unknown", reversalReason: "A0" });
      t.equal(acquirer.failures.get("acquirer_mac_invalid"), 1);
      t.notOk(acquirer.ready);
      await t.rejects(acquirer.charge(withoutPin(1_00)), { code: "acquirer_unreachable" });
      await until(() => acquirer.ready);
      await acquirer.reverse(charge, "purchase", "A0");
      t.equal(bank.books.totalCharged, 0);
    });

    t.test("a PIN block under keys that a sign-on has replaced meanwhile is not sent", async (t) => {
      const { acquirer, bank, keys } = await signedOn(t);
      const charge = withPin(keys, 1_00);
      await t.rejects(acquirer.charge(withoutPin(10_66)), { code: "acquirer_outcome_unknown", reversalReason: "A0" });
      await until(() => acquirer.ready);
      t.equal(acquirer.signOns, 2);
      await t.rejects(acquirer.charge(charge), { code: "acquirer_unreachable" });
      t.equal(bank.books.journal.length, 1, "the bank did not hear of it, and counts no wrong PIN");
      t.match(await acquirer.charge({ ...withPin(keys, 1_00), signOns: acquirer.signOns }), { kind: "approved" });
    });

    t.test("keys that another sign-on made stale are replaced", async (t) => {
      const { acquirer: first, bank: host, clock } = await signedOn(t);
      const second = acquirer(t, clock, host.port, await keyStore(t));
      await until(() => second.ready);
      // The bank refuses it under a key this terminal does not have, so not even the refusal can be trusted.
      const charge = withoutPin(1_00);
      await t.rejects(first.charge(charge), { code: "acquirer_outcome_unknown", reversalReason: "A0" });
      t.equal(host.failures.get("bank_mac_invalid"), 1);
      await until(() => first.ready);
      await first.reverse(charge, "purchase", "A0");
      t.match(await first.charge(withoutPin(1_00)), { kind: "approved" });
    });

    t.test(
      "a connection lost after the charge was sent: the outcome is unknown; the line comes back by itself",
      async (t) => {
        const { acquirer, bank, clock } = await signedOn(t);
        const charge = withoutPin(10_67);
        await t.rejects(acquirer.charge(charge), { code: "acquirer_outcome_unknown", reversalReason: "98" });
        await t.rejects(acquirer.reverse(charge, "purchase", "98"), { code: "acquirer_unreachable" });
        await clock.advance(Seconds(1));
        await until(() => acquirer.ready);
        await acquirer.reverse(charge, "purchase", "98");
        t.equal(bank.books.totalCharged, 0);
      },
    );

    t.test("every loss of a line that worked is followed by an early attempt", async (t) => {
      const { acquirer, clock } = await signedOn(t);
      for (let times = 0; times < 3; times++) {
        await t.rejects(acquirer.charge(withoutPin(10_67)), { code: "acquirer_outcome_unknown" });
        await clock.advance(Seconds(0.5));
        await until(() => acquirer.ready);
      }
    });

    t.test("a bank killed between request and reply, and started again with the same books", async (t) => {
      const { acquirer, bank: killed, clock } = await signedOn(t);
      const charge = withoutPin(10_68);
      const outcome = t.rejects(acquirer.charge(charge), { code: "acquirer_outcome_unknown", reversalReason: "98" });
      await until(() => killed.books.totalCharged === 10_68);
      const { port, books } = killed;
      await killed.close();
      await outcome;
      await t.rejects(acquirer.charge(withoutPin(1_00)), { code: "acquirer_unreachable" });
      await clock.advance(Seconds(5));
      t.notOk(acquirer.ready);

      const restarted = await bank(t, clock, { port, books });
      await clock.advance(Seconds(30));
      await until(() => acquirer.ready);
      t.equal(restarted.books.totalCharged, 10_68);
      await acquirer.reverse(charge, "purchase", "98");
      t.equal(restarted.books.totalCharged, 0);
    });

    t.test("a bank that is not there at the start is found when it comes", async (t) => {
      const clock = new SimulatedClock();
      const { port, close } = await freePort();
      const changes: boolean[] = [];
      const terminal = acquirer(t, clock, port, await keyStore(t), { onStatus: ({ ready }) => changes.push(ready) });
      await t.rejects(terminal.charge(withoutPin(1_00)), { code: "acquirer_unreachable" });
      await t.rejects(terminal.reverse(identity(1_00), "purchase", "98"), { code: "acquirer_unreachable" });
      await close();
      const host = await bank(t, clock, { port });
      await clock.advance(Seconds(30));
      await until(() => terminal.ready);
      await host.close();
      await until(() => !terminal.ready);
      t.same(changes, [true, false]);

      async function freePort() {
        const other = await bank(t, clock);
        const free = other.port;
        await other.close();
        return { port: free, close: () => other.close() };
      }
    });

    t.test(
      "the same trace and batch again gets the same answer and is charged once; another amount is a duplicate",
      async (t) => {
        const { acquirer, bank } = await signedOn(t);
        const charge = withoutPin(7_00);
        const first = await acquirer.charge(charge);
        t.same(await acquirer.charge(charge), first);
        t.same(await acquirer.charge({ ...charge, amount: 8_00 }), { kind: "declined", responseCode: "94" });
        t.equal(bank.books.totalCharged, 7_00);
        await acquirer.reverse(charge, "purchase", "06");
        t.same(await acquirer.charge(charge), { kind: "declined", responseCode: "12" }, "what was undone stays undone");
      },
    );

    t.test("a second message with a trace that is under way is not sent", async (t) => {
      const { acquirer, bank, clock } = await signedOn(t);
      const charge = withoutPin(10_68);
      const outcome = t.rejects(acquirer.charge(charge), { code: "acquirer_outcome_unknown" });
      await t.rejects(acquirer.charge(charge), {
        code: "acquirer_request_not_sent",
        cause: { code: "acquirer_trace_in_use" },
      });
      await until(() => bank.books.journal.length === 1);
      await clock.advance(REPLY_TIMEOUT);
      await outcome;
    });

    t.test("a charge that does not fit the bank's messages is not sent, and its copies are overwritten", async (t) => {
      const { acquirer, bank } = await signedOn(t);
      const copies = t.capture(SensitiveBytes, "copyOf", SensitiveBytes.copyOf);
      const tooLong = ascii(`;${"1".repeat(19)}=${"2".repeat(18)}?`);
      for (const [unfit, code] of [
        [{ currency: "USD" }, "currency_unsupported"],
        [{ track2: SensitiveBytes.copyOf(tooLong) }, "iso8583_length_invalid"],
        [{ track3: SensitiveBytes.copyOf(ascii(`;${"1".repeat(105)}?`)) }, "iso8583_length_invalid"],
        [{ pin: true, pinBlock: new Uint8Array(7), signOns: 1 }, "iso8583_length_invalid"],
      ] as const) {
        const charge = withoutPin(1_00, unfit);
        copies();
        await t.rejects(acquirer.charge(charge), { code: "acquirer_request_not_sent", cause: { code } });
        t.ok(copies().every((call) => "returned" in call && call.returned.wiped));
      }
      t.equal(bank.books.journal.length, 0);
    });

    t.test("the bank is asked for an echo when the line is idle", async (t) => {
      const { acquirer, clock, bank: host } = await signedOn(t, { idleAfter: Seconds(60) });
      await clock.advance(Seconds(600));
      t.ok(acquirer.ready);
      t.equal(acquirer.failures.size, 0);
      const { port } = host;
      await host.close();
      await until(() => !acquirer.ready);
      await bank(t, clock, { port });
      await clock.advance(Seconds(5));
      await until(() => acquirer.ready);
    });

    t.test(
      "a batch that the bank has settled is refused, and the sign-on after it says which one is open",
      async (t) => {
        const batches: number[] = [];
        const { acquirer, bank } = await signedOn(t, { onBatch: (batch) => batches.push(batch) });
        const charge = withoutPin(7_00);
        await acquirer.charge(charge);
        const totals = { debitAmount: 7_00, debitCount: 1, creditAmount: 0, creditCount: 0 };
        t.match(await acquirer.settle({ trace: 900_001, batch: 1, currency: "CNY" }, totals), {
          balanced: true,
          totals,
        });
        t.same(batches, []);
        t.same(await acquirer.charge(withoutPin(1_00)), { kind: "declined", responseCode: "77" });
        await until(() => acquirer.ready);
        t.same(batches, [2]);
        t.match(await acquirer.charge(withoutPin(1_00, { batch: 2 })), { kind: "approved" });
        t.equal(bank.books.totalCharged, 8_00);
      },
    );

    t.test("closing ends what is under way with an unknown outcome", async (t) => {
      const { acquirer, bank } = await signedOn(t);
      const outcome = t.rejects(acquirer.charge(withoutPin(10_68)), { code: "acquirer_outcome_unknown" });
      await until(() => bank.books.journal.length === 1);
      await acquirer.close();
      await outcome;
      t.notOk(acquirer.ready);
      await t.rejects(acquirer.charge(withoutPin(1_00)), { code: "acquirer_unreachable" });
    });
  });
}

t.test("no log line of terminal or bank holds a card or a PIN", async (t) => {
  t.ok(logLines.length > 0);
  t.same(secretsIn(logLines.join("")), []);
});
