import { AcquirerOutcomeUnknown, AcquirerRequestRefused } from "@swipewire/gateway/errors";
import { reconcile } from "@swipewire/gateway/settlement/reconciliation";
import { Seconds } from "@swipewire/protocol/time";
import t from "tap";
import { logLines, withoutPin } from "./acquirer/bank-and-acquirer.ts";
import { type BankChannel, type BankFloor, openBankFloor } from "./bank-floor.ts";

type Process = Awaited<ReturnType<BankFloor["startProcess"]>>;
const timeZone = "Asia/Shanghai";

/** As each dialect's banks usually close a batch, and as those of the other do. */
const channels: readonly BankChannel[] = [
  { dialect: "unionpay" },
  { dialect: "iso1987" },
  { dialect: "unionpay", settlement: { mac: true, upload: "single", endsBalanced: false } },
  { dialect: "iso1987", settlement: { mac: false, upload: "list", endsBalanced: true } },
];

const settledAtBank = ({ bank }: BankFloor, batch: number) =>
  bank.books.batches.all.find((at) => Number(at.batch) === batch);

/** A purchase that is on the bank's books alone. */
async function bankAlone({ bank }: BankFloor, { line }: Process, amount: number) {
  const reply = await line.charge(withoutPin(amount, { batch: 1, trace: 800_000 }));
  if (reply.kind !== "approved") throw new Error("declined");
  return bank.books.standing().length;
}

const uploads = ({ bank }: BankFloor) => bank.books.journal.filter(({ kind }) => kind === "upload").length;

