import { SwipewireError } from "@swipewire/protocol/failure";
import { compileDialect, wipeMessage } from "@swipewire/protocol/iso8583/codec";
import type { Dialect, FieldFormat, Message, Value } from "@swipewire/protocol/iso8583/dialect";
import { iso1987 } from "@swipewire/protocol/iso8583/dialects/iso1987";
import { unionPay } from "@swipewire/protocol/iso8583/dialects/unionpay";
import { iso1987BinaryPos, iso1987Pos } from "@swipewire/protocol/iso8583/iso1987-pos";
import { posCodecs } from "@swipewire/protocol/iso8583/pos-codecs";
import type { Piece, PosDialect } from "@swipewire/protocol/iso8583/pos-dialect";
import { compilePosDialect } from "@swipewire/protocol/iso8583/pos-translator";
import {
  batchListRequest,
  batchUploadEndRequest,
  batchUploadRequest,
  refundUploadRequest,
} from "@swipewire/protocol/iso8583/unionpay-batch-upload";
import {
  echoRequest,
  replyTo,
  signOffRequest,
  signOnRequest,
  type UnionPayMessage,
} from "@swipewire/protocol/iso8583/unionpay-messages";
import { NO_TOTALS, settlementRequest } from "@swipewire/protocol/iso8583/unionpay-settlement";
import { reversalRequest, transactionRequest } from "@swipewire/protocol/iso8583/unionpay-transactions";
import { SensitiveBytes } from "@swipewire/protocol/sensitive-bytes";
import fc from "fast-check";
import t from "tap";
import { anyValueOf, formatsOf } from "./dialect-samples.ts";

const ascii = (text: string) => new TextEncoder().encode(text);
const pos = { tpdu: "", header: "", terminal: "10016919", merchant: "84329004582000B" };
const ours = { trace: 12, batch: 3, amount: 1234, currency: "CNY" };
const slip = { batch: 3, trace: 7, date: "1101" };
const MAC = ascii("0123ABCD");

const iso = compileDialect(iso1987);
const onWire = (message: UnionPayMessage): Message<Dialect> =>
  iso.parse(posCodecs.iso1987.build(message, () => MAC)) as Message<Dialect>;

/** Values as text, sensitive ones too. */
const plain = ({ fields }: { readonly fields: object }) =>
  Object.fromEntries(
    Object.entries<Value | undefined>({ ...fields }).flatMap(([number, value]) => {
      if (value === undefined) return [];
      if (typeof value === "string") return [[number, value]];
      return [
        [number, Buffer.from(value instanceof SensitiveBytes ? value.use((b) => b.slice()) : value).toString("latin1")],
      ];
    }),
  );

t.test("ISO 8583:1987 has what UnionPay's composite fields hold in the fields of the standard", async (t) => {
  const signOn = onWire(signOnRequest(pos, 1));
  t.match(plain(signOn), { 11: "000001", 60: "00000000", 63: "303120", 70: "003", 128: "0123ABCD" });
  for (const [request, code] of [
    [echoRequest(pos, 2), "301"],
    [signOffRequest(pos, 2), "002"],
  ] as const) {
    t.equal(request.mti, "0820");
    t.match(onWire(request), { mti: "0800", fields: { 70: code } });
    t.match(onWire(replyTo(request, "00")), { mti: "0810", fields: { 70: code } });
  }

  const purchase = plain(
    onWire(transactionRequest(pos, "purchase", { ...ours, pin: false, track2: SensitiveBytes.copyOf(ascii(";1=2?")) })),
  );
  t.match(purchase, { 35: "1=2", 60: "22000003", 64: "0123ABCD" });
  t.notOk(70 in purchase || 128 in purchase, "no second bitmap where nothing stands in it");

  const voiding = { ...ours, pin: false, cardAbsent: true, retrievalReference: "000000000009", slip } as const;
  t.match(plain(onWire(transactionRequest(pos, "purchase void", voiding))), {
    37: "000000000009",
    60: "23000003",
    61: "000003",
    90: `0200${"000007"}1101${"0".repeat(28)}`,
    128: "0123ABCD",
  });
  t.match(plain(onWire(reversalRequest(pos, "purchase", { ...ours, pin: false }, "98"))), {
    11: "000012",
    39: "98",
    90: `0200${"000012"}0000${"0".repeat(28)}`,
  });

  const domestic = { debitAmount: 5_00, debitCount: 2, creditAmount: 1_00, creditCount: 1 };
  const settlement = plain(onWire(settlementRequest(pos, ours, { domestic, foreign: NO_TOTALS })));
  t.match(settlement, {
    74: "0000000001",
    76: "0000000002",
    86: "0000000000000100",
    88: "0000000000000500",
    70: "201",
  });
  t.notOk(48 in settlement || 66 in settlement, "neither foreign cards nor a result");
  t.match(plain(onWire(batchUploadEndRequest(pos, ours, { count: 12, balanced: false }))), {
    48: "0012",
    70: "202",
  });
});

