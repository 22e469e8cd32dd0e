import { SensitiveBytes } from "../../sensitive-bytes.ts";
import { idtechCommand, malformed } from "./message.ts";

/** 80096504-001 "Track Selection Option", in the order of their digits. */
export const TRACK_SELECTIONS = [
  "any",
  "1",
  "2",
  "1 and 2",
  "3",
  "1 and 3",
  "2 and 3",
  "1, 2 and 3",
  "1 or 2",
  "2 or 3",
] as const;
/** One of {@link TRACK_SELECTIONS}. */
export type TrackSelection = (typeof TRACK_SELECTIONS)[number];

const DIGIT_ZERO = 0x30;

/** What an armed reader kept of the last card, a frame or bare tracks as it is set. The reader keeps it. */
export const readBuffered = idtechCommand<{ readonly tracks: TrackSelection }, { readonly data: SensitiveBytes }>(
  "read buffered data",
  0x51,
  {
    encode: ({ tracks }) => Uint8Array.of(1, DIGIT_ZERO + TRACK_SELECTIONS.indexOf(tracks)),
    decode(data) {
      const [length, digit = 0, ...others] = data;
      const tracks = TRACK_SELECTIONS[digit - DIGIT_ZERO];
      if (length !== 1 || tracks === undefined || others.length > 0) throw malformed(`${data.length} bytes`);
      return { tracks };
    },
  },
  {
    encode: ({ data }) =>
      data.use((bytes) => {
        const message = new Uint8Array(2 + bytes.length);
        message.set([bytes.length >> 8, bytes.length & 0xff]);
        message.set(bytes, 2);
        return message;
      }),
    decode(message) {
      const [high = 0, low = 0] = message;
      const announced = (high << 8) | low;
      if (message.length !== announced + 2)
        throw malformed(`${announced} bytes announced, ${message.length - 2} there`);
      return { data: SensitiveBytes.copyOf(message.subarray(2)) };
    },
  },
);
