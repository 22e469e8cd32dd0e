import { hidMsr } from "@swipewire/protocol/readers/hid-msr";
import { parseReportDescriptor, reportLength } from "@swipewire/protocol/readers/hid-report-descriptor";
import type { ReaderFrame } from "@swipewire/protocol/readers/reader-frame";
import { testCard } from "@swipewire/simulator/cards/test-cards";
import { hidMsrDescriptors } from "@swipewire/simulator/readers/hid-msr-descriptors";
import { virtualReader } from "@swipewire/simulator/readers/virtual-reader";
import fc from "fast-check";
import t from "tap";
import tracks from "../../fixtures/tracks.json" with { type: "json" };
import { ascii, clearText, clearTracks, shown } from "./frame-samples.ts";

const [plain, packed, two] = hidMsrDescriptors.map(({ bytes }) => bytes);
if (!plain || !packed || !two) throw new Error("the simulator has three descriptors");

const card = testCard("magtek-sample");
const unused = { bdk: new Uint8Array(16), ksn: new Uint8Array(10) };
const swiped = (descriptor: Uint8Array) => virtualReader(hidMsr(descriptor), unused).nextFrame(card);
const texts = (frame: ReaderFrame) => frame.tracks.map(({ clear }) => clearText(clear));
const [track1 = "", track2 = "", track3 = ""] = card.tracks.map(({ data }) => new TextDecoder().decode(data));

t.test("usages are those of the published page", async (t) => {
  const page = tracks.hidPosUsagePage0x8E;
  t.equal(page["11"], "Track 1 Length (DV)");
  t.equal(page["21"], "Track 1 Data");
});

t.test("a report without ids lies where its descriptor says", async (t) => {
  const report = new Uint8Array(3 + 80 + 41 + 108);
  report.set([track1.length, track2.length, track3.length]);
  report.set(ascii(track1), 3);
  report.set(ascii(track2), 83);
  report.set(ascii(track3), 124);
  t.strictSame(texts(hidMsr(plain).decode(report)), [track1, track2, track3]);
  t.strictSame(swiped(plain), report);
});

t.test("so does one with an id, lengths of 7 bits and tracks that do not begin with a byte", async (t) => {
  const report = swiped(packed);
  t.equal(report.length, reportLength(parseReportDescriptor(packed), "input", 3));
  t.equal(report[0], 3);
  // Three bits before the lengths, 21 bits of lengths: track 3 begins in the fourth byte behind the id.
  t.equal(((report[1] ?? 0) >> 3) | (((report[2] ?? 0) & 3) << 5), track3.length);
  t.strictSame(texts(hidMsr(packed).decode(report)), [track1, track2, track3]);
});

t.test("a reader without track 3 shows it blank, and cannot be made to send one", async (t) => {
  const codec = hidMsr(two);
  const frame = hidMsr(plain).decode(swiped(plain));
  t.throws(() => codec.encode(frame), { code: "reader_frame_field" });
  const [first, second] = frame.tracks;
  const report = codec.encode({ ...frame, tracks: [first, second, { number: 3, state: "blank" }] });
  t.equal(report[0], 9);
  t.strictSame(texts(codec.decode(report)), [track1, track2, undefined]);
});

t.test("a track that ends with its LRC character is checked, and sent so again", async (t) => {
  const report = new Uint8Array(232);
  const line = tracks.lrc[1];
  if (!line) throw new Error("the fixture has LRCs");
  report[1] = line.text.length + 1;
  report.set(ascii(line.text + line.lrc), 83);
  const codec = hidMsr(plain);
  const frame = codec.decode(report);
  t.strictSame(texts(frame), [undefined, line.text, undefined]);
  t.strictSame(codec.encode(frame), report);
  report[83 + line.text.length] = 0x3c;
  t.throws(() => codec.decode(report), { code: "track_lrc" });
});

t.test("broken reports have their failures", async (t) => {
  const good = swiped(packed);
  const changed = (at: number, value: number) => good.with(at, value);
  const codec = hidMsr(packed);
  t.throws(() => codec.decode(changed(0, 1)), { code: "reader_frame_start" });
  t.throws(() => codec.decode(good.subarray(1)), { code: "reader_frame_start" });
  t.throws(() => codec.decode(good.subarray(0, -1)), { code: "reader_frame_length" });
  t.throws(() => codec.decode(new Uint8Array()), { code: /reader_frame_(start|length)/ });
  t.throws(() => codec.decode(changed(1, 0xff).with(2, 0xff)), { code: "reader_frame_field" });
});

t.test("a descriptor without tracks, or with tracks that do not fit together, is refused", async (t) => {
  const bytes = (...items: number[]) => Uint8Array.from([0x05, 0x8e, 0x75, 8, 0x95, 1, ...items]);
  const none = { code: "reader_descriptor_without_tracks" };
  t.throws(() => hidMsr(new Uint8Array()), none);
  t.throws(() => hidMsr(bytes(0x09, 0x13, 0x81, 2, 0x09, 0x23, 0x81, 2)), none, "track 3 alone");
  t.throws(() => hidMsr(bytes(0x09, 0x21, 0x81, 2)), none, "no length");
  t.throws(() => hidMsr(bytes(0x85, 1, 0x09, 0x12, 0x81, 2, 0x85, 2, 0x09, 0x22, 0x81, 2)), none, "two reports");
  t.throws(() => hidMsr(bytes(0x09, 0x12, 0x81, 2, 0x75, 7, 0x09, 0x22, 0x81, 2)), none, "characters of 7 bits");
  t.throws(() => hidMsr(Uint8Array.of(0x05)), { code: "reader_descriptor_truncated" });
});

t.test("what encrypts, or could not be read, has no place in such a report", async (t) => {
  const codec = hidMsr(plain);
  const frame = codec.decode(swiped(plain));
  const [first, second] = frame.tracks;
  const inError: ReaderFrame = { ...frame, tracks: [first, second, { number: 3, state: "error" }] };
  t.throws(() => codec.encode(inError), { code: "reader_frame_field" });
  const encryption = { scheme: "tdes-dukpt-pin-cbc", ksn: new Uint8Array(10), blocks: [], hashes: [] } as const;
  t.throws(() => codec.encode({ ...frame, encryption }), { code: "reader_frame_field" });
});

t.test("any clear frame comes back from its report, whatever the layout", async (t) => {
  const readable = clearTracks.filter((tracks) => tracks.every(({ state }) => state !== "error"));
  const lrcSent = fc.integer({ min: 0, max: 7 });
  fc.assert(
    fc.property(readable, lrcSent, fc.constantFrom(plain, packed), (tracks, sent, descriptor) => {
      const lrc = tracks.reduce(
        (bits, { number, state }) => bits | (state === "read" ? sent & (1 << (number - 1)) : 0),
        0,
      );
      const frame: ReaderFrame = {
        family: "hid-msr",
        encoding: "undetermined",
        tracks,
        fields: [{ name: "lrcSent", bytes: Uint8Array.of(lrc) }],
        checks: [],
      };
      const codec = hidMsr(descriptor);
      const report = codec.encode(frame);
      const back = codec.decode(report);
      t.strictSame(shown(back), shown(frame));
      t.strictSame(codec.encode(back), report);
    }),
    { seed: 43, numRuns: 100 },
  );
});
