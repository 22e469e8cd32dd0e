import {
  batchUploadEndRequest,
  batchUploadRequest,
  NO_TOTALS,
  readTotals,
  settlementRequest,
  type Totals,
} from "@swipewire/protocol/iso8583/unionpay-settlement";
import { transactionRequest } from "@swipewire/protocol/iso8583/unionpay-transactions";
import t from "tap";
import { bank, identity, pos, purchase, Terminal, withFields, without } from "./test-terminal.ts";

const closing = (trace: number, totals: Totals, batch = 1) =>
  settlementRequest(pos, { trace, batch, currency: "CNY" }, { domestic: totals, foreign: NO_TOTALS });

/** Two purchases of batch 1, one of them partly refunded. */
async function day(terminal: Terminal) {
  const first = identity(10_00);
  const second = identity(5_00);
  const { fields } = await terminal.ask(purchase("credit", 10_00, undefined, first));
  await terminal.ask(purchase("credit", 5_00, undefined, second));
  const refund = { ...identity(4_00), pin: false as const, cardAbsent: true as const };
  await terminal.ask(
    transactionRequest(pos, "refund", {
      ...refund,
      retrievalReference: fields[37] ?? "",
      slip: { batch: 1, trace: first.trace, date: fields[13] ?? "" },
    }),
  );
  const totals = { debitAmount: 15_00, debitCount: 2, creditAmount: 4_00, creditCount: 1 };
  return { first, second, refund, totals };
}

t.test("a batch that balances is settled, and takes nothing more", async (t) => {
  const host = await bank(t);
  const terminal = await Terminal.signedOn(t, host);
  const { totals, first } = await day(terminal);
  await terminal.ask(purchase("credit", 7_00, undefined, { ...identity(7_00), batch: 2 }));
  for (const trace of [900, 901]) {
    const { mti, fields } = await terminal.ask(closing(trace, totals));
    t.equal(mti, "0510");
    t.equal(fields[39], "00");
    t.same(readTotals(fields[48] ?? ""), {
      domestic: totals,
      domesticResult: "balanced",
      foreign: NO_TOTALS,
      foreignResult: "balanced",
    });
  }
  t.match(host.books.batches.all, [{ batch: "000001", state: "settled", result: "balanced" }]);
  t.equal(await terminal.code(purchase("credit", 1_00)), "77");
  t.equal(await terminal.code(purchase("credit", 10_00, undefined, first)), "00", "a repeat of what is in it");
  t.equal(await terminal.code(purchase("credit", 1_00, undefined, { ...identity(1_00), batch: 2 })), "00");
  t.equal(host.books.totalCharged, 11_00 + 7_00 + 1_00);
});

t.test("what was settled can be refunded and not voided", async (t) => {
  const host = await bank(t);
  const terminal = await Terminal.signedOn(t, host);
  const as = identity(10_00);
  const { fields } = await terminal.ask(purchase("credit", 10_00, undefined, as));
  await terminal.ask(closing(900, { debitAmount: 10_00, debitCount: 1, creditAmount: 0, creditCount: 0 }));
  const original = {
    retrievalReference: fields[37] ?? "",
    slip: { batch: 1, trace: as.trace, date: fields[13] ?? "" },
  };
  const next = () => ({ ...identity(10_00), batch: 2, pin: false as const, cardAbsent: true as const, ...original });
  t.equal(await terminal.code(transactionRequest(pos, "purchase void", next())), "25");
  t.equal(await terminal.code(transactionRequest(pos, "refund", next())), "00");
  t.equal(host.books.totalCharged, 0);
});

t.test("a batch that does not balance is uploaded, and the bank tells what differs", async (t) => {
  const host = await bank(t);
  const terminal = await Terminal.signedOn(t, host);
  const { first, second, refund, totals } = await day(terminal);
  const theirs = { ...totals, debitAmount: 20_00 };
  const { fields } = await terminal.ask(closing(900, theirs));
  t.match(readTotals(fields[48] ?? ""), { domestic: totals, domesticResult: "unbalanced" });

  t.equal(await terminal.code(batchUploadRequest(pos, "purchase", { ...first, amount: 11_00 })), "00");
  t.equal(await terminal.code(batchUploadRequest(pos, "purchase", { ...first, amount: 11_00 })), "00", "twice");
  t.equal(await terminal.code(batchUploadRequest(pos, "refund", refund)), "00");
  const unknown = { ...second, trace: 777 };
  t.equal(await terminal.code(batchUploadRequest(pos, "purchase", unknown)), "00");
  t.equal(await terminal.code(without(batchUploadRequest(pos, "purchase", unknown), 4)), "30");
  t.equal(await terminal.code(batchUploadEndRequest(pos, { trace: 901, batch: 1 }, 4)), "30", "one too many");
  t.match(host.books.batches.all, [{ state: "uploading" }]);
  t.equal(await terminal.code(batchUploadEndRequest(pos, { trace: 902, batch: 1 }, 3)), "00");
  const six = (trace: number) => String(trace).padStart(6, "0");
  t.match(host.books.batches.all, [
    {
      state: "settled",
      result: "unbalanced",
      differences: {
        notAtBank: [six(777)],
        notAtTerminal: [six(second.trace)],
        otherAmount: [six(first.trace)],
      },
    },
  ]);
  t.equal(await terminal.code(batchUploadRequest(pos, "purchase", first)), "12", "after the end");
  t.equal(await terminal.code(batchUploadEndRequest(pos, { trace: 902, batch: 1 }, 3)), "00", "the end again");
  t.equal(host.books.totalCharged, 11_00, "an upload charges nothing");
});

t.test("totals that cannot be read settle nothing, nor does an upload that nobody asked for", async (t) => {
  const host = await bank(t);
  const terminal = await Terminal.signedOn(t, host);
  const request = closing(900, NO_TOTALS);
  t.equal(await terminal.code(withFields(request, { 48: "123" })), "30");
  t.equal(await terminal.code(without(request, 48)), "30");
  t.equal(await terminal.code(batchUploadEndRequest(pos, { trace: 901, batch: 1 }, 0)), "12");
  t.same(host.books.batches.all, []);
  t.match(await terminal.ask(closing(902, NO_TOTALS)), { fields: { 39: "00" } });
  t.match(host.books.batches.all, [{ state: "settled", result: "balanced" }], "an empty batch balances");
});