t.test("every request and reply comes back as it was, in every dialect", async (t) => {
  const card = () => ({ track2: SensitiveBytes.copyOf(ascii(";1234567890=2912220?")), pinBlock: new Uint8Array(8) });
  const absent = { pin: false, cardAbsent: true } as const;
  const totals = { debitAmount: 5_00, debitCount: 2, creditAmount: 1_00, creditCount: 1 };
  const requests = () => [
    signOnRequest(pos, 1, "double-and-track"),
    echoRequest(pos, 1),
    signOffRequest(pos, 1),
    transactionRequest(pos, "purchase", { ...ours, pin: true, ...card() }),
    transactionRequest(pos, "balance", { ...ours, pin: true, ...card() }),
    transactionRequest(pos, "preauth completion", { ...ours, ...absent, approvalCode: "A1B2C3", slip }),
    transactionRequest(pos, "refund", { ...ours, ...absent, retrievalReference: "00000000000A", slip }),
    reversalRequest(pos, "purchase", { ...ours, pin: true }, "A0"),
    settlementRequest(pos, ours, { domestic: totals, foreign: totals }),
    batchUploadRequest(pos, "refund", { ...ours, ...absent, retrievalReference: "00000000000A" }),
    refundUploadRequest(pos, { ...ours, ...absent, retrievalReference: "00000000000A", slip }),
    batchListRequest(pos, ours, [
      { trace: 7, amount: 5_00, foreign: false, cardNumber: SensitiveBytes.copyOf(ascii("6224242300000069")) },
      { trace: 8, amount: 1_00, foreign: true },
    ]),
    batchUploadEndRequest(pos, ours, { count: 3, balanced: false }),
    batchUploadEndRequest(pos, ours, { count: 0, balanced: true }),
  ];
  for (const [name, codec] of Object.entries(posCodecs)) {
    const address = name === "unionpay" ? { tpdu: "6000030000", header: "603100310100" } : { tpdu: "", header: "" };
    for (const request of requests()) {
      const reply = replyTo(request, "00", { 37: "000000000001", 38: "000001", 62: new Uint8Array(40), 12: "010203" });
      for (const message of [request, reply]) {
        const parsed = codec.parse(codec.build({ ...message, ...address }));
        t.equal(parsed.mti, message.mti);
        t.same(plain(parsed), plain(message), `${name} ${message.mti}`);
      }
    }
  }
});

const digits = (minLength: number, maxLength = minLength) =>
  fc.string({ unit: fc.constantFrom(..."0123456789"), minLength, maxLength });
const letters = (length: number) =>
  fc.string({ unit: fc.constantFrom(..."0123456789ABCxyz "), minLength: length, maxLength: length });

/** Any message that fits both dialects: lengths are the shorter of the two, and composite fields are whole. */
const anyMessage: fc.Arbitrary<UnionPayMessage> = fc
  .record({
    mti: fc.constantFrom("0100", "0110", "0200", "0210", "0220", "0400", "0410", "0800", "0810"),
    type: fc.constantFrom("10", "11", "20", "21", "22", "23", "25", "32"),
    simple: fc.record(
      Object.fromEntries(
        formatsOf(unionPay)
          .filter(([number]) => ![37, 38, 39, 43, 48, 49, 56, 60, 61, 62].includes(number))
          .map(([number, format]): [number, fc.Arbitrary<string | Uint8Array>] => [number, anyValueOf(format)]),
      ),
      { requiredKeys: [] },
    ),
    narrow: fc.record(
      {
        37: letters(12),
        38: letters(6),
        39: letters(2),
        43: letters(40).map(ascii),
        49: letters(3),
        56: fc.uint8Array({ maxLength: 499 }),
        62: fc.uint8Array({ maxLength: 499 }),
        61: digits(16, 29),
      },
      { requiredKeys: [] },
    ),
    rest60: digits(9, 15),
  })
  .map(({ mti, type, simple, narrow, rest60 }) => ({
    tpdu: "",
    header: "",
    mti,
    fields: { ...simple, ...narrow, 60: type + rest60 },
  }));

