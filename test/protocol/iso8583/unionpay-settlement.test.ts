import { replyTo, unionPayCodec } from "@swipewire/protocol/iso8583/unionpay-messages";
import { readParameters, writeParameters } from "@swipewire/protocol/iso8583/unionpay-parameters";
import { NO_TOTALS, readTotals, settlementRequest, writeTotals } from "@swipewire/protocol/iso8583/unionpay-settlement";
import { SensitiveBytes } from "@swipewire/protocol/sensitive-bytes";
import fc from "fast-check";
import t from "tap";

const ascii = (text: string) => new TextEncoder().encode(text);
const textOf = (field: SensitiveBytes | undefined) => field?.use((bytes) => Buffer.from(bytes).toString("latin1"));
const pos = { tpdu: "6000000000", header: "603100311003", terminal: "11115007", merchant: "123456789111115" };
const batch = { trace: 9, batch: 726, currency: "CNY" };

t.test("a settlement carries debits and credits of both groups of cards, and no verdict yet", async (t) => {
  const domestic = { debitAmount: 128_00, debitCount: 2, creditAmount: 1_00, creditCount: 1 };
  const wire = unionPayCodec.build(settlementRequest(pos, batch, { domestic, foreign: NO_TOTALS }));
  const { mti, fields } = unionPayCodec.parse(wire);
  t.equal(mti, "0500");
  t.equal(textOf(fields[48]), `000000012800002000000000100001${"0".repeat(32)}`);
  t.equal(fields[60], "00000726201");
  t.equal(replyTo({ ...pos, mti, fields }, "00").mti, "0510");
  t.same(readTotals(fields[48]), {
    domestic,
    domesticResult: "not compared",
    foreign: NO_TOTALS,
    foreignResult: "not compared",
  });
});

const results = fc.constantFrom("not compared" as const, "balanced" as const, "unbalanced" as const, "failed" as const);
const amounts = fc.integer({ min: 0, max: 999_999_999_999 });
const counts = fc.integer({ min: 0, max: 999 });
const totals = fc.record({ debitAmount: amounts, debitCount: counts, creditAmount: amounts, creditCount: counts });

t.test("whatever totals there are, they are read as they were written, in 62 digits", async () => {
  fc.assert(
    fc.property(
      fc.record({ domestic: totals, foreign: totals, domesticResult: results, foreignResult: results }),
      (all) => {
        const field48 = writeTotals(all);
        const read = readTotals(field48);
        return field48.length === 62 && JSON.stringify(sorted(read)) === JSON.stringify(sorted(all));
      },
    ),
  );
});

const sorted = (value: object): unknown =>
  Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => [key, typeof inner === "object" ? sorted(inner) : inner]),
  );

t.test("totals that have no room, and a field 48 that holds none, are refused", async (t) => {
  const refused = { code: "settlement_totals_invalid" };
  for (const wrong of [{ debitCount: 1000 }, { creditAmount: 1e12 }, { debitAmount: -1 }, { debitAmount: 0.5 }]) {
    const domestic = { ...NO_TOTALS, ...wrong };
    t.throws(() => settlementRequest(pos, batch, { domestic, foreign: NO_TOTALS }), refused, JSON.stringify(wrong));
  }
  for (const wrong of ["", "0".repeat(61), "0".repeat(63), `${"0".repeat(61)}x`, `${"0".repeat(61)}4`]) {
    t.throws(() => readTotals(SensitiveBytes.copyOf(ascii(wrong))), refused, wrong);
  }
  t.throws(() => readTotals(undefined), refused, "no field 48");
});

/** As an acquirer might lay them out; the layout is the acquirer's to give. */
const layout = {
  networkCode: "360",
  parameters: [
    { tag: "12", name: "timeout", length: 2 },
    { tag: "13", name: "retries", length: 1 },
    { tag: "22", name: "merchant", length: 8 },
  ],
};

t.test("downloaded parameters are taken apart by the acquirer's layout, in any order", async (t) => {
  const values = { timeout: ascii("60"), retries: ascii("3"), merchant: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8) };
  const field62 = writeParameters(layout, values);
  t.equal(new TextDecoder("latin1").decode(field62.subarray(0, 9)), "126013322");
  t.same(readParameters(layout, field62), values);
  t.same(readParameters(layout, ascii("1331260")), { timeout: ascii("60"), retries: ascii("3") });
  t.same(readParameters(layout, new Uint8Array()), {});
});

t.test("parameters that the layout does not know, come twice or are cut short are refused", async (t) => {
  const refused = { code: "parameters_malformed" };
  for (const wrong of ["99", "1", "126", "12601261", "133122"]) {
    t.throws(() => readParameters(layout, ascii(wrong)), refused, wrong);
  }
  t.throws(() => writeParameters(layout, { timeout: ascii("600") }), refused);
  t.throws(() => writeParameters(layout, { colour: ascii("1") }), refused);
});
