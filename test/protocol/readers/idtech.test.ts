import { idtech as codec } from "@swipewire/protocol/readers/idtech";
import type { ReaderFrame, TrackNumber } from "@swipewire/protocol/readers/reader-frame";
import fc from "fast-check";
import t from "tap";
import { ascii, bytesOf, clearText, clearTracks, field, hex, hexOf, idtech, shown } from "./frame-samples.ts";

const original = hex(idtech.original_format.hex);
const changed = (frame: Uint8Array, at: number, value: number) => {
  const copy = frame.slice();
  copy[at < 0 ? copy.length + at : at] = value;
  return copy;
};
/** A frame around a payload, with its own LRC and checksum. */
const enclosed = (...payload: number[]) =>
  Uint8Array.of(
    2,
    payload.length & 0xff,
    payload.length >> 8,
    ...payload,
    payload.reduce((xor, byte) => xor ^ byte, 0),
    payload.reduce((sum, byte) => (sum + byte) & 0xff, 0),
    3,
  );

t.test("the manual's original-format frame is taken apart", async (t) => {
  const frame = codec.decode(original);
  t.equal(frame.encoding, "iso");
  const [track1, track2, track3] = frame.tracks;
  t.match(track1?.masked, /^%\*4266\*{8}9999\^BUSH JR\/GEORGE W\.MR\^\*+\?\*$/);
  t.equal(track2?.masked, ";4266********9999=***************?*");
  t.equal(`${clearText(track3?.clear)}2`, idtech.original_format.track3Clear, "the LRC character is checked and gone");
  t.equal(frame.encryption?.scheme, "tdes-dukpt-data-cbc");
  t.equal(hexOf(frame.encryption?.ksn), idtech.original_format.ksn);
  t.strictSame(
    frame.encryption?.blocks.map(({ tracks, lengths, ciphertext }) => [tracks, lengths, ciphertext.length]),
    [[[1, 2], [72, 35], 112]],
  );
  t.strictSame(
    frame.encryption?.hashes.map(({ sha1 }) => hexOf(sha1)?.toLowerCase()),
    idtech.original_format.sha1,
  );
  t.ok(frame.checks.every(({ passed }) => passed));
  t.strictSame(
    frame.checks.map(({ name }) => name).filter((name) => ["LRC", "checksum", "length", "STX", "ETX"].includes(name)),
    ["STX", "ETX", "length", "LRC", "checksum"],
  );
});

t.test("the published frame encodes to the same bytes", async (t) => {
  t.strictSame(codec.encode(codec.decode(original)), original);
});

/** The sample's binary fields are printed as hex, hexOf, its masked tracks as they are; it was redacted after its LRC was made. */
function bluefin(): Uint8Array {
  const { text } = idtech.secured_keyboard_mode;
  const masksStart = text.indexOf("%");
  const masksEnd = text.lastIndexOf("?*") + 2;
  const head = hex(text.slice(0, masksStart)).subarray(3);
  const tail = hex(text.slice(masksEnd)).subarray(0, -3);
  return enclosed(...head, ...ascii(text.slice(masksStart, masksEnd)), ...tail);
}

t.test("the published SecuRED sample has the structure of the enhanced format", async (t) => {
  const frame = codec.decode(bluefin());
  t.equal(frame.serial, idtech.secured_keyboard_mode.serial);
  t.equal(hexOf(frame.encryption?.ksn), idtech.secured_keyboard_mode.ksn);
  t.strictSame(
    frame.tracks.map(({ state, masked }) => [state, masked]),
    [
      ["read", "%*4124********9990^TEST/BLUEFIN^****************?*"],
      ["read", ";4124********9990=****************?*"],
      ["blank", undefined],
    ],
  );
  t.strictSame(
    frame.encryption?.blocks.map(({ tracks, lengths, ciphertext }) => [tracks, lengths, ciphertext.length]),
    [
      [[1], [50], 56],
      [[2], [36], 40],
    ],
  );
  t.equal(frame.encryption?.hashes.length, 2);
  t.strictSame(codec.encode(frame), bluefin());
});

t.test("every broken part has its failure", async (t) => {
  const bad: [Uint8Array, string][] = [
    [new Uint8Array(), "reader_frame_start"],
    [changed(original, 0, 1), "reader_frame_start"],
    [changed(original, -1, 4), "reader_frame_end"],
    [changed(original, 1, 0x7c), "reader_frame_length"],
    [changed(original, -3, 0), "reader_frame_lrc"],
    [changed(original, -2, 0), "reader_frame_checksum"],
    [changed(original, 100, 0), "reader_frame_lrc"],
    [original.subarray(0, 4), "reader_frame_end"],
    [enclosed(0x80, 0x3f, 0), "reader_frame_length"],
    [enclosed(0x82, 0x3f, 0, 0, 0, 0, 0), "reader_frame_field"],
    [enclosed(0x80, 0x38, 4, 0, 0, 1, 0, ...ascii("%B?C")), "reader_frame_field"],
    [enclosed(0x80, 0x3f, 0, 0, 0, 0, 0, 0), "reader_frame_length"],
    [enclosed(0x80, 0x3f, 0, 9, 0, 0, 0x82), "reader_frame_length"],
    [enclosed(0x80, 0x3f, 0, 8, 0, 0x18, 0x82, ...new Uint8Array(18)), "reader_encryption_unsupported"],
    [enclosed(0x80, 0x3f, 0, 8, 0, 0x10, 0x82, ...new Uint8Array(18)), "reader_encryption_unsupported"],
    [enclosed(0x80, 0x3f, 0, 8, 0, 0, 0x02, ...new Uint8Array(8)), "reader_frame_field"],
    [enclosed(0x80, 0x3f, 0, 6, 0, 2, 0, ...ascii(";123?0")), "track_lrc"],
  ];
  for (const [frame, code] of bad) t.throws(() => codec.decode(frame), { code }, `${code} of ${frame.length} bytes`);
});

