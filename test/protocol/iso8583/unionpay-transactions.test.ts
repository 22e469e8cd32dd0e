import { wipeMessage } from "@swipewire/protocol/iso8583/codec";
import { batchOf, replyTo, typeOf, unionPayCodec } from "@swipewire/protocol/iso8583/unionpay-messages";
import {
  type ReversibleTransaction,
  reversalRequest,
  type Transaction,
  type TransactionName,
  transactionOf,
  transactionRequest,
  unionPayTransactions,
} from "@swipewire/protocol/iso8583/unionpay-transactions";
import { SensitiveBytes } from "@swipewire/protocol/sensitive-bytes";
import t from "tap";
import vectors from "../../fixtures/unionpay-8583.json" with { type: "json" };

const ascii = (text: string) => new TextEncoder().encode(text);
const pos = { tpdu: "6000000000", header: "603100311003", terminal: "11115007", merchant: "123456789111115" };
const identity = { trace: 78, batch: 726, currency: "CNY", pin: false };
const card = () => ({ track2: SensitiveBytes.copyOf(ascii(";6224242300000069=2912220?")) });
const original = {
  retrievalReference: "000000000007",
  approvalCode: "000007",
  slip: { batch: 725, trace: 41, date: "1101" },
};
/** What is enough for any row of the table. */
const everything = () => ({ ...identity, amount: 128_00, ...card(), ...original });
const names = Object.keys(unionPayTransactions) as TransactionName[];

t.test("the table has every published transaction as it was published", async (t) => {
  const rows = vectors.transactions.flatMap((row) => {
    const [type = "", tip] = row["f60.1"].split(" / ").map((text) => text.slice(0, 2));
    const { name, mti, f3, f25, reversal = false } = row;
    const published = { mti, processingCode: f3, condition: f25, reversible: reversal };
    return [{ name, ...published, type }, ...(tip ? [{ name: `tip ${name}`, ...published, type: tip }] : [])];
  });
  t.equal(rows.length, 11);
  t.same(
    Object.entries(unionPayTransactions).map(([name, { mti, processingCode, condition, type, reversible }]) => {
      return { name, mti, processingCode, condition, reversible, type };
    }),
    rows,
  );
});

t.test("each transaction carries what its row says, and is told from all others", async (t) => {
  for (const name of names) {
    const row = unionPayTransactions[name];
    const message = transactionRequest(pos, name, everything() as Transaction<TransactionName>);
    const parsed = unionPayCodec.parse(unionPayCodec.build(message));
    t.equal(parsed.mti, row.mti, name);
    t.match(parsed.fields, { 3: row.processingCode, 11: "000078", 25: row.condition, 49: "156" }, name);
    t.equal(parsed.fields[4], row.amount ? "000000012800" : undefined, name);
    t.equal(parsed.fields[22], "022", name);
    t.equal(typeOf(parsed), row.type, name);
    t.equal(batchOf(parsed), "000726", name);
    t.equal(transactionOf(parsed), name);
    wipeMessage(parsed);
  }
});

t.test("what follows a transaction names it", async (t) => {
  const refund = transactionRequest(pos, "refund", {
    ...identity,
    amount: 1,
    pin: false,
    cardAbsent: true,
    ...original,
  });
  t.match(refund.fields, { 22: "012", 37: "000000000007", 38: "000007", 61: "0007250000411101" });
  t.equal(refund.fields[35], undefined, "without a card");
  const { approvalCode: _, ...without } = original;
  const bare = transactionRequest(pos, "purchase void", { ...identity, amount: 1, ...card(), ...without });
  t.equal(bare.fields[38], undefined);
  t.ok(bare.fields[35]);
  for (const message of [refund, bare]) t.equal(unionPayCodec.parse(unionPayCodec.build(message)).mti, message.mti);
});

t.test("a PIN block travels with its announcement, and only with it", async (t) => {
  const pinBlock = Uint8Array.from({ length: 8 }, (_, i) => i);
  const balance = transactionRequest(pos, "balance", { ...identity, pin: true, ...card(), pinBlock });
  t.match(balance.fields, { 22: "021", 26: "12", 53: "2600000000000000" });
  t.same(
    balance.fields[52]?.use((bytes) => [...bytes]),
    [...pinBlock],
  );
  t.equal(transactionRequest(pos, "balance", { ...identity, ...card() }).fields[53], undefined);
});

t.test("a reversal agrees with its transaction and holds neither card nor PIN", async (t) => {
  const reversible = names.filter((name) => unionPayTransactions[name].reversible) as ReversibleTransaction[];
  t.same(reversible, ["preauth", "preauth void", "preauth completion", "completion void", "purchase", "purchase void"]);
  for (const name of reversible) {
    const request = transactionRequest(pos, name, everything() as Transaction<ReversibleTransaction>);
    const reversal = reversalRequest(pos, name, { ...identity, amount: 128_00 }, "98");
    t.equal(reversal.mti, "0400");
    for (const number of [3, 4, 11, 22, 25, 41, 42, 49, 60] as const) {
      t.equal(reversal.fields[number], request.fields[number], `${name}, field ${number}`);
    }
    t.equal(reversal.fields[39], "98");
    for (const number of [2, 14, 35, 36, 52, 53, 55] as const) t.equal(reversal.fields[number], undefined);
    t.equal(transactionOf(reversal), name);
  }
});

t.test("replies count one on in the third digit", async (t) => {
  for (const [name, mti] of [
    ["preauth", "0110"],
    ["balance", "0210"],
    ["refund", "0230"],
  ] as const) {
    t.equal(replyTo(transactionRequest(pos, name, everything() as Transaction<TransactionName>), "00").mti, mti);
  }
});

t.test("what is no transaction is not taken for one", async (t) => {
  const purchase = transactionRequest(pos, "purchase", everything());
  const refund = transactionRequest(pos, "refund", everything());
  t.equal(transactionOf({ ...purchase, mti: "0210" }), undefined);
  t.equal(transactionOf({ ...refund, mti: "0400" }), undefined, "a reversal of an advice");
  t.equal(transactionOf({ ...purchase, fields: { ...purchase.fields, 60: "99000001000" } }), undefined);
  t.equal(transactionOf({ ...purchase, fields: {} }), undefined);
});

t.test("a number that has no room is refused, not cut", async (t) => {
  for (const wrong of [{ amount: 1_000_000_000_000 }, { amount: -1 }, { trace: 1_000_000 }, { batch: 1_000_000 }]) {
    const build = () => unionPayCodec.build(transactionRequest(pos, "purchase", { ...everything(), ...wrong }));
    t.throws(build, { code: /^iso8583_(length|digit)_invalid$/ }, JSON.stringify(wrong));
  }
  t.throws(() => transactionRequest(pos, "purchase", { ...everything(), currency: "USD" }), {
    code: "currency_unsupported",
  });
});
