import { asciiLines } from "@swipewire/protocol/readers/ascii-lines";
import { maskFrameTrack } from "@swipewire/protocol/readers/card-encoding";
import { detectFamily } from "@swipewire/protocol/readers/families";
import { frameStream } from "@swipewire/protocol/readers/frame-streams";
import { idtech as idtechCodec } from "@swipewire/protocol/readers/idtech";
import { magtekKeyboard } from "@swipewire/protocol/readers/magtek-keyboard";
import { magtekMagnesafe } from "@swipewire/protocol/readers/magtek-magnesafe";
import { magtekSureswipe } from "@swipewire/protocol/readers/magtek-sureswipe";
import type { CardEncoding, ReaderFrame, ReaderTrack } from "@swipewire/protocol/readers/reader-frame";
import { swipeFromFrame } from "@swipewire/protocol/readers/swipe-from-frame";
import { SensitiveBytes } from "@swipewire/protocol/sensitive-bytes";
import t from "tap";
import magtekVectors from "../../fixtures/magtek.json" with { type: "json" };
import { ascii, clearText, hex, magtek, shown } from "./frame-samples.ts";

/** After the AAMVA card design standard: what a track 2 begins with reads as a card number of 19 digits. */
const LICENCE = [
  "%CAANYTOWN^DOE$JOHN$Q^1 MAIN ST^?",
  ";6360150123456789012=240119700101?",
  "%!!90210      C               1510180BRNBRN?",
];

const track = (number: 1 | 2 | 3, bytes: Uint8Array): ReaderTrack => ({
  number,
  state: "read",
  clear: new SensitiveBytes(bytes),
});
const [one = "", two = "", three = ""] = LICENCE;
const licence = (
  family: ReaderFrame["family"],
  encoding: CardEncoding,
  fields: ReaderFrame["fields"] = [],
): ReaderFrame => ({
  family,
  encoding,
  tracks: [track(1, ascii(one)), track(2, ascii(two)), track(3, ascii(three))],
  fields,
  checks: [],
});

t.test("MagTek's card encode types pass through as they are published", async (t) => {
  const names: Record<CardEncoding, string> = {
    iso: "ISO/ABA",
    aamva: "AAMVA",
    cadl: "CADL (SureSwipe) / reserved",
    blank: "blank",
    other: "other",
    undetermined: "undetermined",
    none: "none",
    raw: "",
    jis: "",
  };
  for (const [type, name] of Object.entries(magtekVectors.card_encode_types)) {
    const report = hex(magtek.hid_level2_clear.report);
    report[6] = Number(type);
    const frame = magtekMagnesafe.decode(report);
    t.equal(names[frame.encoding], name);
    t.strictSame(magtekMagnesafe.encode(frame), report);
  }
});

t.test("a licence's tracks come out of a frame as they went in", async (t) => {
  for (const encoding of ["aamva", "cadl"] as const) {
    const frame = licence("magtek-sureswipe", encoding);
    const back = magtekSureswipe.decode(magtekSureswipe.encode(frame));
    t.equal(back.encoding, encoding);
    t.strictSame(
      back.tracks.map(({ clear }) => clearText(clear)),
      LICENCE,
    );
  }
  const type = { name: "cardEncodeType", bytes: Uint8Array.of(0x81) };
  const back = idtechCodec.decode(idtechCodec.encode(licence("idtech", "aamva", [type])));
  t.strictSame(shown(back).tracks, shown(licence("idtech", "aamva")).tracks);
});

/** The licence as a keyboard types it, after the sentinels of MagTek D99875206 "Card data". */
const typed = (third: string, second = two) => `${one}${second}${third}${three.slice(1)}`;

