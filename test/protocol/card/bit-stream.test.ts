import { readFileSync } from "node:fs";
import { trackFormats } from "@swipewire/protocol/card/alphabets";
import { decodeBitStream, encodeBitStream } from "@swipewire/protocol/card/bit-stream";
import { carriesLrc, lrcByStartSentinel } from "@swipewire/protocol/card/lrc";
import type { TrackNumber } from "@swipewire/protocol/readers/reader-frame";
import fc from "fast-check";
import t from "tap";

const published: { lrc: { text: string; lrc: string }[]; bitstreams: { text: string; bits: string }[] } = JSON.parse(
  readFileSync(`${import.meta.dirname}/../../fixtures/tracks.json`, "utf8"),
);
const bytes = (text: string) => new TextEncoder().encode(text);
const bitsOf = (text: string) => Uint8Array.from(text, Number);
const numberOf = (text: string): TrackNumber => (text.startsWith("%") ? 1 : text.length > 40 ? 3 : 2);

t.test("published tracks have their published LRC", async (t) => {
  t.equal(published.lrc.length, 3);
  for (const { text, lrc } of published.lrc) {
    t.equal(String.fromCharCode(lrcByStartSentinel(bytes(text))), lrc);
    t.ok(carriesLrc(bytes(text + lrc)));
    t.notOk(carriesLrc(bytes(text)));
  }
});

t.test("published bit streams encode and decode", async (t) => {
  t.equal(published.bitstreams.length, 2);
  for (const { text, bits } of published.bitstreams) {
    const number = numberOf(text);
    t.equal(encodeBitStream(number, bytes(text)).join(""), bits);
    t.strictSame(decodeBitStream(number, bitsOf(bits)), bytes(text));
    t.strictSame(decodeBitStream(number, bitsOf(`000000${bits}00000`)), bytes(text), "with clocking zeros");
  }
});

const anyTrack = fc.constantFrom<TrackNumber>(1, 2, 3).chain((number) => {
  const { alphabet, startSentinel, maxLength } = trackFormats[number];
  const character = fc
    .integer({ min: alphabet.base, max: alphabet.base + (1 << alphabet.dataBits) - 1 })
    .filter((c) => c !== startSentinel && c !== 0x3f);
  return fc.tuple(
    fc.constant(number),
    fc
      .array(character, { maxLength: maxLength - 3 })
      .map((characters) => Uint8Array.of(startSentinel, ...characters, 0x3f)),
  );
});

t.test("any track comes back from its bits", async () => {
  fc.assert(
    fc.property(anyTrack, ([number, track]) => {
      const back = decodeBitStream(number, encodeBitStream(number, track));
      return back.length === track.length && back.every((byte, n) => byte === track[n]);
    }),
    { seed: 1, numRuns: 500 },
  );
});

t.test("one wrong bit is always noticed", async () => {
  fc.assert(
    fc.property(anyTrack, fc.nat(), ([number, track], where) => {
      const bits = encodeBitStream(number, track);
      const at = where % bits.length;
      bits[at] = bits[at] === 1 ? 0 : 1;
      try {
        decodeBitStream(number, bits);
        return false;
      } catch (failure) {
        return /^track_/.test((failure as { code?: string }).code ?? "");
      }
    }),
    { seed: 2, numRuns: 500 },
  );
});

t.test("a wrong LRC, a wrong parity, a missing end and an empty stripe each have their failure", async (t) => {
  const good = encodeBitStream(2, bytes(";4111111111111111=30122010000?"));
  const wrongLrc = good.slice();
  for (const at of [wrongLrc.length - 5, wrongLrc.length - 4]) wrongLrc[at] = wrongLrc[at] === 1 ? 0 : 1;
  t.throws(() => decodeBitStream(2, wrongLrc), { code: "track_lrc" });
  const wrongParity = good.slice();
  wrongParity[12] = wrongParity[12] === 1 ? 0 : 1;
  t.throws(() => decodeBitStream(2, wrongParity), { code: "track_parity" });
  t.throws(() => decodeBitStream(2, good.subarray(0, -12)), { code: "track_sentinel" });
  t.throws(() => decodeBitStream(2, new Uint8Array(60)), { code: "track_sentinel" });
  t.throws(() => decodeBitStream(1, good), { code: /track_(sentinel|parity)/ });
  t.throws(() => encodeBitStream(2, bytes(";41A?")), { code: "track_character" });
});
