import { asciiLines } from "@swipewire/protocol/readers/ascii-lines";
import type { ReaderFrame } from "@swipewire/protocol/readers/reader-frame";
import fc from "fast-check";
import t from "tap";
import { ascii, clearText, clearTracks, magtek, shown } from "./frame-samples.ts";

const TRACK_2 = ";5452300551227189=080432100000007250?";

t.test("MagTek's example 4, all tracks on one line, is taken apart and put together again", async (t) => {
  const line = ascii(magtek.kb_level2_sureswipe.text);
  const frame = asciiLines.decode(line);
  t.strictSame(
    frame.tracks.map(({ clear }) => clearText(clear)),
    [magtek.hid_level2_clear.track1, magtek.hid_level2_clear.track2, magtek.hid_level2_clear.track3],
  );
  t.strictSame(asciiLines.encode(frame), line);
});

t.test("MagTek's example 5, with fields between the tracks, is not of this family", async (t) => {
  t.throws(() => asciiLines.decode(ascii(magtek.kb_level2.text)), { code: /reader_frame_(start|length)/ });
});

t.test("tracks on lines of their own, ended by CR, LF or both, come back as they were", async (t) => {
  for (const end of ["\r", "\n", "\r\n"]) {
    const lines = ascii(`%B5452300551227189^HOGAN/PAUL^0804321?${end}${TRACK_2}${end}`);
    const frame = asciiLines.decode(lines);
    t.strictSame(
      frame.tracks.map(({ state }) => state),
      ["read", "read", "blank"],
    );
    t.strictSame(asciiLines.encode(frame), lines);
  }
});

t.test("a track in error is told", async (t) => {
  const frame = asciiLines.decode(ascii(`%E?${TRACK_2}+E?\r`));
  t.strictSame(
    frame.tracks.map(({ state }) => state),
    ["error", "read", "error"],
  );
  t.strictSame(asciiLines.encode(frame), ascii(`%E?${TRACK_2}+E?\r`));
});

t.test("broken lines have their failures", async (t) => {
  const bad: [string, string][] = [
    ["", "reader_frame_length"],
    [`${TRACK_2}\r`.repeat(9), "reader_frame_length"],
    ["\r", "reader_frame_start"],
    [`x${TRACK_2}\r`, "reader_frame_start"],
    [TRACK_2, "reader_frame_end"],
    [";5452300551227189=0804", "reader_frame_end"],
    [`${TRACK_2}${TRACK_2}\r`, "reader_frame_field"],
    [`${TRACK_2}%B5452300551227189^A/B^0804321?\r`, "reader_frame_field"],
    [`${TRACK_2}\r\r\r`, "reader_frame_field"],
    [`%E?\r${TRACK_2}\n+E?\r`, "reader_frame_field"],
  ];
  for (const [text, code] of bad) t.throws(() => asciiLines.decode(ascii(text)), { code }, code);
});

t.test("any clear frame comes back from its lines", async (t) => {
  const lineEnds = fc.constantFrom("\r", "\n", "\r\n");
  const any = fc.tuple(
    clearTracks.filter((tracks) => tracks.some(({ state }) => state !== "blank")),
    lineEnds,
    fc.oneof(fc.constant(""), lineEnds),
  );
  fc.assert(
    fc.property(any, ([tracks, lineEnd, between]) => {
      const frame: ReaderFrame = {
        family: "ascii",
        encoding: "undetermined",
        tracks,
        fields: [
          { name: "betweenTracks", bytes: ascii(between) },
          { name: "lineEnd", bytes: ascii(lineEnd) },
        ],
        checks: [],
      };
      const bytes = asciiLines.encode(frame);
      const back = asciiLines.decode(bytes);
      t.strictSame(shown(back).tracks, shown(frame).tracks);
      t.strictSame(asciiLines.encode(back), bytes);
    }),
    { seed: 9, numRuns: 100 },
  );
});
