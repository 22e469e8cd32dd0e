import {
  batchListRequest,
  batchUploadEndRequest,
  batchUploadRequest,
  refundUploadRequest,
} from "@swipewire/protocol/iso8583/unionpay-batch-upload";
import { NO_TOTALS, readTotals, settlementRequest, type Totals } from "@swipewire/protocol/iso8583/unionpay-settlement";
import { transactionRequest } from "@swipewire/protocol/iso8583/unionpay-transactions";
import { SensitiveBytes } from "@swipewire/protocol/sensitive-bytes";
import t from "tap";
import { bank, credit, identity, pos, purchase, Terminal, withFields, without } from "./test-terminal.ts";

const closing = (trace: number, totals: Totals, batch = 1) =>
  settlementRequest(pos, { trace, batch, currency: "CNY" }, { domestic: totals, foreign: NO_TOTALS });

/** Two purchases of batch 1, one of them partly refunded. */
async function day(terminal: Terminal) {
  const first = identity(10_00);
  const second = identity(5_00);
  const { fields } = await terminal.ask(purchase("credit", 10_00, undefined, first));
  await terminal.ask(purchase("credit", 5_00, undefined, second));
  const refund = {
    ...identity(4_00),
    ...{ pin: false as const, cardAbsent: true as const },
    retrievalReference: fields[37] ?? "",
    slip: { batch: 1, trace: first.trace, date: fields[13] ?? "" },
  };
  await terminal.ask(transactionRequest(pos, "refund", refund));
  const totals = { debitAmount: 15_00, debitCount: 2, creditAmount: 4_00, creditCount: 1 };
  return { first, second, refund, totals };
}

const end = (trace: number, count: number, balanced = false) =>
  batchUploadEndRequest(pos, { trace, batch: 1 }, { count, balanced });
const six = (trace: number) => String(trace).padStart(6, "0");

