import { idtechKeyboard } from "@swipewire/protocol/readers/idtech-keyboard";
import { magtekKeyboard } from "@swipewire/protocol/readers/magtek-keyboard";
import type { ReaderFrame } from "@swipewire/protocol/readers/reader-frame";
import fc from "fast-check";
import t from "tap";
import magtekVectors from "../../fixtures/magtek.json" with { type: "json" };
import { ascii, bytesOf, clearText, clearTracks, field, hexOf, idtech, magtek, shown } from "./frame-samples.ts";

const example5 = ascii(magtek.kb_level2.text);
const secured = ascii(idtech.secured_keyboard_mode.text);
const textOf = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const fieldOf = (frame: ReaderFrame, name: string) => hexOf(frame.fields?.find((field) => field.name === name)?.bytes);

/** A line with other fields, and the CRC over them. */
function line(change: (parts: string[]) => unknown, crc = true): Uint8Array {
  const parts = magtek.kb_level2.text.slice(0, -1).split("|");
  change(parts);
  if (crc) parts[10] = crcOf(`${parts.slice(0, 10).join("|")}|`);
  return ascii(`${parts.join("|")}\r`);
}

/** CRC-16/CCITT-FALSE by another way than the codec's, low byte first. */
function crcOf(text: string): string {
  const bits = [...ascii(text)].flatMap((byte) => [7, 6, 5, 4, 3, 2, 1, 0].map((bit) => (byte >> bit) & 1));
  const crc = bits.reduce((crc, bit) => {
    const out = (crc >> 15) ^ bit;
    return ((crc << 1) & 0xffff) ^ (out * 0x1021);
  }, 0xffff);
  return Buffer.from([crc & 0xff, crc >> 8])
    .toString("hex")
    .toUpperCase();
}

t.test("MagTek's example 5 gives its clear tracks, its masks and its fields", async (t) => {
  const frame = magtekKeyboard.decode(example5);
  const { track1, track2, track3 } = magtek.hid_level2_clear;
  t.strictSame(
    frame.tracks.map(({ clear }) => clearText(clear)),
    [track1, track2, track3],
  );
  t.strictSame(
    frame.tracks.map(({ masked }) => masked),
    magtek.hid_level3_encrypted.masked,
  );
  t.notOk(frame.encryption);
  t.equal(fieldOf(frame, "readerEncryptionStatus"), "0002", "initial key injected");
  t.equal(fieldOf(frame, "encryptedSessionId"), "0000000000000000");
  t.equal(fieldOf(frame, "clearTextCrc"), magtekVectors.kb_level2.crc);
  t.equal(fieldOf(frame, "formatCode"), hexOf(ascii("1000")));
  t.ok(frame.checks.some(({ name, passed }) => name === "CRC" && passed));
});

t.test("the published texts are typed again as they were", async (t) => {
  t.equal(textOf(magtekKeyboard.encode(magtekKeyboard.decode(example5))), magtek.kb_level2.text);
  t.equal(textOf(idtechKeyboard.encode(idtechKeyboard.decode(secured))), idtech.secured_keyboard_mode.text);
});

t.test("typing a frame leaves it as it was", async (t) => {
  for (const [codec, bytes] of [
    [magtekKeyboard, example5],
    [idtechKeyboard, secured],
  ] as const) {
    const frame = codec.decode(bytes);
    codec.encode(frame);
    t.strictSame(codec.encode(frame), bytes);
  }
});

t.test("a line has as many fields as MagTek's manual names", async (t) => {
  t.equal(magtek.kb_level2.text.split("|").length, magtekVectors.kb_fields.length);
  t.throws(() => magtekKeyboard.decode(line((parts) => parts.pop(), false)), { code: "reader_frame_field" });
});

t.test("the printed CRC is the one that another way of making it gives", async (t) => {
  const text = magtek.kb_level2.text;
  t.equal(crcOf(text.slice(0, text.indexOf("6F36"))), "6F36");
});

