import {
  type Original,
  reversalRequest,
  type Transaction,
  transactionRequest,
} from "@swipewire/protocol/iso8583/unionpay-transactions";
import { SensitiveBytes } from "@swipewire/protocol/sensitive-bytes";
import type { Bank } from "@swipewire/simulator/bank/bank";
import t, { type Test } from "tap";
import { bank, identity, pos, purchase, Terminal, TRACK, without } from "./test-terminal.ts";

const ascii = (text: string) => new TextEncoder().encode(text);

type Named = Pick<Original, "retrievalReference" | "slip">;

/** Pays, and tells what a void or refund names it by. */
async function paid(terminal: Terminal, amount: number, batch = 1) {
  const as = { ...identity(amount), batch };
  const { fields } = await terminal.ask(purchase("credit", amount, undefined, as));
  const slip = { batch, trace: as.trace, date: fields[13] ?? "" };
  return { as, original: { retrievalReference: fields[37] ?? "", slip } };
}

const cardless = (amount: number, original: Named) => ({
  ...identity(amount),
  pin: false as const,
  cardAbsent: true as const,
  ...original,
});
const refund = (amount: number, original: Named, more: Partial<Transaction<"refund">> = {}) =>
  transactionRequest(pos, "refund", { ...cardless(amount, original), ...more } as Transaction<"refund">);
const voiding = (amount: number, original: Named) =>
  transactionRequest(pos, "purchase void", cardless(amount, original));

async function terminalOf(t: Test): Promise<{ host: Bank; terminal: Terminal }> {
  const host = await bank(t);
  return { host, terminal: await Terminal.signedOn(t, host) };
}

t.test("a void takes a purchase back whole, once, and its own reversal makes it stand again", async (t) => {
  const { host, terminal } = await terminalOf(t);
  const { original } = await paid(terminal, 10_00);
  t.equal(await terminal.code(voiding(9_00, original)), "13", "a part of it");
  const undo = voiding(10_00, original);
  const first = await terminal.ask(undo);
  t.match(first, { mti: "0210", fields: { 39: "00", 37: /^\d{12}$/ } });
  t.equal(host.books.charged("credit"), 0);
  t.equal((await terminal.ask(undo)).fields[37], first.fields[37], "the same void again");
  t.equal(await terminal.code(voiding(10_00, original)), "12", "another one");
  t.equal(await terminal.code(refund(10_00, original)), "12", "a refund of what was voided");
  t.equal(host.books.totalCharged, 0);

  const trace = Number(undo.fields[11]);
  const as = { trace, batch: 1, amount: 10_00, currency: "CNY", pin: false, cardAbsent: true as const };
  t.equal(await terminal.code(reversalRequest(pos, "purchase void", as, "98")), "00");
  t.equal(host.books.charged("credit"), 10_00);
});

t.test("refunds give back any part, and never more than was paid", async (t) => {
  const { host, terminal } = await terminalOf(t);
  const { as, original } = await paid(terminal, 10_00);
  const other = await paid(terminal, 5_00);
  t.match(await terminal.ask(refund(4_00, original)), { mti: "0230", fields: { 4: "000000000400", 39: "00" } });
  t.equal(host.books.charged("credit"), 11_00);
  t.equal(await terminal.code(refund(6_01, original)), "13");
  t.equal(await terminal.code(refund(6_00, original)), "00");
  t.equal(await terminal.code(refund(1, original)), "12", "nothing is left of it");
  t.equal(await terminal.code(voiding(10_00, original)), "12");
  t.equal(await terminal.code(reversalRequest(pos, "purchase", as, "98")), "12", "a reversal of what was refunded");
  t.equal(host.books.charged("credit"), 5_00);
  t.equal(await terminal.code(refund(5_00, other.original)), "00");
  t.equal(host.books.totalCharged, 0);
  t.same(host.books.journal.filter(({ kind, responseCode }) => kind === "refund" && responseCode === "00").length, 3);
});

