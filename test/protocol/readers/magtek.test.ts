import { magtekMagnesafe } from "@swipewire/protocol/readers/magtek-magnesafe";
import { magtekSureswipe } from "@swipewire/protocol/readers/magtek-sureswipe";
import type { ReaderFrame } from "@swipewire/protocol/readers/reader-frame";
import fc from "fast-check";
import t from "tap";
import { ascii, bytesOf, clearText, clearTracks, field, hex, hexOf, magtek, shown } from "./frame-samples.ts";

const level2 = hex(magtek.hid_level2_clear.report);
const level3 = hex(magtek.hid_level3_encrypted.report);
const changed = (report: Uint8Array, at: number, ...values: number[]) => {
  const copy = report.slice();
  copy.set(values, at);
  return copy;
};

t.test("MagTek's example 3, level 2, gives its clear tracks", async (t) => {
  const frame = magtekMagnesafe.decode(level2);
  t.equal(frame.encoding, "iso");
  t.notOk(frame.encryption);
  const { track1, track2, track3 } = magtek.hid_level2_clear;
  t.strictSame(
    frame.tracks.map(({ clear }) => clearText(clear)),
    [track1, track2, track3],
  );
  t.ok(
    frame.tracks.every(({ masked }) => masked === undefined),
    "a clear track is never given out as a masked one",
  );
  t.ok(frame.checks.every(({ passed }) => passed));
});

t.test("MagTek's example 11, level 3, gives ciphertext, KSN and masks", async (t) => {
  const frame = magtekMagnesafe.decode(level3);
  t.strictSame(
    frame.tracks.map(({ masked }) => masked),
    magtek.hid_level3_encrypted.masked,
  );
  t.ok(frame.tracks.every(({ clear, state }) => clear === undefined && state === "read"));
  t.equal(frame.encryption?.scheme, "tdes-dukpt-pin-cbc");
  t.equal(hexOf(frame.encryption?.ksn), magtek.hid_level3_encrypted.ksn);
  t.strictSame(
    frame.encryption?.blocks.map(({ tracks, lengths, ciphertext }) => [tracks, lengths, ciphertext.length]),
    [
      [[1], [60], 64],
      [[2], [37], 40],
      [[3], [31], 32],
    ],
  );
  t.equal(hexOf(frame.fields?.find(({ name }) => name === "encryptedSessionId")?.bytes), "21685F158B5C6BE0");
});

/** By their published names, where ours differ. */
const names: Readonly<Record<string, string>> = {
  magnePrintEnc: "magnePrint",
  encSessionId: "encryptedSessionId",
  magnePrintAbsLength: "magnePrintAbsoluteLength",
};

t.test("every published place of a report is where its field is read", async (t) => {
  const report = new Uint8Array(887);
  report.set(level3);
  report.fill(0xab, 856);
  const fields = new Map(magtekMagnesafe.decode(report).fields?.map(({ name, bytes }) => [name, hexOf(bytes)]));
  let places = 0;
  for (const [name, offset, size] of magtek.magnesafe_hid_layout) {
    // Tracks, their lengths and their states are read by the tests of whole reports.
    if (/^track\d|^(cardEncodeType|deviceSerial|ksn)$/.test(name)) continue;
    places++;
    t.equal(fields.get(names[name] ?? name), hexOf(report.subarray(offset, offset + size)), name);
  }
  t.equal(places, fields.size);
  for (const [layout, codec, length] of [
    [magtek.magnesafe_hid_layout, magtekMagnesafe, 856],
    [magtek.sureswipe_hid_layout, magtekSureswipe, 337],
  ] as const) {
    const place = (name: string) => layout.find((row) => row[0] === name)?.[1] ?? Number.NaN;
    const isMagnesafe = codec === magtekMagnesafe;
    const made = new Uint8Array(length);
    for (const number of [1, 2, 3]) {
      const text = ascii(`${number === 1 ? "%B" : ";"}${number}?`);
      made.set(text, place(isMagnesafe ? `track${number}Enc` : `track${number}`));
      made[place(isMagnesafe ? `track${number}EncLength` : `track${number}Length`)] = text.length;
    }
    made[place("track2DecodeStatus")] = 1;
    made[place("cardEncodeType")] = 1;
    const { tracks, encoding } = codec.decode(made);
    t.equal(encoding, "aamva");
    t.strictSame(
      tracks.map(({ clear, state }) => clearText(clear) ?? state),
      ["%B1?", "error", ";3?"],
    );
  }
});

t.test("both published reports encode to the same bytes", async (t) => {
  for (const report of [level2, level3]) t.strictSame(magtekMagnesafe.encode(magtekMagnesafe.decode(report)), report);
});

t.test("a report of the newer 887 bytes keeps its counter, version and hash", async (t) => {
  const long = new Uint8Array(887);
  long.set(level3);
  long.set([0, 0, 9], 856);
  long.fill(0xab, 867);
  const frame = magtekMagnesafe.decode(long);
  t.strictSame(frame.fields?.find(({ name }) => name === "hashedTrack2")?.bytes, long.subarray(867));
  t.strictSame(magtekMagnesafe.encode(frame), long);
});

