import { SwipewireError } from "@swipewire/protocol/failure";
import { FrameReader } from "@swipewire/protocol/iso8583/framing";
import fc from "fast-check";
import t from "tap";
import { fuzzRuns } from "../../fuzz-runs.ts";
import { anyMessageOf, dialects, wrapped } from "./dialect-samples.ts";

const SEED = 8583;

const text = (value: Uint8Array) => Buffer.from(value).toString("latin1");

for (const codec of dialects) {
  const { dialect } = codec;
  /** Whole messages to be damaged: made once, since making them takes longer than parsing them. */
  const wires = fc
    .sample(anyMessageOf(dialect), { numRuns: 200, seed: SEED })
    .map((message) => codec.build(wrapped(dialect, message)));
  const damaged = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc.tuple(fc.constantFrom(...wires), fc.nat()).map(([wire, length]) => wire.subarray(0, length % (wire.length + 1))),
    fc.tuple(fc.constantFrom(...wires), fc.array(fc.nat(), { minLength: 1, maxLength: 4 })).map(([wire, bits]) => {
      const flipped = Uint8Array.from(wire);
      for (const bit of bits) {
        const at = (bit >> 3) % flipped.length;
        flipped[at] = (flipped[at] ?? 0) ^ (1 << (bit & 7));
      }
      return flipped;
    }),
  );

  t.test(`${dialect.name}: whatever bytes come, parsing gives what builds to them, or a typed failure`, async () => {
    fc.assert(
      fc.property(damaged, (wire) => {
        try {
          const again = text(codec.build(codec.parse(wire)));
          // Hexadecimal in lower case is read too, and a second bitmap without a bit is not written again.
          const bitmap = dialect.bytes === "raw" ? 8 : 16;
          if (dialect.bitmaps === 2 && again.length === wire.length - bitmap) return true;
          return dialect.bytes === "raw" ? again === text(wire) : again.toLowerCase() === text(wire).toLowerCase();
        } catch (error) {
          if (!(error instanceof SwipewireError && error.code.startsWith("iso8583_"))) throw error;
          return /\((TPDU|header|MTI|bitmap|field \d+)(, offset \d+)?\)$|\(\d+ from offset \d+\)$/.test(error.message);
        }
      }),
      { numRuns: fuzzRuns, seed: SEED },
    );
  });
}

t.test("whatever a stream brings, it gives messages within the limit or a typed failure", async () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 6 }), (pieces) => {
      const reader = new FrameReader();
      try {
        const messages = pieces.flatMap((piece) => reader.push(piece));
        const given = pieces.reduce((sum, { length }) => sum + length, 0);
        return messages.reduce((sum, { length }) => sum + length + 2, 0) <= given;
      } catch (error) {
        return error instanceof SwipewireError && error.code === "iso8583_frame_length";
      }
    }),
    { numRuns: fuzzRuns, seed: SEED },
  );
});