const wrapped = ({ fields, ...head }: UnionPayMessage): UnionPayMessage => ({
  ...head,
  fields: Object.fromEntries(
    Object.entries<Value | undefined>({ ...fields }).map(([number, value]) => [
      number,
      value instanceof Uint8Array && (unionPay.fields as Record<number, FieldFormat>)[Number(number)]?.sensitive
        ? SensitiveBytes.copyOf(value)
        : value,
    ]),
  ),
});

t.test("any message that has room in both dialects survives the way there and back", async () => {
  for (const codec of [posCodecs.iso1987, posCodecs["iso1987-binary"]]) {
    fc.assert(
      fc.property(anyMessage, (message) => {
        const sent = wrapped(message);
        const wire = codec.build(sent);
        const parsed = codec.parse(wire);
        t.strictSame(plain(parsed), plain(sent));
        for (const value of Object.values<Value | undefined>({ ...parsed.fields })) {
          if (value instanceof SensitiveBytes && value.wiped) throw new Error("wiped");
        }
        wipeMessage(parsed);
      }),
      { numRuns: 300, seed: 8583 },
    );
  }
});

t.test("damaged messages end in a typed failure or a message, and leave nothing sensitive behind", async (t) => {
  for (const codec of [posCodecs.iso1987, posCodecs["iso1987-binary"]]) {
    let failures = 0;
    fc.assert(
      fc.property(anyMessage, fc.nat(), fc.nat(255), (message, place, byte) => {
        const wire = codec.build(wrapped(message));
        wire[place % wire.length] = byte;
        const made: SensitiveBytes[] = [];
        const { copyOf } = SensitiveBytes;
        SensitiveBytes.copyOf = (bytes) => {
          const copy = copyOf(bytes);
          made.push(copy);
          return copy;
        };
        try {
          codec.parse(wire);
        } catch (error) {
          failures++;
          if (!(error instanceof SwipewireError)) throw error;
          if (made.some((copy) => !copy.wiped)) throw new Error("left behind");
        } finally {
          SensitiveBytes.copyOf = copyOf;
        }
      }),
      { numRuns: 500, seed: 8583 },
    );
    t.ok(failures > 50);
  }
});

t.test("what a dialect cannot hold is refused before it is sent", async (t) => {
  const { build, parse } = { build: posCodecs.iso1987.build, parse: posCodecs.iso1987.parse };
  const refuse = (fields: UnionPayMessage["fields"], code: string, mti = "0200") =>
    t.throws(() => build.call(posCodecs.iso1987, { tpdu: "", header: "", mti, fields }), { code }, code);
  refuse({ 60: "22000003" }, "iso8583_length_invalid");
  refuse({ 60: "99000003000", 61: "0000030000071101" }, "iso8583_digit_invalid");
  refuse({ 48: SensitiveBytes.copyOf(ascii("1".repeat(20))) }, "iso8583_length_invalid", "0500");
  refuse({ 43: new Uint8Array(40).fill(0xb0) }, "iso8583_character_invalid");
  refuse({ 62: new Uint8Array(500) }, "iso8583_length_invalid");
  const reply = (fields: Record<number, string>) =>
    iso.build({
      tpdu: "",
      header: "",
      mti: "0510",
      fields: Object.fromEntries(
        Object.entries(fields).map(([n, text]) => [
          n,
          Number(n) === 48 || Number(n) === 60 ? SensitiveBytes.copyOf(ascii(text)) : text,
        ]),
      ),
    });
  const whole = { 74: "0000000001", 76: "0000000002", 86: "0000000000000100", 88: "0000000000000500" };
  t.equal(parse.call(posCodecs.iso1987, reply(whole)).fields[48]?.length, 62);
  const { 88: _, ...incomplete } = whole;
  t.equal(
    parse.call(posCodecs.iso1987, reply(incomplete)).fields[48],
    undefined,
    "a composite field is whole or absent",
  );
  for (const [fields, code] of [
    [{ ...whole, 76: "0000001000" }, "iso8583_length_invalid"],
    [{ ...whole, 48: "12" }, "iso8583_length_invalid"],
    [{ 60: "2A000003" }, "iso8583_digit_invalid"],
  ] as const) {
    t.throws(() => parse.call(posCodecs.iso1987, reply(fields)), { code });
  }
});

t.test("where the pieces stand is consistent with both dialects", async (t) => {
  for (const dialect of [iso1987Pos, iso1987BinaryPos]) t.same(faultsOf(dialect), []);
});