t.test("a track in error and a blank track are told apart, with the reader's serial number", async (t) => {
  const report = changed(changed(level2, 0, 1), 477, ...new TextEncoder().encode("B400795"));
  report.set([0], 5);
  const frame = magtekMagnesafe.decode(report);
  t.strictSame(
    frame.tracks.map(({ state }) => state),
    ["error", "read", "blank"],
  );
  t.equal(frame.serial, "B400795");
});

t.test("broken MagneSafe reports have their failures", async (t) => {
  const bad: [Uint8Array, string][] = [
    [new Uint8Array(), "reader_frame_length"],
    [level3.subarray(0, 855), "reader_frame_length"],
    [Uint8Array.of(...level3, 0), "reader_frame_length"],
    [changed(level3, 3, 113), "reader_frame_field"],
    [changed(level3, 3, 63), "reader_frame_field"],
    [changed(level3, 852, 65), "reader_frame_field"],
    [changed(level3, 505, 200), "reader_frame_field"],
    [changed(level3, 6, 9), "reader_frame_field"],
    [changed(level3, 477, 7), "reader_frame_field"],
    [changed(level3, 494, 7), "reader_keys_exhausted"],
    [changed(level3, 620 + 9, 0x39, 0x39), "reader_mask_revealing"],
    [changed(level2, 620 + 9, 0x39, 0x39), "reader_mask_revealing"],
  ];
  for (const [report, code] of bad) t.throws(() => magtekMagnesafe.decode(report), { code });
});

t.test("one failed check does not hide the others", async (t) => {
  const { checks, failure } = magtekMagnesafe.examine(changed(changed(level3, 6, 9), 477, 7));
  t.match(failure, { code: "reader_frame_field" });
  t.strictSame(
    checks.filter(({ passed }) => !passed).map(({ name }) => name),
    ["card encode type", "serial number"],
  );
});

const encoding = fc.constantFrom("iso", "aamva", "cadl", "blank", "other", "undetermined", "none");

t.test("any SureSwipe frame comes back from its report, and its report from it", async (t) => {
  fc.assert(
    fc.property(clearTracks, encoding, (tracks, encoding) => {
      const frame: ReaderFrame = { family: "magtek-sureswipe", encoding, tracks, checks: [] };
      const report = magtekSureswipe.encode(frame);
      const back = magtekSureswipe.decode(report);
      t.strictSame(shown(back), shown(frame));
      t.strictSame(magtekSureswipe.encode(back), report);
    }),
    { seed: 5, numRuns: 100 },
  );
});

t.test("broken SureSwipe reports have their failures", async (t) => {
  const report = new Uint8Array(337);
  t.throws(() => magtekSureswipe.decode(report.subarray(1)), { code: "reader_frame_length" });
  t.throws(() => magtekSureswipe.decode(changed(report, 4, 111)), { code: "reader_frame_field" });
  t.throws(() => magtekSureswipe.encode(magtekMagnesafe.decode(level3)), { code: "reader_frame_field" });
});

t.test("any MagneSafe frame, clear or encrypted, comes back from its report", async (t) => {
  const encrypted = fc.tuple(bytesOf(40), bytesOf(10), fc.integer({ min: 33, max: 40 })).map(
    ([ciphertext, ksn, length]): Pick<ReaderFrame, "tracks" | "encryption"> => ({
      tracks: [
        { number: 1, state: "error" },
        { number: 2, state: "read", masked: ";5452000000007189=080400000000000000?" },
        { number: 3, state: "blank" },
      ],
      encryption: {
        scheme: "tdes-dukpt-pin-cbc",
        ksn,
        blocks: [{ tracks: [2], lengths: [length], ciphertext }],
        hashes: [],
      },
    }),
  );
  const content = fc.oneof(
    encrypted,
    clearTracks.map((tracks) => ({ tracks })),
  );
  const tail = fc.tuple(field("encryptionCounter", 3), field("magneSafeVersion", 8), field("hashedTrack2", 20));
  const fields = fc
    .tuple(field("magnePrint", 128), fc.option(tail, { nil: [] }))
    .map(([print, more]) => [print, ...more]);
  const serial = fc.option(fc.stringMatching(/^[A-Z0-9]{1,16}$/), { nil: undefined });
  fc.assert(
    fc.property(content, encoding, fields, serial, (content, encoding, fields, serial) => {
      const frame: ReaderFrame = {
        family: "magtek-magnesafe",
        encoding,
        ...content,
        fields,
        ...(serial !== undefined && { serial }),
        checks: [],
      };
      const report = magtekMagnesafe.encode(frame);
      const back = magtekMagnesafe.decode(report);
      t.strictSame({ ...shown(back), fields: [] }, { ...shown(frame), fields: [] });
      for (const { name, bytes } of fields) {
        t.strictSame(back.fields?.find((field) => field.name === name)?.bytes, bytes);
      }
      t.strictSame(magtekMagnesafe.encode(back), report);
    }),
    { seed: 6, numRuns: 100 },
  );
});
