import { checkBytes, correct } from "@swipewire/protocol/waveform/modem/reed-solomon";
import fc from "fast-check";
import t from "tap";
import { fuzzRuns } from "../../../fuzz-runs.ts";

t.test("the check bytes of the QR code that says HELLO WORLD, version 1-M", async (t) => {
  const data = Uint8Array.of(32, 91, 11, 120, 209, 114, 220, 77, 67, 64, 236, 17, 236, 17, 236, 17);
  t.strictSame(checkBytes(data, 10), Uint8Array.of(196, 35, 39, 119, 235, 215, 231, 226, 93, 23));
});

const blocks = fc.record({ data: fc.uint8Array({ minLength: 1, maxLength: 239 }), count: fc.constantFrom(8, 16) });
const errors = (most: number) =>
  fc.uniqueArray(fc.tuple(fc.nat(9999), fc.integer({ min: 1, max: 255 })), { maxLength: most });

/** How many bytes of the block came to be wrong. */
function damage(block: Uint8Array, count: number, wrong: readonly (readonly [number, number])[]): number {
  const places = new Set<number>();
  for (const [place, error] of wrong.slice(0, count)) {
    const at = place % block.length;
    if (places.has(at)) continue;
    places.add(at);
    block[at] = (block[at] as number) ^ error;
  }
  return places.size;
}

t.test("up to half as many wrong bytes as check bytes are corrected", async () => {
  fc.assert(
    fc.property(blocks, errors(8), ({ data, count }, wrong) => {
      const sent = Uint8Array.from([...data, ...checkBytes(data, count)]);
      const block = sent.slice();
      const places = damage(block, count / 2, wrong);
      return correct(block, count) === places && sent.every((byte, n) => byte === block[n]);
    }),
    { seed: 3, numRuns: fuzzRuns },
  );
});

t.test("of more wrong bytes nothing is changed, or the block becomes another whole one", async (t) => {
  let refused = 0;
  fc.assert(
    fc.property(blocks, errors(40), ({ data, count }, wrong) => {
      const block = Uint8Array.from([...data, ...checkBytes(data, count)]);
      damage(block, 40, wrong);
      const damaged = block.slice();
      if (correct(block, count) !== undefined) return correct(block, count) === 0;
      refused++;
      return damaged.every((byte, n) => byte === block[n]);
    }),
    { seed: 4, numRuns: fuzzRuns },
  );
  t.ok(refused > fuzzRuns / 5, `${refused}`);
});
