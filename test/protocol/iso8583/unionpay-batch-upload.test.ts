import { wipeMessage } from "@swipewire/protocol/iso8583/codec";
import {
  batchListRequest,
  batchUploadEndRequest,
  batchUploadRequest,
  endOfUpload,
  type ListedSlip,
  readSlips,
  refundUploadRequest,
  writeSlips,
} from "@swipewire/protocol/iso8583/unionpay-batch-upload";
import { batchOf, networkCodeOf, replyTo, unionPayCodec } from "@swipewire/protocol/iso8583/unionpay-messages";
import { transactionRequest } from "@swipewire/protocol/iso8583/unionpay-transactions";
import { SensitiveBytes } from "@swipewire/protocol/sensitive-bytes";
import fc from "fast-check";
import t from "tap";

const ascii = (text: string) => new TextEncoder().encode(text);
const textOf = (field: SensitiveBytes | undefined) => field?.use((bytes) => Buffer.from(bytes).toString("latin1"));
const pos = { tpdu: "6000000000", header: "603100311003", terminal: "11115007", merchant: "123456789111115" };
const batch = { trace: 9, batch: 726 };
const refused = { code: "batch_upload_invalid" };

t.test("a list of slips is laid out as the terminals do it", async (t) => {
  const cardNumber = SensitiveBytes.copyOf(ascii("6224242300000069"));
  const request = batchListRequest(pos, batch, [
    { trace: 41, amount: 128_00, foreign: false, cardNumber },
    { trace: 42, amount: 1, foreign: true },
  ]);
  const { mti, fields } = unionPayCodec.parse(unionPayCodec.build(request));
  t.equal(mti, "0320");
  t.same([fields[11], fields[41], fields[42], fields[60]], ["000009", pos.terminal, pos.merchant, "00000726201"]);
  t.same(Object.keys(fields).map(Number), [11, 41, 42, 48, 60]);
  const first = ["00", "000041", "00006224242300000069", "000000012800"];
  t.equal(textOf(fields[48]), ["02", ...first, "01", "000042", "0".repeat(20), "000000000001"].join(""));
  wipeMessage(request);
  t.ok(request.fields[48]?.wiped);
  t.notOk(cardNumber.wiped, "the caller's");
});

interface AnySlip extends Omit<ListedSlip, "cardNumber"> {
  readonly card: string;
}

const anySlip: fc.Arbitrary<AnySlip> = fc.record({
  trace: fc.integer({ min: 1, max: 999_999 }),
  amount: fc.integer({ min: 0, max: 999_999_999_999 }),
  foreign: fc.boolean(),
  card: fc.stringMatching(/^([1-9][0-9]{0,19})?$/),
});
const asListed = ({ card, ...slip }: AnySlip): ListedSlip => ({
  ...slip,
  ...(card && { cardNumber: SensitiveBytes.copyOf(ascii(card)) }),
});

t.test("whatever slips there are, they are read as they were written, forty digits each", async (t) => {
  fc.assert(
    fc.property(fc.array(anySlip, { minLength: 1, maxLength: 8 }), (slips) => {
      const wire = unionPayCodec.build(batchListRequest(pos, batch, slips.map(asListed)));
      const { fields } = unionPayCodec.parse(wire);
      const read = readSlips(fields[48]).map(({ cardNumber, ...slip }) => ({
        ...slip,
        card: textOf(cardNumber) ?? "",
      }));
      t.same(read, slips);
      return fields[48]?.length === 2 + 40 * slips.length;
    }),
    { seed: 320 },
  );
});

t.test("slips that have no room, and a field 48 that lists none, are refused", async (t) => {
  const one = { trace: 1, amount: 1, foreign: false };
  const card = (digits: string) => ({ ...one, cardNumber: SensitiveBytes.copyOf(ascii(digits)) });
  for (const slips of [
    [],
    Array.from({ length: 9 }, () => one),
    [{ ...one, amount: 1e12 }],
    [{ ...one, amount: -1 }],
    [{ ...one, amount: 0.5 }],
    [card("1".repeat(21))],
    [card("0622")],
    [card("622A")],
  ]) {
    t.throws(() => writeSlips(slips), refused);
  }
  t.throws(() => writeSlips([{ ...one, trace: 1_000_000 }]), { code: "iso8583_length_invalid" });
  const good = textOf(writeSlips([one, one])) ?? "";
  t.equal(readSlips(SensitiveBytes.copyOf(ascii(good))).length, 2);
  for (const wrong of [
    "",
    good.slice(1),
    `${good}0`,
    `03${good.slice(2)}`,
    "00",
    `09${"0".repeat(360)}`,
    `0202${good.slice(4)}`,
    `${good.slice(0, -1)}x`,
  ]) {
    t.throws(() => readSlips(SensitiveBytes.copyOf(ascii(wrong))), refused, wrong);
  }
  t.throws(() => readSlips(undefined), refused, "no field 48");
});

t.test("a slip in a message of its own stands under its own trace", async (t) => {
  const slip = {
    trace: 41,
    batch: 726,
    amount: 128_00,
    currency: "CNY",
    pin: true,
    retrievalReference: "000000000007",
  };
  const upload = unionPayCodec.parse(unionPayCodec.build(batchUploadRequest(pos, "purchase", slip)));
  t.equal(upload.mti, "0320");
  t.match(upload.fields, { 3: "000000", 4: "000000012800", 11: "000041", 37: "000000000007", 60: "22000726201" });
  for (const number of [2, 14, 35, 36, 48, 52, 53] as const) t.equal(upload.fields[number], undefined);
});

t.test("a refund goes up as it went out", async (t) => {
  const refund = {
    ...{ trace: 43, batch: 726, amount: 1_00, currency: "CNY", pin: false as const, cardAbsent: true as const },
    retrievalReference: "000000000007",
    slip: { batch: 725, trace: 41, date: "1126" },
  };
  const { mti, ...sent } = transactionRequest(pos, "refund", refund);
  t.equal(mti, "0220");
  t.same(refundUploadRequest(pos, refund), { ...sent, mti: "0320" });
});

t.test("the end of an upload counts its slips, and says whether the batch balanced", async (t) => {
  for (const [upload, code] of [
    [{ count: 12, balanced: false }, "202"],
    [{ count: 0, balanced: true }, "207"],
  ] as const) {
    const end = unionPayCodec.parse(unionPayCodec.build(batchUploadEndRequest(pos, batch, upload)));
    t.same([end.mti, networkCodeOf(end.fields), batchOf(end)], ["0320", code, "000726"]);
    t.equal(textOf(end.fields[48]), String(upload.count).padStart(4, "0"));
    t.same(endOfUpload(end), upload);
    t.equal(replyTo(end, "00").mti, "0330");
    t.equal(endOfUpload({ ...end, mti: "0220" }), undefined);
    for (const wrong of ["12", "12345"]) {
      const fields = { ...end.fields, 48: SensitiveBytes.copyOf(ascii(wrong)) };
      t.throws(() => endOfUpload({ ...end, fields }), refused, wrong);
    }
    const { 48: _, ...fields } = end.fields;
    t.throws(() => endOfUpload({ ...end, fields }), refused, "no count");
  }
  t.equal(endOfUpload(batchListRequest(pos, batch, [{ trace: 1, amount: 1, foreign: false }])), undefined);
  t.throws(() => batchUploadEndRequest(pos, batch, { count: 10_000, balanced: false }), refused);
});
