import {
  decodeNativeFrame,
  encodeNativeFrame,
  type NativeEvent,
  NativeStream,
} from "@swipewire/protocol/readers/native-frame";
import fc from "fast-check";
import t from "tap";
import { hex, hexOf } from "./frame-samples.ts";

const told = ({ frame, failure }: NativeEvent) =>
  frame ? `${frame.messageKind} ${frame.payload.use(hexOf)}` : failure.code;

/** All at once, then quiet. */
function read(...pieces: Uint8Array[]): string[] {
  const stream = new NativeStream();
  return [...pieces.flatMap((piece) => stream.push(piece)), ...stream.flush()].map(told);
}

const joined = (...parts: readonly Uint8Array[]) => Uint8Array.from(parts.flatMap((part) => [...part]));
const between = (frame: Uint8Array) => frame.subarray(1, -1);
/** Many zeros, and runs without one that are as long as COBS's blocks. */
const payloads = fc.oneof(
  fc.uint8Array({ maxLength: 40 }),
  fc.array(fc.constantFrom(0, 1, 255), { maxLength: 1024 }).map((bytes) => Uint8Array.from(bytes)),
  fc.tuple(fc.integer({ min: 0, max: 1024 }), fc.integer({ min: 0, max: 1023 })).map(([length, zero]) => {
    const bytes = new Uint8Array(length).fill(7);
    if (zero < length) bytes[zero] = 0;
    return bytes;
  }),
);
const messages = fc.array(fc.tuple(fc.nat(255), payloads), { minLength: 1, maxLength: 4 });
const options = { seed: 9, numRuns: 300 };

t.test("content is made free of zeros as COBS's paper does it", async (t) => {
  const codes = (kind: number, payload: Uint8Array) => hexOf(between(encodeNativeFrame(kind, payload))) ?? "";
  t.match(codes(0, new Uint8Array()), /^01/, "a zero alone");
  t.match(codes(0x11, hex("000000")), /^02110101/, "zeros in a row");
  t.match(codes(0x11, hex("220033")), /^03112202?/, "a zero between others");
  t.match(codes(1, new Uint8Array(253).fill(7)), /^FF01(07){253}(?!00)/, "254 bytes stand for no zero");
  t.match(codes(1, new Uint8Array(254).fill(7).with(253, 0)), /^FF01(07){253}01/, "and a zero behind them for itself");
});

t.test("frames that follow each other come out as they went in, however the stream is cut", async (t) => {
  fc.assert(
    fc.property(messages, fc.array(fc.nat(5000)), (sent, cuts) => {
      const bytes = joined(...sent.map(([kind, payload]) => encodeNativeFrame(kind, payload)));
      const places = [...new Set(cuts.map((cut) => cut % bytes.length))].sort((a, b) => a - b);
      const pieces = [0, ...places].map((from, n) => bytes.subarray(from, places[n] ?? bytes.length));
      t.strictSame(
        read(...pieces),
        sent.map(([kind, payload]) => `${kind} ${hexOf(payload)}`),
      );
    }),
    options,
  );
});

t.test("there is no zero within a frame", async (t) => {
  fc.assert(
    fc.property(fc.nat(255), payloads, (kind, payload) => {
      const frame = encodeNativeFrame(kind, payload);
      t.equal(frame[0], 0);
      t.equal(frame.indexOf(0, 1), frame.length - 1);
      t.ok(frame.length <= payload.length + 5 + 2 + Math.ceil((payload.length + 5) / 254));
    }),
    options,
  );
});

t.test("whatever is damaged, what comes out went in, and the frame after the next zero is found", async (t) => {
  const damage = fc.record({
    at: fc.nat(3000),
    do: fc.constantFrom("change", "drop", "add"),
    byte: fc.nat(255),
  });
  fc.assert(
    fc.property(messages, fc.array(damage, { minLength: 1, maxLength: 6 }), (sent, damages) => {
      const bytes = [...joined(...sent.map(([kind, payload]) => encodeNativeFrame(kind, payload)))];
      for (const { at, do: what, byte } of damages) {
        const place = at % bytes.length;
        if (what === "change") bytes[place] = byte;
        else bytes.splice(place, what === "drop" ? 1 : 0, ...(what === "add" ? [byte] : []));
      }
      const stream = new NativeStream();
      const expected = new Set(sent.map(([kind, payload]) => `${kind} ${hexOf(payload)}`));
      for (const event of stream.push(Uint8Array.from(bytes)).map(told)) {
        t.ok(event.startsWith("reader_frame_") || expected.has(event), event);
      }
      const next = stream.push(joined(Uint8Array.of(0), encodeNativeFrame(3, hex("0100")))).map(told);
      t.equal(next.at(-1), "3 0100");
    }),
    options,
  );
});

t.test("each damage has its failure, once", async (t) => {
  const frame = encodeNativeFrame(1, hex("AABB00CC"));
  const next = encodeNativeFrame(2, hex("01"));
  const sentBadly = (bytes: Uint8Array) => Uint8Array.of(0, ...bytes, 0);
  for (const [what, bytes, code] of [
    ["a wrong CRC", frame.with(3, 0x55), "reader_frame_checksum"],
    ["a block that leads beyond the end", sentBadly(hex("0911")), "reader_frame_field"],
    ["too short for kind and CRC", sentBadly(hex("0501020304")), "reader_frame_length"],
    ["longer than any frame", new Uint8Array(4000).fill(1), "reader_frame_length"],
    ["noise", Uint8Array.from(Buffer.from("%B4111\r")), "reader_frame_field"],
  ] as const) {
    t.strictSame(read(joined(bytes, next)), [code, "2 01"], what);
  }
  const tooLong = sentBadly(
    joined(...Array.from({ length: 5 }, () => Uint8Array.of(0xff, ...new Uint8Array(206).fill(1)))),
  );
  t.match(read(tooLong), [/^reader_frame_(length|field)$/]);
  t.strictSame(read(frame.subarray(0, 5)), ["reader_frame_end"], "cut off");
  t.strictSame(read(new Uint8Array(100)), [], "zeros alone are nothing");
  t.throws(() => decodeNativeFrame(hex("00")), { code: "reader_frame_field" });
  t.throws(() => decodeNativeFrame(hex("")), { code: "reader_frame_length" });
  t.throws(() => encodeNativeFrame(1, new Uint8Array(1025)), RangeError);
});

t.test("what was begun is forgotten when it is told to", async (t) => {
  const stream = new NativeStream();
  const frame = encodeNativeFrame(1, hex("AABB"));
  stream.push(frame.subarray(0, 4));
  stream.wipe();
  t.strictSame(stream.push(encodeNativeFrame(2, hex("01"))).map(told), ["2 01"]);
});
