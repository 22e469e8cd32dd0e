import { mayHoldNumber } from "@swipewire/daemon/capture/number-search";
import { encodeBitStream } from "@swipewire/protocol/card/bit-stream";
import t from "tap";
import { seededRandom } from "../../seeded-random.ts";

const ascii = (text: string) => Uint8Array.from(Buffer.from(text, "latin1"));
const TEST = "4111111111111111";
/** Of nobody: 9 is no issuer's (ISO/IEC 7812-1, 4). */
const FOREIGN = "9999990000000003";

/** Bits high first, after some zeros. */
function packed(bits: Uint8Array, { zeros = 0, lowFirst = false } = {}): Uint8Array {
  const all = [...new Uint8Array(zeros), ...bits];
  return Uint8Array.from({ length: Math.ceil(all.length / 8) }, (_, n) =>
    all.slice(8 * n, 8 * n + 8).reduce((byte, bit, place) => byte | (bit << (lowFirst ? place : 7 - place)), 0),
  );
}

const track1 = (pan: string) => ascii(`%B${pan}^A/B^30121010000000000?`);
const track2 = (pan: string) => ascii(`;${pan}=30121010000000000?`);
const track3 = (pan: string) => ascii(`;99${pan}=1561560000000000000003000000?`);

const ways: readonly (readonly [name: string, write: (pan: string) => Uint8Array])[] = [
  ["track 1", track1],
  ["track 2", track2],
  ["track 3", track3],
  ["track 2 cut off", (pan) => track2(pan).subarray(0, 25)],
  ["UTF-16", (pan) => Uint8Array.from(Buffer.from(`x;${pan}=3012?`, "utf16le"))],
  ["UTF-16, high byte first", (pan) => Uint8Array.from(Buffer.from(`;${pan}=3012?`, "utf16le").swap16())],
  ["bits of track 2", (pan) => packed(encodeBitStream(2, track2(pan)), { zeros: 13 })],
  ["bits of track 2, low bit first", (pan) => packed(encodeBitStream(2, track2(pan)), { zeros: 3, lowFirst: true })],
  ["bits of track 2, backwards", (pan) => packed(encodeBitStream(2, track2(pan)).toReversed(), { zeros: 1 })],
  ["bits of track 1", (pan) => packed(encodeBitStream(1, track1(pan)), { zeros: 6 })],
  ["bits of track 1, backwards", (pan) => packed(encodeBitStream(1, track1(pan)).toReversed(), { lowFirst: true })],
];

t.test("a number is found however a reader writes it, and a test card's track is let pass", async (t) => {
  for (const [name, write] of ways) {
    for (const noise of [[], [0x02, 0x80, 0xff]]) {
      t.ok(mayHoldNumber(Uint8Array.of(...noise, ...write(FOREIGN), ...noise)), `${name}, ${noise.length}`);
      t.notOk(mayHoldNumber(Uint8Array.of(...noise, ...write(TEST), ...noise)), `a test card, ${name}`);
    }
  }
});

t.test("what hides a number of any card is refused", async (t) => {
  for (const text of [
    "9999 9900 0000 0003",
    "9999-9900-0000-0003",
    "99999900000",
    `${TEST}0`,
    `1${TEST}`,
    `${TEST}=1?${FOREIGN}`,
  ]) {
    t.ok(mayHoldNumber(ascii(text)), text);
  }
  const hexText = Buffer.from(track2(FOREIGN)).toString("hex").toUpperCase();
  t.ok(mayHoldNumber(ascii(hexText)), "hex text");
  t.ok(mayHoldNumber(ascii(`0${hexText}`)), "hex text from the other half");
  t.ok(mayHoldNumber(Uint8Array.from(Buffer.from(`57139999990000000003d3012101000000000f`, "hex"))), "tag 57");
  t.ok(
    mayHoldNumber(Uint8Array.from(Buffer.from(`09999990000000003d301210100000000f`, "hex"))),
    "tag 57, half a byte on",
  );
});

t.test("what holds no number is let pass", async (t) => {
  for (const text of ["", "4111111111", "E?;E?", "serial 0123456789", "2026-11-27"])
    t.notOk(mayHoldNumber(ascii(text)), text);
  t.notOk(mayHoldNumber(new Uint8Array(1000)));
  t.notOk(mayHoldNumber(new Uint8Array(1000).fill(0xff)));
  const random = seededRandom(8);
  const refused = Array.from({ length: 40 }, () => mayHoldNumber(random.bytes(500))).filter(Boolean).length;
  t.ok(refused <= 8, `${refused} of 40 runs of 500 random bytes`);
});