t.test("the check of where the pieces stand finds what is wrong with it", async (t) => {
  const [first, ...others] = iso1987Pos.places;
  const wrong = (place: object, more: Partial<PosDialect> = {}) =>
    faultsOf({ ...iso1987Pos, ...more, places: [...iso1987Pos.places, place as (typeof others)[number]] });
  t.match(wrong({ wire: 200, parts: [{ field: 61, at: 0 }] }), [/no field 200/]);
  t.match(wrong({ wire: 71, mtis: ["08"], parts: [{ field: 11, at: 0, length: 6 }] }), [/field 71.*6 of 4/]);
  t.match(wrong({ wire: 70, parts: [{ field: 11, at: 0, length: 3 }] }), [/field 70 is given twice/, /field 11.*ends/]);
  t.match(wrong({ wire: 122, mtis: ["08"], parts: [{ field: 11, at: 1 }] }), [/field 11.*begins/]);
  t.match(wrong({ wire: 122, mtis: ["08"], parts: [{ field: 11, at: 0 }, { constant: "1" }] }), [/rest.*last/]);
  t.match(faultsOf({ ...iso1987Pos, places: others }), [/field 60/]);
  t.match(faultsOf({ ...iso1987Pos, hexadecimal: [...iso1987Pos.hexadecimal, 44] }), [/field 44 holds no bytes/]);
  t.ok(first);
});

/** What is wrong with the data of a dialect of POS messages. */
function faultsOf({ wire, places, hexadecimal }: PosDialect): string[] {
  const logical: Readonly<Record<number, FieldFormat>> = unionPay.fields;
  const faults: string[] = [];
  for (const { wire: number, parts } of places) {
    const format = wire.fields[number];
    if (!format) {
      faults.push(`the wire has no field ${number}`);
      continue;
    }
    const widths = parts.map((part) =>
      "constant" in part
        ? part.constant.length
        : part.via
          ? Object.values(part.via)[0]?.length
          : (part.width ?? part.length),
    );
    if (widths.slice(0, -1).includes(undefined)) faults.push(`field ${number}: the rest does not stand last`);
    const sum = widths.reduce<number>((total, width) => total + (width ?? 0), 0);
    const room = "max" in format ? format.max : format.length;
    if (sum > room || ("length" in format && sum !== room))
      faults.push(`field ${number}: ${sum} of ${room} characters`);
  }
  for (const mti of ["0100", "0200", "0220", "0320", "0400", "0500", "0800", "0210", "0510"]) {
    const active = places.filter(({ mtis }) => !mtis || mtis.some((beginning) => mti.startsWith(beginning)));
    for (const { wire: number } of active) {
      if (active.filter((place) => place.wire === number).length > 1) faults.push(`field ${number} is given twice`);
    }
    const pieces = active
      .filter(({ repeats }) => !repeats)
      .flatMap(({ parts }) => parts)
      .filter((part): part is Piece => "field" in part && !part.via);
    for (const field of new Set(pieces.map((piece) => piece.field))) {
      let end: number | undefined = 0;
      for (const { at, length } of pieces.filter((piece) => piece.field === field).sort((a, b) => a.at - b.at)) {
        if (at !== end) faults.push(`field ${field}: a piece begins at ${at}, not ${end}`);
        end = length === undefined ? undefined : at + length;
      }
      const format = logical[field];
      const room = format && ("max" in format ? format.max : format.length);
      // Of 48 only a settlement's totals stand elsewhere; an upload's list may be longer.
      if (end !== undefined && end !== room && field !== 48) faults.push(`field ${field} ends at ${end} of ${room}`);
    }
  }
  for (const number of hexadecimal) {
    if (logical[number]?.content !== "b") faults.push(`field ${number} holds no bytes`);
  }
  for (const [number, format] of Object.entries(logical)) {
    const there = wire.fields[Number(number)];
    const placed = places.some(({ parts }) => parts.some((part) => "field" in part && part.field === Number(number)));
    if (!there && !placed) faults.push(`field ${number} has no place`);
    if (there && "length" in there && (!("length" in format) || format.length !== there.length) && !placed) {
      faults.push(`field ${number} has another length`);
    }
  }
  return [...new Set(faults)];
}

t.test("a dialect of one's own needs data only", async (t) => {
  const codec = compilePosDialect({ ...iso1987Pos, places: iso1987Pos.places.filter(({ wire }) => wire !== 90) });
  t.equal(codec.parse(codec.build(echoRequest(pos, 1))).fields[60], "00000000301");
});