t.test("a licence that is typed is told by its start sentinels, and keeps those of its stripe", async (t) => {
  for (const [text, encoding] of [
    [typed("#"), "aamva"],
    [typed("!"), "cadl"],
    [typed("&"), "other"],
    [typed("#", `@${one.slice(1)}`), "aamva"],
    [`@${one.slice(1)}+E?`, "other"],
  ] as const) {
    const line = ascii(`${text}\r`);
    const frame = asciiLines.decode(line);
    t.equal(frame.encoding, encoding, text);
    const third = clearText(frame.tracks[2].clear);
    if (third !== undefined) t.equal(third, three);
    t.strictSame(asciiLines.encode(frame), line);
    t.equal(detectFamily(line), "ascii");
    const stream = frameStream("ascii");
    t.strictSame([...stream.push(line), ...stream.flush()], [{ frame: line }]);
    t.throws(() => swipeFromFrame(frame), { code: encoding === "other" ? /^track_/ : "reader_card_not_payment" });
  }
  t.equal(asciiLines.decode(ascii(`${two}\r`)).encoding, "undetermined");
  t.equal(detectFamily(ascii(`#${three.slice(1)}\r`)), "ascii");
});

t.test("so is one in MagTek's own lines, clear or encrypted", async (t) => {
  for (const encoding of ["aamva", "cadl"] as const) {
    const clear = magtekKeyboard.encode(licence("magtek-keyboard", encoding));
    const back = magtekKeyboard.decode(clear);
    t.equal(back.encoding, encoding);
    t.strictSame(
      back.tracks.map(({ clear }) => clearText(clear)),
      LICENCE,
    );
    t.strictSame(magtekKeyboard.encode(back), clear);
    const encrypted = magtekKeyboard.encode({
      family: "magtek-keyboard",
      encoding,
      tracks: [
        { number: 1, state: "blank" },
        { number: 2, state: "blank" },
        { number: 3, state: "read" },
      ],
      encryption: {
        scheme: "tdes-dukpt-pin-cbc",
        ksn: new Uint8Array(10),
        blocks: [{ tracks: [3], lengths: [three.length], ciphertext: new Uint8Array(48) }],
        hashes: [],
      },
      checks: [],
    });
    t.equal(magtekKeyboard.decode(encrypted).encoding, encoding);
    t.throws(() => swipeFromFrame(magtekKeyboard.decode(encrypted)), { code: "reader_card_not_payment" });
  }
});

t.test("bits that the reader did not decode are neither checked for an LRC nor cut", async (t) => {
  const bits = Uint8Array.of(0x0b, 0x3f, 0x21, 0xff, 0, 7, 0x3f, 0x55);
  for (const [encoding, type] of [
    ["raw", 0x84],
    ["jis", 0x85],
    ["raw", 4],
  ] as const) {
    const frame: ReaderFrame = {
      ...licence("idtech", encoding, [{ name: "cardEncodeType", bytes: Uint8Array.of(type) }]),
      tracks: [{ number: 1, state: "blank" }, track(2, bits.slice()), { number: 3, state: "blank" }],
    };
    const back = idtechCodec.decode(idtechCodec.encode(frame));
    t.equal(back.encoding, encoding);
    t.strictSame(
      back.tracks[1].clear?.use((bytes) => bytes.slice()),
      bits,
    );
  }
});

t.test("none of them is a payment, clear or encrypted, and what was clear is wiped", async (t) => {
  for (const encoding of ["aamva", "cadl", "raw", "jis"] as const) {
    const frame = licence("idtech", encoding);
    t.throws(() => swipeFromFrame(frame), { code: "reader_card_not_payment", message: new RegExp(encoding) });
    t.ok(frame.tracks.every(({ clear }) => clear?.wiped));
  }
  const encrypted = hex(magtek.hid_level3_encrypted.report);
  encrypted[6] = 1;
  t.throws(() => swipeFromFrame(magtekMagnesafe.decode(encrypted)), { code: "reader_card_not_payment" });
});

t.test("nothing of them is shown masked, though a licence number parses as a card's", async (t) => {
  t.match(maskFrameTrack({ encoding: "iso" }, 2, ascii(two)), /^;636015\*{9}9012=/);
  for (const encoding of ["aamva", "cadl", "raw", "jis"] as const) {
    t.equal(maskFrameTrack({ encoding }, 2, ascii(two)), undefined);
  }
});