t.test("LRC and checksum are both told when both are wrong", async (t) => {
  const { checks } = codec.examine(changed(changed(original, -3, 0), -2, 0));
  t.strictSame(
    checks.filter(({ passed }) => !passed).map(({ name }) => name),
    ["LRC", "checksum"],
  );
});

t.test("an encrypted track whose mask shows the card is refused", async (t) => {
  const text = ascii(";6224242300000069=30122200000000?*");
  const payload = [0x80, 0x3f, 0, text.length, 0, 2, 0x82, ...text, ...new Uint8Array(40), ...new Uint8Array(10)];
  t.throws(() => codec.decode(enclosed(...payload)), { code: "reader_mask_revealing" });
});

t.test("a clear track without LRC character is taken as it is", async (t) => {
  const frame = codec.decode(enclosed(0x80, 0x3f, 0, 5, 0, 2, 0, ...ascii(";123?")));
  t.equal(clearText(frame.tracks[1].clear), ";123?");
});

const encoding = fc.constantFrom("iso", "aamva", "other");
const formats = fc.constantFrom(0x80, 0);

t.test("any clear frame, original or enhanced, comes back from its bytes", async (t) => {
  fc.assert(
    fc.property(clearTracks, encoding, formats, (tracks, encoding, format) => {
      const type = { iso: 0, aamva: 1, other: 3 }[encoding] | format;
      const frame: ReaderFrame = {
        family: "idtech",
        encoding,
        tracks,
        fields: [{ name: "cardEncodeType", bytes: Uint8Array.of(type) }],
        checks: [],
      };
      const bytes = codec.encode(frame);
      const back = codec.decode(bytes);
      t.strictSame({ ...shown(back), fields: [] }, { ...shown(frame), fields: [] });
      t.strictSame(codec.encode(back), bytes);
    }),
    { seed: 7, numRuns: 100 },
  );
});

t.test("any encrypted frame of the enhanced format comes back from its bytes", async (t) => {
  const masks: Record<TrackNumber, string> = {
    1: "%*4266********9999^BUSH JR/GEORGE W.MR^****************?*",
    2: ";4266********9999=***************?*",
    3: ";**4266********9999=***********?*",
  };
  const parts = fc.record({
    numbers: fc.subarray<TrackNumber>([1, 2, 3], { minLength: 1 }),
    seen: fc.boolean(),
    hashed: fc.boolean(),
    ciphertext: bytesOf(64),
    sha1: bytesOf(20),
    ksn: bytesOf(10),
    serial: fc.option(fc.stringMatching(/^[A-Z0-9]{10}$/), { nil: undefined }),
    session: fc.option(field("encryptedSessionId", 8), { nil: undefined }),
    pinVariant: fc.boolean(),
  });
  fc.assert(
    fc.property(parts, ({ numbers, seen, hashed, ciphertext, sha1, ksn, serial, session, pinVariant }) => {
      const track = (number: TrackNumber) => ({
        number,
        state: numbers.includes(number) ? ("read" as const) : ("blank" as const),
        ...(numbers.includes(number) && seen && { masked: masks[number] }),
      });
      const frame: ReaderFrame = {
        family: "idtech",
        encoding: "iso",
        tracks: [track(1), track(2), track(3)],
        encryption: {
          scheme: pinVariant ? "tdes-dukpt-pin-cbc" : "tdes-dukpt-data-cbc",
          ksn,
          blocks: numbers.map((number) => ({
            tracks: [number],
            lengths: [masks[number].length],
            ciphertext: ciphertext.slice(0, Math.ceil(masks[number].length / 8) * 8),
          })),
          hashes: hashed ? numbers.map((track) => ({ track, sha1 })) : [],
        },
        ...(serial !== undefined && { serial }),
        fields: session ? [session] : [],
        checks: [],
      };
      const bytes = codec.encode(frame);
      const back = codec.decode(bytes);
      t.strictSame({ ...shown(back), fields: [] }, { ...shown(frame), fields: [] });
      t.strictSame(codec.encode(back), bytes);
    }),
    { seed: 8, numRuns: 100 },
  );
});