for (const channel of channels) {
  const { dialect, settlement } = channel;
  const lists = settlement ? settlement.upload === "list" : dialect === "unionpay";
  const name = `${dialect}, ${lists ? "in lists" : "one by one"}`;

  t.test(`${name}: a batch of purchases, a void and a refund balances, and the next one is opened`, async (t) => {
    const floor = await openBankFloor(t, channel);
    const process = await floor.startProcess();
    process.settlements.start();
    const first = await floor.pay(process, 10_00);
    const second = await floor.pay(process, 20_00);
    await floor.refundAndWait(process, first.order);
    await floor.refundAndWait(process, second.order, 5_00);
    await floor.askToSettle(process);
    await floor.untilSettlement(process, 1, "settled");
    t.match(await floor.settlementOf(process, 1), {
      cause: "operator",
      our_debit_amount: 30_00,
      our_debit_count: 2,
      our_credit_amount: 15_00,
      our_credit_count: 2,
      bank_debit_amount: 30_00,
      bank_debit_count: 2,
      bank_credit_amount: 15_00,
      bank_credit_count: 2,
      last_error: null,
    });
    t.match(settledAtBank(floor, 1), { state: "settled", result: "balanced" });
    const third = await floor.pay(process, 7_00);
    t.equal(third.batch, 2);
    const late = await floor.refundAndWait(process, second.order);
    t.same(await floor.storyOf(process, late), ["requested", "refunding", "approved"]);
    await floor.agree(t, process, 7_00);

    await floor.askToSettle(process);
    await floor.untilSettlement(process, 2, "settled");
    t.match(await floor.settlementOf(process, 2), { our_debit_amount: 7_00, our_credit_amount: 15_00 });
  });

  t.test(`${name}: a batch that does not balance is uploaded, and both sides' totals are kept`, async (t) => {
    const floor = await openBankFloor(t, channel);
    const process = await floor.startProcess();
    process.settlements.start();
    const { order } = await floor.pay(process, 10_00);
    await floor.pay(process, 20_00);
    await floor.refundAndWait(process, order, 1_00);
    await bankAlone(floor, process, 3_00);
    await floor.askToSettle(process);
    await floor.untilSettlement(process, 1, "different");
    t.match(await floor.settlementOf(process, 1), {
      our_debit_amount: 30_00,
      our_debit_count: 2,
      bank_debit_amount: 33_00,
      bank_debit_count: 3,
      bank_credit_count: 1,
    });
    const batch = settledAtBank(floor, 1);
    t.match(batch, { state: "settled", result: "unbalanced", differences: { notAtBank: [], otherAmount: [] } });
    t.equal(batch?.slips.length, 3);
    t.same(batch?.differences?.notAtTerminal, ["800000"]);
    t.ok(logLines.some((line) => line.includes("settlement_different")));

    const report = await reconcile(process.store, { timeZone, now: floor.clock.now() });
    t.match(report, { differs: true, difference: 3_00, unfounded: [] });
    t.match(report.batches[0], { batch: 1, state: "different", differs: true, ledger: { debitAmount: 30_00 } });
  });

  for (const asked of ["settle", "uploadSlips", "endUpload"] as const) {
    for (const moment of ["before", "after"] as const) {
      for (const how of ["hang", "lose"] as const) {
        t.test(
          `${name}: ${how === "hang" ? "a gateway that dies" : "an answer lost"} ${moment} ${asked}`,
          async (t) => {
            const floor = await openBankFloor(t, channel);
            let process = await floor.startProcess();
            await floor.pay(process, 10_00);
            await floor.pay(process, 20_00);
            await bankAlone(floor, process, 3_00);
            const first = { moment, asked, how } as const;
            const reached = process.acquirer.interrupt(first);
            process.settlements.start();
            await floor.askToSettle(process);
            await floor.clock.advance(Seconds(15));
            await reached;
            if (how === "hang") {
              await process.crash();
              process = await floor.startProcess();
              process.settlements.start();
            }
            await floor.untilSettlement(process, 1, "different");
            const batch = settledAtBank(floor, 1);
            t.match(batch, {
              state: "settled",
              differences: { notAtBank: [], notAtTerminal: ["800000"], otherAmount: [] },
            });
            t.equal(batch?.slips.length, 2);
            t.match(await floor.settlementOf(process, 1), { our_debit_amount: 30_00, bank_debit_amount: 33_00 });
            t.equal(floor.bank.books.batches.all.length, 1);
          },
        );
      }
    }
  }

  t.test(`${name}: a long batch goes up in parts, and what the bank has of it does not go up again`, async (t) => {
    const floor = await openBankFloor(t, channel);
    const process = await floor.startProcess();
    const orders: string[] = [];
    for (let i = 0; i < 12; i++) orders.push((await floor.pay(process, (i + 1) * 10_00)).order);
    process.settlements.start();
    await floor.refundAndWait(process, orders[0] ?? "");
    await floor.refundAndWait(process, orders[1] ?? "", 5_00);
    await bankAlone(floor, process, 3_00);
    const upload = process.acquirer.uploadSlips;
    const sizes: number[] = [];
    process.acquirer.uploadSlips = async (batch, part) => {
      await upload(batch, part);
      sizes.push(part.slips.length);
      if (sizes.length === 2) throw new AcquirerOutcomeUnknown();
    };
    await floor.askToSettle(process);
    await floor.untilSettlement(process, 1, "different");
    // Twelve purchases and a void, and the refund; the second part came twice.
    const again = lists ? [8, 5, 5, 1] : [1, 1, ...Array.from({ length: 13 }, () => 1)];
    t.same(sizes, again);
    t.equal(uploads(floor), again.length + 1, "and the end");
    const batch = settledAtBank(floor, 1);
    t.equal(batch?.slips.length, 14);
    t.match(batch?.differences, { notAtBank: [], notAtTerminal: ["800000"], otherAmount: [] });
  });

  t.test(`${name}: the end of a balanced batch`, async (t) => {
    const ends = settlement ? settlement.endsBalanced : dialect === "unionpay";
    for (const moment of ["before", "after"] as const) {
      const floor = await openBankFloor(t, channel);
      let process = await floor.startProcess();
      await floor.pay(process, 10_00);
      if (ends) {
        const reached = process.acquirer.interrupt({ moment, asked: "endUpload", how: "hang" });
        process.settlements.start();
        await floor.askToSettle(process);
        await floor.clock.advance(Seconds(15));
        await reached;
        t.match(await floor.settlementOf(process, 1), { state: "ending", balanced: 1 });
        t.equal(settledAtBank(floor, 1)?.state, moment === "before" ? "ending" : "settled");
        await process.crash();
        process = await floor.startProcess();
      } else {
        await floor.askToSettle(process);
      }
      process.settlements.start();
      await floor.untilSettlement(process, 1, "settled");
      t.match(settledAtBank(floor, 1), { state: "settled", result: "balanced", slips: [] });
      t.equal(uploads(floor), ends ? (moment === "before" ? 1 : 2) : 0);
      await floor.agree(t, process, 10_00);
    }
  });
}

t.test("a batch that balanced is settled, also where the bank refuses its end", async (t) => {
  const floor = await openBankFloor(t);
  const process = await floor.startProcess();
  await floor.pay(process, 10_00);
  process.acquirer.endUpload = () => Promise.reject(new AcquirerRequestRefused({ detail: "MTI 0320, field 39 is 12" }));
  process.settlements.start();
  await floor.askToSettle(process);
  await floor.untilSettlement(process, 1, "settled");
  t.ok(logLines.some((line) => line.includes("refuses the end of a balanced batch")));
});

t.test("the end of an upload that the bank refuses is told to it until it takes it", async (t) => {
  const floor = await openBankFloor(t);
  const process = await floor.startProcess();
  await floor.pay(process, 10_00);
  await bankAlone(floor, process, 3_00);
  const { endUpload } = process.acquirer;
  process.acquirer.endUpload = () => Promise.reject(new AcquirerRequestRefused({ detail: "MTI 0320, field 39 is 30" }));
  process.settlements.start();
  await floor.askToSettle(process);
  await floor.clock.advance(Seconds(200));
  t.match(await floor.settlementOf(process, 1), { state: "ending", last_error: "acquirer_request_refused" });
  process.acquirer.endUpload = endUpload;
  await floor.untilSettlement(process, 1, "different");
});
