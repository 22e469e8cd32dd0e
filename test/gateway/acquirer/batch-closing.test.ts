import type { Slip } from "@swipewire/gateway/acquirer/acquirer";
import type { PosAcquirerOptions } from "@swipewire/gateway/acquirer/pos-acquirer";
import { FrameReader } from "@swipewire/protocol/iso8583/framing";
import { posCodecs } from "@swipewire/protocol/iso8583/pos-codecs";
import type { UnionPayMessage } from "@swipewire/protocol/iso8583/unionpay-messages";
import type { BankOptions } from "@swipewire/simulator/bank/bank";
import t, { type Test } from "tap";
import { linePair } from "../../line-pair.ts";
import { SimulatedClock } from "../../simulated-clock.ts";
import { identity, keyStore, REPLY_TIMEOUT, speaking, suiteDialects, until, withoutPin } from "./bank-and-acquirer.ts";

const none = { debitAmount: 0, debitCount: 0, creditAmount: 0, creditCount: 0 };
const closing = { trace: 900_001, batch: 1, currency: "CNY" };
const end = { trace: 900_002, batch: 1 };

for (const dialect of suiteDialects) {
  /** A bank and a terminal signed on to it, each with what is its own of how batches are closed. */
  const signedOn = async (
    t: Test,
    ours: PosAcquirerOptions["settlement"] = {},
    theirs: BankOptions["settlement"] = {},
    options: Partial<BankOptions> = {},
  ) => {
    const { bank, acquirer } = speaking(dialect);
    const clock = new SimulatedClock();
    const host = await bank(t, clock, { settlement: theirs, ...options });
    const wire: UnionPayMessage[] = [];
    const dial = () => {
      const [here, there] = linePair();
      for (const end of [here, there]) {
        const reader = new FrameReader();
        end.on("data", (piece) => wire.push(...reader.push(piece).map((bytes) => posCodecs[dialect].parse(bytes))));
      }
      host.serve(there);
      queueMicrotask(() => here.emit("connect"));
      return here;
    };
    const terminal = acquirer(t, clock, host, await keyStore(t), { settlement: ours, dial });
    await until(() => terminal.ready);
    /** MTIs of what went over the line with a MAC, and without. */
    const macs = () => ({
      sealed: wire.filter(({ fields }) => fields[64]).map(({ mti }) => mti),
      bare: wire.filter(({ mti, fields }) => !fields[64] && !mti.startsWith("08")).map(({ mti }) => mti),
    });
    return { clock, bank: host, acquirer: terminal, macs };
  };

  t.test(dialect, async (t) => {
    for (const mac of [false, true]) {
      t.test(`${mac ? "with" : "without"} MACs a batch is closed, uploaded and ended`, async (t) => {
        const rules = { mac, upload: "list", endsBalanced: true } as const;
        const { acquirer, bank, macs } = await signedOn(t, rules, rules);
        const charge = withoutPin(7_00);
        t.match(await acquirer.charge(charge), { kind: "approved" });
        const answer = await acquirer.settle(closing, none);
        t.match(answer, { balanced: false, endAwaited: true, totals: { debitAmount: 7_00, debitCount: 1 } });
        const { batch, trace, amount, currency, pin } = charge;
        const slips: Slip[] = [{ kind: "purchase", batch, trace, amount, currency, pin }];
        for (const part of acquirer.uploadParts(slips)) await acquirer.uploadSlips({ trace: 900_003, batch }, part);
        await acquirer.endUpload(end, { count: 1, balanced: false });
        t.match(bank.books.batches.all, [{ state: "settled", differences: { notAtBank: [], notAtTerminal: [] } }]);
        t.equal(acquirer.failures.size, 0);
        t.equal(bank.failures.size, 0);
        const messages = ["0500", "0510", "0320", "0330", "0320", "0330"];
        t.same(macs(), { sealed: ["0200", "0210", ...(mac ? messages : [])], bare: mac ? [] : messages });
      });
    }

    t.test("a bank that answers by its results alone is understood", async (t) => {
      const rules = { mac: false, endsBalanced: true };
      const { acquirer } = await signedOn(t, rules, { ...rules, code: false });
      t.match(await acquirer.settle(closing, none), { balanced: true });
      await acquirer.endUpload(end, { count: 0, balanced: true });
    });

    t.test("a bank that wants a MAC where none is sent refuses, and nothing is closed", async (t) => {
      const { acquirer, bank } = await signedOn(t, { mac: false }, { mac: true });
      await t.rejects(acquirer.settle(closing, none), { code: "acquirer_request_refused", message: /A0/ });
      t.same(bank.books.batches.all, []);
    });

    t.test("an answer without a MAC is not believed where one is due, nor one whose MAC is wrong", async (t) => {
      for (const [mac, reply] of [
        [true, "wrong-mac"],
        [false, "wrong-mac"],
      ] as const) {
        const plan: BankOptions["plan"] = ({ mti }) => (mti === "0500" ? { reply } : undefined);
        const { acquirer } = await signedOn(t, { mac }, { mac }, { plan });
        await t.rejects(acquirer.settle(closing, none), {
          code: "acquirer_outcome_unknown",
          cause: { code: "acquirer_mac_invalid" },
        });
      }
    });

    t.test("an upload that is not answered is of unknown outcome", async (t) => {
      const plan: BankOptions["plan"] = ({ mti }) => (mti === "0320" ? { reply: "never" } : undefined);
      const { acquirer, clock } = await signedOn(t, {}, {}, { plan });
      await acquirer.settle(closing, { ...none, debitCount: 1 });
      const outcome = t.rejects(acquirer.endUpload(end, { count: 0, balanced: false }), {
        code: "acquirer_outcome_unknown",
      });
      await clock.advance(REPLY_TIMEOUT);
      await outcome;
    });

    t.test("slips go up in the form that the bank wants, each of them once", async (t) => {
      const slip = (kind: Slip["kind"]): Slip => ({ kind, ...identity(1_00) });
      const slips = [
        ...Array.from({ length: 9 }, () => slip("purchase")),
        slip("refund"),
        slip("purchase void"),
        slip("refund"),
      ];
      const lists = (await signedOn(t, { upload: "list" })).acquirer.uploadParts(slips);
      t.same(
        lists.map(({ slips, ownTrace }) => [ownTrace, slips.length, ...new Set(slips.map(({ kind }) => kind))]),
        [
          [true, 8, "purchase"],
          [true, 2, "purchase", "purchase void"],
          [false, 1, "refund"],
          [false, 1, "refund"],
        ],
      );
      const single = (await signedOn(t, { upload: "single" })).acquirer.uploadParts(slips);
      t.same(
        single,
        slips.map((slip) => ({ slips: [slip], ownTrace: false })),
      );
      for (const parts of [lists, single]) {
        t.same(new Set(parts.flatMap((part) => part.slips)), new Set(slips));
      }
    });
  });
}
