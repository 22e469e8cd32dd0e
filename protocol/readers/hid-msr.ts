import { carriesLrc, lrcByStartSentinel } from "../card/lrc.ts";
import {
  ReaderDescriptorWithoutTracks,
  ReaderFrameField,
  ReaderFrameLength,
  ReaderFrameStart,
  TrackLrc,
} from "../errors.ts";
import { SensitiveBytes } from "../sensitive-bytes.ts";
import { readerCodec } from "./frame-checks.ts";
import {
  findUsage,
  parseReportDescriptor,
  readBits,
  reportLength,
  type UsagePlace,
  writeBits,
} from "./hid-report-descriptor.ts";
import type { ReaderCodec, ReaderTrack, TrackNumber } from "./reader-frame.ts";

/*
 * Magnetic stripe readers of the USB-IF's "HID Point of Sale Usage Tables" 1.02, page 0x8E. The page has a length and
 * the decoded characters of each track, and nothing that tells an unread track from a blank one.
 */

/** Magnetic stripe readers, HID Point of Sale Usage Tables 1.02. */
export const MSR_USAGE_PAGE = 0x8e;
const TRACK_LENGTH = MSR_USAGE_PAGE * 0x1_0000 + 0x10;
const TRACK_DATA = MSR_USAGE_PAGE * 0x1_0000 + 0x20;

const NUMBERS: readonly TrackNumber[] = [1, 2, 3];
/** One bit for each track that ended with its LRC character. */
const LRC_SENT = "lrcSent";

interface TrackPlace {
  readonly number: TrackNumber;
  readonly length: UsagePlace;
  readonly data: UsagePlace;
}

/**
 * The codec of one device: its report descriptor says where everything lies. A frame is one input report, with the byte
 * of its report id where the device uses them. What a report carries beside the tracks is not kept (it may be a JIS
 * track), so `encode` writes zeros there.
 *
 * @param descriptor as the device gives it for GET_DESCRIPTOR 0x22
 * @throws ReaderDescriptorTruncated | ReaderDescriptorInvalid | ReaderDescriptorTooLarge
 * @throws ReaderDescriptorWithoutTracks when no single input report has length and data of track 1 or 2
 */
export function hidMsr(descriptor: Uint8Array): ReaderCodec {
  const parsed = parseReportDescriptor(descriptor);
  const places = NUMBERS.flatMap((number): TrackPlace[] => {
    const length = findUsage(parsed, "input", TRACK_LENGTH + number);
    const data = findUsage(parsed, "input", TRACK_DATA + number);
    return length && data ? [{ number, length, data }] : [];
  });
  const reportId = reportIdOf(places);
  const idBytes = parsed.usesReportIds ? 1 : 0;
  const size = reportLength(parsed, "input", reportId);

  return readerCodec(
    "hid-msr",
    (bytes, checks) => {
      checks.check("report id", idBytes === 0 || bytes[0] === reportId, ReaderFrameStart, `${reportId} expected`);
      checks.require("report length", bytes.length === size, ReaderFrameLength, `${bytes.length} of ${size} bytes`);
      const report = bytes.subarray(idBytes);
      const tracks = places.map(({ number, length, data }) => {
        const characters = readBits(report, length.bitOffset, length.field.size);
        checks.check(
          `track ${number} length`,
          characters <= data.count,
          ReaderFrameField,
          `${characters} of at most ${data.count} characters`,
        );
        return { number, data, length: Math.min(characters, data.count) };
      });
      checks.settle();

      const read = new Map<TrackNumber, Uint8Array>();
      let lrcSent = 0;
      try {
        for (const { number, data, length } of tracks) {
          const characters = readCharacters(report, data.bitOffset, length);
          read.set(number, characters);
          if (!carriesLrc(characters)) continue;
          lrcSent |= 1 << (number - 1);
          const right = lrcByStartSentinel(characters.subarray(0, -1)) === characters.at(-1);
          checks.check(`track ${number} LRC`, right, TrackLrc, `character ${length}`);
        }
        checks.settle();
        const trackOf = (number: TrackNumber): ReaderTrack => {
          const characters = read.get(number);
          if (!characters || characters.length === 0) return { number, state: "blank" };
          const end = carriesLrc(characters) ? -1 : characters.length;
          return { number, state: "read", clear: SensitiveBytes.copyOf(characters.subarray(0, end)) };
        };
        return {
          encoding: "undetermined",
          tracks: [trackOf(1), trackOf(2), trackOf(3)],
          fields: [{ name: LRC_SENT, bytes: Uint8Array.of(lrcSent) }],
        };
      } finally {
        for (const characters of read.values()) characters.fill(0);
      }
    },
    (frame) => {
      if (frame.encryption) throw new ReaderFrameField({ detail: "page 0x8E has no place for encrypted tracks" });
      const lrcSent = frame.fields?.find(({ name }) => name === LRC_SENT)?.bytes[0] ?? 0;
      const bytes = new Uint8Array(size);
      if (idBytes > 0) bytes[0] = reportId;
      const report = bytes.subarray(idBytes);
      for (const { number, state, clear } of frame.tracks) {
        if (state === "error") throw new ReaderFrameField({ detail: `track ${number} in error` });
        const place = places.find((place) => place.number === number);
        clear?.use((track) => {
          const length = track.length + ((lrcSent >> (number - 1)) & 1);
          if (!place || length > place.data.count || length >= 2 ** place.length.field.size) {
            bytes.fill(0);
            throw new ReaderFrameField({
              detail: `track ${number}, ${length} of ${place?.data.count ?? 0} characters`,
            });
          }
          writeBits(report, place.length.bitOffset, place.length.field.size, length);
          for (const [n, character] of track.entries()) {
            writeBits(report, place.data.bitOffset + n * 8, 8, character);
          }
          if (length > track.length) {
            writeBits(report, place.data.bitOffset + track.length * 8, 8, lrcByStartSentinel(track));
          }
        });
      }
      return bytes;
    },
  );
}

function reportIdOf(places: readonly TrackPlace[]): number {
  const [first] = places;
  if (!first || first.number === 3) throw new ReaderDescriptorWithoutTracks({ detail: "neither track 1 nor track 2" });
  const { reportId } = first.data.field;
  for (const { number, length, data } of places) {
    if (data.field.reportId !== reportId || length.field.reportId !== reportId) {
      throw new ReaderDescriptorWithoutTracks({
        detail: `track ${number} is in another report than track ${first.number}`,
      });
    }
    if (data.field.size !== 8 || length.field.size > 32) {
      throw new ReaderDescriptorWithoutTracks({
        detail: `track ${number}: ${data.field.size} bits a character, ${length.field.size} for their number`,
      });
    }
  }
  return reportId;
}

/** A new array, also where the characters do not begin with a byte. */
function readCharacters(report: Uint8Array, bitOffset: number, length: number): Uint8Array {
  if (bitOffset % 8 === 0) return report.slice(bitOffset / 8, bitOffset / 8 + length);
  return Uint8Array.from({ length }, (_, n) => readBits(report, bitOffset + n * 8, 8));
}