t.test("an encrypted line gives ciphertext, KSN and masks", async (t) => {
  const { masked, ksn } = magtek.hid_level3_encrypted;
  const frame = magtekKeyboard.decode(
    line((parts) => {
      parts[1] = "0600";
      for (const [n, length] of [64, 40, 32].entries()) parts[2 + n] = `${n}A`.repeat(length);
      parts[7] = "B400795";
      parts[9] = ksn;
    }),
  );
  t.equal(hexOf(frame.encryption?.ksn), ksn);
  t.equal(frame.encryption?.scheme, "tdes-dukpt-pin-cbc");
  t.strictSame(
    frame.encryption?.blocks.map(({ tracks, lengths, ciphertext }) => [tracks, lengths, ciphertext.length]),
    [
      [[1], [60], 64],
      [[2], [37], 40],
      [[3], [31], 32],
    ],
  );
  t.strictSame(
    frame.tracks.map(({ masked, clear }) => [masked, clear]),
    masked.map((text) => [text, undefined]),
  );
  t.equal(frame.serial, "B400795");
});

t.test("a mask that is the clear track itself is never given out as a mask", async (t) => {
  const clear = line((parts) => {
    parts[0] = parts.slice(2, 5).join("");
  });
  const frame = magtekKeyboard.decode(clear);
  t.ok(frame.tracks.every(({ masked }) => masked === undefined));
  t.strictSame(magtekKeyboard.encode(frame), clear);
});

t.test("a reader that sends no CRC is taken as it is, and any line end stays", async (t) => {
  const without = line((parts) => {
    parts[10] = "";
  }, false);
  t.strictSame(magtekKeyboard.encode(magtekKeyboard.decode(without)), without);
  const dos = Uint8Array.of(...example5, 0x0a);
  t.strictSame(magtekKeyboard.encode(magtekKeyboard.decode(dos)), dos);
});

t.test("broken MagTek lines have their failures", async (t) => {
  const set = (at: number, value: string, crc = true) => line((parts) => parts.splice(at, 1, value), crc);
  const bad: [string, Uint8Array, string][] = [
    ["nothing", new Uint8Array(), "reader_frame_length"],
    ["too long", ascii(`${"|".repeat(2000)}\r`), "reader_frame_length"],
    ["no line end", example5.subarray(0, -1), "reader_frame_end"],
    ["changed after its CRC was made", set(7, "B1", false), "reader_frame_checksum"],
    ["CRC of other length", set(10, "6F", false), "reader_frame_checksum"],
    ["status that is no hex", set(1, "02OO"), "reader_frame_field"],
    ["keys exhausted", set(1, "0300"), "reader_keys_exhausted"],
    ["masks that begin otherwise", set(0, "x1?"), "reader_frame_start"],
    ["masks in another order", set(0, ";1?%1?"), "reader_frame_start"],
    ["a mask that does not end", set(0, ";1"), "reader_frame_end"],
    ["encrypted without ciphertext", set(1, "0600"), "reader_frame_field"],
    ["a track without end sentinel", set(3, ";5452300551227189=0804321"), "reader_frame_field"],
    ["a track in another's place", set(3, "%B5452300551227189^A/B^0804321?"), "reader_frame_field"],
    ["a mask without its track", set(3, ""), "reader_frame_field"],
    ["a mask that shows the card", set(0, ";5452300551227189=0804000?"), "reader_mask_revealing"],
    ["a serial number with spaces", set(7, "B 1"), "reader_frame_field"],
    ["half a session id", set(8, "00000000"), "reader_frame_field"],
    ["half a KSN", set(9, "FFFF"), "reader_frame_field"],
  ];
  for (const [name, bytes, code] of bad) t.throws(() => magtekKeyboard.decode(bytes), { code }, name);
});

t.test("a frame that holds what a keyboard cannot type is refused", async (t) => {
  const frame = magtekKeyboard.decode(example5);
  t.throws(() => magtekKeyboard.encode({ ...frame, serial: "A|B" }), { code: "reader_frame_field" });
});

t.test("any clear frame comes back from its line", async (t) => {
  const fields = fc.tuple(field("magnePrintStatus", 4), field("magnePrint", 54), field("encryptedCrc", 4));
  fc.assert(
    fc.property(clearTracks, fields, fc.boolean(), (tracks, fields, withFields) => {
      const frame: ReaderFrame = {
        family: "magtek-keyboard",
        encoding: "undetermined",
        tracks,
        ...(withFields && { fields: [...fields, { name: "clearTextCrc", bytes: new Uint8Array(2) }] }),
        checks: [],
      };
      const text = magtekKeyboard.encode(frame);
      const back = magtekKeyboard.decode(text);
      t.strictSame(shown(back).tracks, shown(frame).tracks);
      t.strictSame(magtekKeyboard.encode(back), text);
    }),
    { seed: 51, numRuns: 100 },
  );
});

