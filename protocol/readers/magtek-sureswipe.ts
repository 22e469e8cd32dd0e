import { ReaderFrameField, ReaderFrameLength } from "../errors.ts";
import { SensitiveBytes } from "../sensitive-bytes.ts";
import { readerCodec } from "./frame-checks.ts";
import { at, eachTrack, type Place, put, readHeader, TRACK_LENGTH, writeHeader } from "./magtek-report.ts";

/** MagTek SureSwipe, USB HID without encryption (0801:0002): one input report a swipe. */

const LENGTH = 337;
const SLOT = 110;
const SLOTS: readonly [Place, Place, Place] = [
  [7, SLOT],
  [117, SLOT],
  [227, SLOT],
];

/** MagTek SureSwipe as a HID device, D99875191: reports of 337 bytes. */
export const magtekSureswipe = readerCodec(
  "magtek-sureswipe",
  (bytes, checks) => {
    checks.require(
      "report length",
      bytes.length === LENGTH,
      ReaderFrameLength,
      `${bytes.length} bytes, ${LENGTH} expected`,
    );
    const { encoding, lengths, states } = readHeader(bytes, SLOT, checks);
    checks.settle();
    return {
      encoding,
      tracks: eachTrack((number, n) => {
        const state = states[n] ?? "blank";
        if (state !== "read") return { number, state };
        return { number, state, clear: SensitiveBytes.copyOf(at(bytes, [SLOTS[n][0], lengths[n] ?? 0])) };
      }),
    };
  },
  (frame) => {
    if (frame.encryption) throw new ReaderFrameField({ detail: "SureSwipe does not encrypt" });
    const report = new Uint8Array(LENGTH);
    writeHeader(report, frame);
    eachTrack((number, n) => {
      frame.tracks[n].clear?.use((track) => {
        put(report, SLOTS[n], track, `track ${number}`);
        report[TRACK_LENGTH[n]] = track.length;
      });
    });
    return report;
  },
);
