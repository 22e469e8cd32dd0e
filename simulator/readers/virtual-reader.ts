import { createHash } from "node:crypto";
import { lrcByStartSentinel } from "@swipewire/protocol/card/lrc";
import { ksnCounter, withCounter } from "@swipewire/protocol/crypto/dukpt-tdes";
import { encryptReaderBlock } from "@swipewire/protocol/crypto/reader-block";
import { readerFamilies } from "@swipewire/protocol/readers/families";
import type {
  ReaderEncryption,
  ReaderFamily,
  ReaderFrame,
  ReaderTrack,
  TrackNumber,
} from "@swipewire/protocol/readers/reader-frame";
import { wipeFrame } from "@swipewire/protocol/readers/swipe-from-frame";
import { SensitiveBytes } from "@swipewire/protocol/sensitive-bytes";
import type { TestCard, TestCardTrack } from "../cards/test-cards.ts";
import { ReaderCountersSpent } from "../errors.ts";
import { publishedFrames } from "./published-frames.ts";
import { maskAsIdtech, maskAsMagtek } from "./reader-masks.ts";

export interface VirtualReaderOptions {
  /** 16 bytes, a test key. Families that do not encrypt ignore it. */
  readonly bdk: Uint8Array;
  /** 10 bytes: of the first frame. */
  readonly ksn: Uint8Array;
  /**
   * The first swipe of the card that the maker's manual shows gives the manual's own frame, byte for byte, and the
   * reader goes on from the manual's KSN.
   */
  readonly replay?: boolean;
}

export interface VirtualReader {
  readonly family: ReaderFamily;
  /** What a reader of this family sends when `card` is swiped. @throws ReaderCountersSpent */
  nextFrame(card: TestCard): Uint8Array;
}

/** A reader that sends what a real one would: the codec of its family encodes each swipe under the next key. */
export function virtualReader(family: ReaderFamily, options: VirtualReaderOptions): VirtualReader {
  const published = options.replay ? publishedFrames[family] : undefined;
  let replayed = false;
  let next: Uint8Array | undefined = options.ksn;
  return {
    family,
    nextFrame(card) {
      if (published && !replayed && published.card === card.name) {
        replayed = true;
        if (published.ksn) next = ksnAfter(published.ksn);
        return published.bytes.slice();
      }
      const make = makers[family];
      if (!make.encrypts) return encode(family, make.frame(card));
      if (!next) throw new ReaderCountersSpent();
      const ksn = next;
      next = ksnAfter(ksn);
      return encode(family, make.frame(card, options.bdk, ksn));
    },
  };
}

/** X9.24-1:2009 A.2: counters with more than ten ones are skipped. */
function ksnAfter(ksn: Uint8Array): Uint8Array | undefined {
  for (let counter = ksnCounter(ksn) + 1; counter < 1 << 21; counter++) {
    let ones = 0;
    for (let rest = counter; rest > 0; rest >>= 1) ones += rest & 1;
    if (ones <= 10) return withCounter(ksn, counter);
  }
  return undefined;
}

type Content = Omit<ReaderFrame, "family" | "checks">;

type Maker =
  | { readonly encrypts: false; frame(card: TestCard): Content }
  | { readonly encrypts: true; frame(card: TestCard, bdk: Uint8Array, ksn: Uint8Array): Content };

const makers: Readonly<Record<ReaderFamily, Maker>> = {
  "magtek-sureswipe": { encrypts: false, frame: (card) => ({ encoding: "iso", tracks: tracksOf(card, clearTrack) }) },
  "magtek-magnesafe": {
    encrypts: true,
    frame: (card, bdk, ksn) => encrypted(card, bdk, ksn, "tdes-dukpt-pin-cbc", maskAsMagtek),
  },
  idtech: {
    encrypts: true,
    frame: (card, bdk, ksn) => encrypted(card, bdk, ksn, "tdes-dukpt-data-cbc", maskAsIdtech),
  },
  ascii: { encrypts: false, frame: (card) => ({ encoding: "undetermined", tracks: tracksOf(card, clearTrack) }) },
};

function encode(family: ReaderFamily, content: Content): Uint8Array {
  const frame: ReaderFrame = { family, checks: [], ...content };
  try {
    return readerFamilies[family].encode(frame);
  } finally {
    wipeFrame(frame);
  }
}

function tracksOf(card: TestCard, read: (track: TestCardTrack) => ReaderTrack): ReaderFrame["tracks"] {
  const trackOf = (number: TrackNumber): ReaderTrack => {
    const track = card.tracks.find((track) => track.number === number);
    return track ? read(track) : { number, state: "blank" };
  };
  return [trackOf(1), trackOf(2), trackOf(3)];
}

const clearTrack = ({ number, data }: TestCardTrack): ReaderTrack => ({
  number,
  state: "read",
  clear: SensitiveBytes.copyOf(data),
});

/** Each track by itself, as MagTek and ID TECH's enhanced format do. */
function encrypted(
  card: TestCard,
  bdk: Uint8Array,
  ksn: Uint8Array,
  scheme: ReaderEncryption["scheme"],
  mask: (track: TestCardTrack) => string,
): Content {
  // ID TECH encrypts the LRC character too, and hashes what it encrypted.
  const isIdtech = scheme === "tdes-dukpt-data-cbc";
  const sent = card.tracks.map(({ number, data }) => ({
    number,
    data: isIdtech ? Uint8Array.of(...data, lrcByStartSentinel(data)) : data.slice(),
  }));
  try {
    return {
      encoding: "iso",
      tracks: tracksOf(card, (track) => ({ number: track.number, state: "read", masked: mask(track) })),
      encryption: {
        scheme,
        ksn,
        blocks: sent.map(({ number, data }) => ({
          tracks: [number],
          lengths: [data.length],
          ciphertext: encryptReaderBlock(bdk, scheme, ksn, data),
        })),
        hashes: isIdtech
          ? sent.map(({ number, data }) => ({
              track: number,
              sha1: Uint8Array.from(createHash("sha1").update(data).digest()),
            }))
          : [],
      },
    };
  } finally {
    for (const { data } of sent) data.fill(0);
  }
}
