import { readerFamilies } from "@swipewire/protocol/readers/families";
import type { StreamEvent } from "@swipewire/protocol/readers/frame-stream";
import { frameStream, type StreamFamily, streamFamilyNames } from "@swipewire/protocol/readers/frame-streams";
import fc from "fast-check";
import t from "tap";
import { ascii, damaged, hex, hexOf, idtech, magtek } from "./frame-samples.ts";

const TRACK_1 = "%B5452300551227189^HOGAN/PAUL^08043210000000725000000?";
const TRACK_2 = ";5452300551227189=080432100000007250?";

const original = hex(idtech.original_format.hex);
const samples: Record<StreamFamily, Uint8Array[]> = {
  ascii: [
    ascii(magtek.kb_level2_sureswipe.text),
    ascii(`${TRACK_1}\r\n+51634?\r`),
    ascii(`${TRACK_1}\n${TRACK_2}+E?\n`),
  ],
  "magtek-keyboard": [ascii(magtek.kb_level2.text)],
  idtech: [original, Uint8Array.of(2, 5, 0, 0, 0, 0, 0, 0, 0, 0, 3)],
  "idtech-keyboard": [ascii(idtech.secured_keyboard_mode.text)],
};

const framesOf = (events: readonly StreamEvent[]) => events.flatMap(({ frame }) => (frame ? [hexOf(frame)] : []));
const codesOf = (events: readonly StreamEvent[]) => events.flatMap(({ failure }) => (failure ? [failure.code] : []));
const shown = (events: readonly StreamEvent[]) => events.map(({ frame, failure }) => hexOf(frame) ?? failure?.message);
const joined = (...parts: Uint8Array[]) => Uint8Array.from(parts.flatMap((part) => [...part]));

/** All at once, then quiet. */
function read(family: StreamFamily, bytes: Uint8Array): StreamEvent[] {
  const stream = frameStream(family);
  return [...stream.push(bytes), ...stream.flush()];
}

/** Cut at these places, then quiet. */
function readInPieces(family: StreamFamily, bytes: Uint8Array, cuts: readonly number[]): StreamEvent[] {
  const stream = frameStream(family);
  const places = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
  const events = [0, ...places].flatMap((from, n) => stream.push(bytes.subarray(from, places[n] ?? bytes.length)));
  return [...events, ...stream.flush()];
}

for (const family of streamFamilyNames) {
  t.test(`${family}: frames that follow each other come out as they went in`, async (t) => {
    const frames = [...samples[family], ...samples[family]];
    const events = read(family, joined(...frames));
    t.strictSame(framesOf(events), frames.map(hexOf));
    t.strictSame(codesOf(events), []);
    for (const frame of samples[family].slice(0, 1)) t.equal(readerFamilies[family].decode(frame).family, family);
  });

  t.test(`${family}: any cutting of frames and noise gives the same frames and the same failures`, async (t) => {
    const noise = fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc.constantFrom("\r\n", "02", "\x02\x10\x00", "%B1", "0|").map(ascii),
      damaged(...samples[family]),
    );
    const sequence = fc.array(fc.oneof(fc.constantFrom(...samples[family]), noise), { maxLength: 6 });
    fc.assert(
      fc.property(sequence, fc.array(fc.nat(4000), { maxLength: 30 }), (parts, cuts) => {
        const bytes = joined(...parts);
        const whole = shown(read(family, bytes));
        t.strictSame(shown(readInPieces(family, bytes, cuts)), whole);
        t.strictSame(shown(readInPieces(family, bytes, [...bytes.keys()])), whole, "byte by byte");
      }),
      { seed: 71, numRuns: 60 },
    );
  });

  t.test(`${family}: noise without end is told once, and not kept`, async (t) => {
    const stream = frameStream(family);
    const codes: string[] = [];
    for (let n = 0; n < 200; n++) codes.push(...codesOf(stream.push(new Uint8Array(1000).fill(0x55))));
    t.equal(codes.length, 1, codes.join());
  });

  t.test(`${family}: what was begun is forgotten when it is wiped`, async (t) => {
    const stream = frameStream(family);
    const [frame = new Uint8Array()] = samples[family];
    stream.push(frame.subarray(0, 9));
    stream.wipe();
    t.strictSame(stream.flush(), []);
    t.strictSame(framesOf([...stream.push(frame), ...stream.flush()]), [hexOf(frame)]);
  });
}

t.test("a stream keeps its own copies", async (t) => {
  const stream = frameStream("idtech");
  const piece = original.slice();
  const [first] = stream.push(piece);
  piece.fill(0);
  t.equal(hexOf(first?.frame), hexOf(original));
});

t.test("noise right before a frame does not hide it", async (t) => {
  for (const noise of ["\x02", "\x02\x05\x00", "x\x02y"]) {
    const events = read("idtech", joined(ascii(noise), original));
    t.strictSame(framesOf(events), [hexOf(original)], JSON.stringify(noise));
    t.equal(codesOf(events).length, 1);
  }
  const typed = ascii(idtech.secured_keyboard_mode.text);
  t.strictSame(framesOf(read("idtech-keyboard", joined(ascii("0020"), typed))), [hexOf(typed)]);
});

t.test("a damaged frame is told by what is wrong with it, and the next one is taken", async (t) => {
  const broken = original.with(-3 + original.length, 0);
  const events = read("idtech", joined(broken, original));
  t.strictSame(codesOf(events), ["reader_frame_lrc"]);
  t.strictSame(framesOf(events), [hexOf(original)]);
});

t.test("a track that cannot follow the one before begins another swipe", async (t) => {
  const stream = frameStream("ascii");
  const first = ascii(`${TRACK_1}\r${TRACK_2}\r`);
  t.strictSame(stream.push(first), [], "track 3 may follow");
  t.strictSame(framesOf(stream.push(first)), [hexOf(first)]);
  t.strictSame(framesOf(stream.flush()), [hexOf(first)]);
});

t.test("a line that is cut short by quiet is told", async (t) => {
  t.strictSame(codesOf(read("ascii", ascii(";545230055"))), ["reader_frame_end"]);
  const events = read("ascii", ascii(`${TRACK_2}\r;5452`));
  t.strictSame(framesOf(events), [hexOf(ascii(`${TRACK_2}\r`))]);
  t.strictSame(codesOf(events), ["reader_frame_end"]);
  t.strictSame(codesOf(read("ascii", ascii(`;${"5".repeat(600)}\r${TRACK_2}\r`))), ["reader_frame_length"]);
});