t.test("a batch that balances takes nothing more, and is settled with its end", async (t) => {
  const host = await bank(t);
  const terminal = await Terminal.signedOn(t, host);
  const { totals, first } = await day(terminal);
  await terminal.ask(purchase("credit", 7_00, undefined, { ...identity(7_00), batch: 2 }));
  for (const trace of [900, 901]) {
    const { mti, fields } = await terminal.ask(closing(trace, totals));
    t.equal(mti, "0510");
    t.equal(fields[39], "00");
    t.same(readTotals(fields[48]), {
      domestic: totals,
      domesticResult: "balanced",
      foreign: NO_TOTALS,
      foreignResult: "balanced",
    });
  }
  t.match(host.books.batches.all, [{ batch: "000001", state: "ending", result: "balanced" }]);
  t.equal(await terminal.code(purchase("credit", 1_00)), "77");
  t.equal(await terminal.code(end(902, 0)), "30", "as if it had been uploaded");
  t.equal(await terminal.code(end(903, 1, true)), "30", "a slip that never came");
  t.equal(await terminal.code(batchUploadRequest(pos, "purchase", first)), "12", "nobody asked for slips");
  for (const trace of [904, 905]) {
    t.equal(await terminal.code(end(trace, 0, true)), "00");
    t.match(host.books.batches.all, [{ batch: "000001", state: "settled", result: "balanced" }]);
  }
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

t.test("a bank that awaits no end has settled a balanced batch at once", async (t) => {
  const host = await bank(t, undefined, { settlement: { endsBalanced: false } });
  const terminal = await Terminal.signedOn(t, host);
  await terminal.ask(closing(900, NO_TOTALS));
  t.match(host.books.batches.all, [{ state: "settled", result: "balanced" }]);
});

for (const form of ["list", "single"] as const) {
  t.test(`a batch that does not balance is uploaded (${form}), and the bank tells what differs`, async (t) => {
    const host = await bank(t);
    const terminal = await Terminal.signedOn(t, host);
    const { first, second, refund, totals } = await day(terminal);
    const unknown = { ...second, trace: 777 };
    const theirs = { ...totals, debitAmount: 20_00 };
    const { fields } = await terminal.ask(closing(900, theirs));
    t.match(readTotals(fields[48]), { domestic: totals, domesticResult: "unbalanced" });

    const list = (...slips: { trace: number; amount: number }[]) =>
      batchListRequest(
        pos,
        { trace: 950, batch: 1 },
        slips.map(({ trace, amount }) => ({
          ...{ trace, amount, foreign: false },
          cardNumber: SensitiveBytes.copyOf(credit.pan),
        })),
      );
    const changed = { ...first, amount: 11_00 };
    const uploads =
      form === "list"
        ? [list(changed), list(changed, unknown), refundUploadRequest(pos, refund)]
        : [
            batchUploadRequest(pos, "purchase", changed),
            batchUploadRequest(pos, "purchase", changed),
            batchUploadRequest(pos, "refund", refund),
            batchUploadRequest(pos, "purchase", unknown),
          ];
    for (const upload of uploads) t.equal(await terminal.code(upload), "00");
    const whole = batchUploadRequest(pos, "purchase", unknown);
    for (const broken of [
      without(whole, 4),
      withFields(list(unknown), { 48: SensitiveBytes.copyOf(new TextEncoder().encode("02")) }),
      without(list(unknown), 48),
      withFields(refundUploadRequest(pos, refund), { 60: "25000001999" }),
      withFields(whole, { 60: "22000001000" }),
    ]) {
      t.equal(await terminal.code(broken), "30");
    }
    t.equal(await terminal.code(end(901, 4)), "30", "one too many");
    t.equal(await terminal.code(end(901, 3, true)), "30", "as if it had balanced");
    t.match(host.books.batches.all, [{ state: "uploading" }]);
    t.equal(await terminal.code(end(902, 3)), "00");
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
    t.equal(await terminal.code(uploads[0] ?? whole), "12", "after the end");
    t.equal(await terminal.code(end(902, 3)), "00", "the end again");
    t.equal(host.books.totalCharged, 11_00, "an upload charges nothing");
  });
}

t.test("totals that cannot be read settle nothing, nor does an upload that nobody asked for", async (t) => {
  const host = await bank(t);
  const terminal = await Terminal.signedOn(t, host);
  const request = closing(900, NO_TOTALS);
  t.equal(await terminal.code(withFields(request, { 48: SensitiveBytes.copyOf(Uint8Array.of(0x31, 0x32)) })), "30");
  t.equal(await terminal.code(without(request, 48)), "30");
  t.equal(await terminal.code(end(901, 0)), "12");
  t.same(host.books.batches.all, []);
  t.match(await terminal.ask(closing(902, NO_TOTALS)), { fields: { 39: "00" } });
  t.match(host.books.batches.all, [{ result: "balanced" }], "an empty batch balances");
});

t.test("a bank that wants a MAC on its settlements refuses one without, and settles nothing by it", async (t) => {
  const host = await bank(t, undefined, { settlement: { mac: true } });
  const terminal = await Terminal.signedOn(t, host);
  terminal.send(closing(900, NO_TOTALS));
  terminal.sealsBatches = true;
  t.match(await terminal.reply(), { mti: "0510", fields: { 39: "A0" } });
  t.same(host.books.batches.all, []);
  t.equal(await terminal.code(closing(901, NO_TOTALS)), "00");
  t.equal(await terminal.code(end(902, 0, true)), "00");
  t.match(host.books.batches.all, [{ state: "settled" }]);
});

t.test("a bank that wants none answers as it was asked, and takes no MAC that is wrong", async (t) => {
  const host = await bank(t);
  const terminal = await Terminal.signedOn(t, host);
  t.equal(await terminal.code(closing(900, NO_TOTALS)), "00");
  terminal.sealsBatches = true;
  t.equal(await terminal.code(closing(901, NO_TOTALS)), "00");
  const { mac } = terminal;
  terminal.mac = () => new TextEncoder().encode("DEADBEEF");
  terminal.send(closing(902, NO_TOTALS));
  terminal.mac = mac;
  t.match(await terminal.reply(), { mti: "0510", fields: { 39: "A0" } });
});

t.test("a bank may answer a settlement by its results alone", async (t) => {
  const host = await bank(t, undefined, { settlement: { code: false } });
  const terminal = await Terminal.signedOn(t, host);
  const { fields } = await terminal.ask(closing(900, NO_TOTALS));
  t.equal(fields[39], undefined);
  t.match(readTotals(fields[48]), { domesticResult: "balanced" });
  t.equal(await terminal.code(end(901, 0, true)), "00", "an upload's answer has its code");
});