t.test("a refund sent twice is made once; one that got lost by its amount is not made", async (t) => {
  const { host, terminal } = await terminalOf(t);
  const { original } = await paid(terminal, 10_00);
  const once = refund(2_00, original);
  const first = await terminal.ask(once);
  t.equal((await terminal.ask(once)).fields[37], first.fields[37]);
  t.equal(host.books.charged("credit"), 8_00);
  t.equal(await terminal.code(refund(1_51, original)), "51", "declined by its amount");
  t.equal(host.books.charged("credit"), 8_00);
});

t.test("what does not name a standing purchase is refused", async (t) => {
  const { host, terminal } = await terminalOf(t);
  const { as, original } = await paid(terminal, 10_00);
  const declined = await paid(terminal, 10_05);
  const cases: Record<string, Named> = {
    "another reference": { ...original, retrievalReference: "999999999999" },
    "another trace": { ...original, slip: { ...original.slip, trace: 999 } },
    "another batch": { ...original, slip: { ...original.slip, batch: 9 } },
    "a declined purchase": declined.original,
  };
  for (const [what, wrong] of Object.entries(cases)) {
    t.equal(await terminal.code(refund(1_00, wrong)), "25", what);
    t.equal(await terminal.code(voiding(10_00, wrong)), "25", what);
  }
  t.equal(await terminal.code(without(refund(1_00, original), 61)), "25");
  t.equal(await terminal.code(without(refund(1_00, original), 37)), "25");
  t.equal(await terminal.code(refund(0, original)), "13");
  t.equal(await terminal.code(reversalRequest(pos, "purchase", as, "98")), "00");
  t.equal(await terminal.code(refund(1_00, original)), "25", "a reversed purchase");
  t.equal(host.books.totalCharged, 0);
});

t.test("where a card goes with a refund it must be the one that paid", async (t) => {
  const { host, terminal } = await terminalOf(t);
  const { original } = await paid(terminal, 10_00);
  const swiped = (track: string) =>
    transactionRequest(pos, "refund", {
      ...identity(1_00),
      ...original,
      track2: SensitiveBytes.copyOf(ascii(track)),
    });
  t.equal(await terminal.code(swiped(";4111111111111111=29122011234567890?")), "14");
  t.equal(await terminal.code(swiped(TRACK.debit)), "55", "a card that demands a PIN");
  t.equal(await terminal.code(swiped(TRACK.credit)), "00");
  t.equal(host.books.charged("credit"), 9_00);
});

t.test("the balance is what a card has left, and asking for it charges nothing", async (t) => {
  const poor = { name: "credit", pan: ascii("6224242900000113"), balance: 15_00 };
  const host = await bank(t, undefined, { cards: [poor] });
  const terminal = await Terminal.signedOn(t, host);
  const ask = async (track: string = TRACK.credit) => {
    const { amount: _, ...as } = identity(0);
    return terminal.ask(transactionRequest(pos, "balance", { ...as, track2: SensitiveBytes.copyOf(ascii(track)) }));
  };
  t.match(await ask(), { mti: "0210", fields: { 39: "00", 54: "0002156C000000001500" } });
  const { original } = await paid(terminal, 20_00);
  t.equal((await ask()).fields[54], "0002156D000000000500", "overdrawn");
  await terminal.ask(refund(20_00, original));
  t.equal((await ask()).fields[54], "0002156C000000001500");
  const stranger = await ask(";4111111111111111=29122011234567890?");
  t.equal(stranger.fields[39], "14");
  t.equal(stranger.fields[54], undefined);
  t.equal(host.books.totalCharged, 0);
});

t.test("what the bank does not do it refuses, and charges nothing", async (t) => {
  const { host, terminal } = await terminalOf(t);
  const track2 = SensitiveBytes.copyOf(ascii(TRACK.credit));
  t.match(await terminal.ask(transactionRequest(pos, "preauth", { ...identity(1_00), track2 })), {
    mti: "0110",
    fields: { 39: "40" },
  });
  t.equal(host.books.totalCharged, 0);
});