t.test("any encrypted frame comes back from its line", async (t) => {
  const masks = ["%B5452000000007189^HOGAN/PAUL^08040000000000?", ";5452000000007189=080400000000000000?"];
  fc.assert(
    fc.property(bytesOf(48), bytesOf(10), fc.boolean(), (ciphertext, ksn, seen) => {
      const [mask1 = "", mask2 = ""] = masks;
      const block = (number: 1 | 2, length: number) => ({
        tracks: [number],
        lengths: [length],
        ciphertext: ciphertext.slice(0, Math.ceil(length / 8) * 8),
      });
      const frame: ReaderFrame = {
        family: "magtek-keyboard",
        encoding: "undetermined",
        tracks: [
          { number: 1, state: "read", ...(seen && { masked: mask1 }) },
          { number: 2, state: "read", masked: mask2 },
          { number: 3, state: "error" },
        ],
        encryption: {
          scheme: "tdes-dukpt-pin-cbc",
          ksn,
          blocks: [block(1, mask1.length), block(2, mask2.length)],
          hashes: [],
        },
        checks: [],
      };
      const text = magtekKeyboard.encode(frame);
      const back = magtekKeyboard.decode(text);
      t.strictSame({ ...shown(back), fields: [] }, { ...shown(frame), fields: [] });
      t.strictSame(magtekKeyboard.encode(back), text);
    }),
    { seed: 52, numRuns: 50 },
  );
});

t.test("ID TECH's secured sample gives its masks, serial number and KSN", async (t) => {
  const frame = idtechKeyboard.decode(secured);
  t.equal(frame.family, "idtech-keyboard");
  t.equal(frame.serial, idtech.secured_keyboard_mode.serial);
  t.equal(hexOf(frame.encryption?.ksn), idtech.secured_keyboard_mode.ksn);
  t.strictSame(
    frame.tracks.map(({ masked }) => masked),
    ["%*4124********9990^TEST/BLUEFIN^****************?*", ";4124********9990=****************?*", undefined],
  );
  t.strictSame(
    frame.encryption?.blocks.map(({ tracks, lengths, ciphertext }) => [tracks, lengths, ciphertext.length]),
    [
      [[1], [50], 56],
      [[2], [36], 40],
    ],
  );
  t.equal(fieldOf(frame, "lrc"), "6E");
  t.equal(fieldOf(frame, "checksum"), "0A");
});

t.test("a carriage return behind the frame stays", async (t) => {
  const typed = ascii(`${idtech.secured_keyboard_mode.text}\r\n`);
  t.strictSame(idtechKeyboard.encode(idtechKeyboard.decode(typed)), typed);
});

t.test("broken ID TECH texts have their failures", async (t) => {
  const { text } = idtech.secured_keyboard_mode;
  const bad: [string, string, string][] = [
    ["nothing", "", "reader_frame_start"],
    ["another start", `03${text.slice(2)}`, "reader_frame_start"],
    ["another end", `${text.slice(0, -2)}04`, "reader_frame_end"],
    ["too short", "020000000003", "reader_frame_length"],
    ["length that is no hex", `02XX${text.slice(4)}`, "reader_frame_field"],
    ["one character lost", text.slice(0, 200) + text.slice(201), "reader_frame_length"],
    ["small digits", text.toLowerCase(), "reader_frame_field"],
    ["header that is no hex", `029C01ZZ${text.slice(8)}`, "reader_frame_field"],
    ["two lines behind it", `${text}\r\r\r`, "reader_frame_end"],
    ["unknown card encode type", `029C0186${text.slice(8)}`, "reader_frame_field"],
    ["a longer track than there is", `029C01801FFF${text.slice(12)}`, "reader_frame_field"],
  ];
  for (const [name, text, code] of bad) t.throws(() => idtechKeyboard.decode(ascii(text)), { code }, name);
});

t.test("any clear frame comes back from its text, original or enhanced", async (t) => {
  fc.assert(
    fc.property(clearTracks, fc.constantFrom(0x80, 0), (tracks, type) => {
      const frame: ReaderFrame = {
        family: "idtech-keyboard",
        encoding: "iso",
        tracks,
        fields: [{ name: "cardEncodeType", bytes: Uint8Array.of(type) }],
        checks: [],
      };
      const text = idtechKeyboard.encode(frame);
      const back = idtechKeyboard.decode(text);
      t.strictSame({ ...shown(back), fields: [] }, { ...shown(frame), fields: [] });
      t.strictSame(idtechKeyboard.encode(back), text);
    }),
    { seed: 53, numRuns: 100 },
  );
});
