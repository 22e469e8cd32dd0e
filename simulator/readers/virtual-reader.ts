import { createHash } from "node:crypto";
import { lrcByStartSentinel } from "@swipewire/protocol/card/lrc";
import { deriveInitialKey, tdesDukpt } from "@swipewire/protocol/crypto/dukpt-tdes";
import { DukptTerminal, type DukptTransaction } from "@swipewire/protocol/crypto/dukpt-terminal";
import { encryptReaderBlock } from "@swipewire/protocol/crypto/reader-block";
import { readerFamilies } from "@swipewire/protocol/readers/families";
import type {
  FixedFamily,
  ReaderCodec,
  ReaderEncryption,
  ReaderFamily,
  ReaderFrame,
  ReaderTrack,
  TrackNumber,
} from "@swipewire/protocol/readers/reader-frame";
import { wipeFrame } from "@swipewire/protocol/readers/swipe-from-frame";
import { SensitiveBytes } from "@swipewire/protocol/sensitive-bytes";
import type { TestCard, TestCardTrack } from "../cards/test-cards.ts";
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
  /**
   * What a reader of this family sends when `card` is swiped.
   * @param unreadable tracks that its head can make nothing of
   * @throws ReaderKeysExhausted
   */
  nextFrame(card: TestCard, unreadable?: readonly TrackNumber[]): Uint8Array;
}

/**
 * A reader that sends what a real one would: the codec of its family encodes each swipe under the next key.
 * @param kind a family, or the codec of a HID POS reader's descriptor
 */
export function virtualReader(kind: FixedFamily | ReaderCodec, options: VirtualReaderOptions): VirtualReader {
  const codec = typeof kind === "string" ? readerFamilies[kind] : kind;
  const { family } = codec;
  const published = options.replay ? publishedFrames[family] : undefined;
  const make = makers[family];
  let replayed = false;
  let keys: DukptTerminal | undefined;
  return {
    family,
    nextFrame(swiped, unreadable = []) {
      const card = { ...swiped, tracks: swiped.tracks.filter(({ number }) => !unreadable.includes(number)) };
      if (published && !replayed && published.card === card.name) {
        replayed = true;
        if (published.ksn) {
          keys?.wipe();
          keys = injected(options.bdk, published.ksn);
          keys.next().key.wipe();
        }
        return published.bytes.slice();
      }
      if (!make.encrypts) return encode(codec, make.frame(card), unreadable);
      keys ??= injected(options.bdk, options.ksn);
      const transaction = keys.next();
      try {
        return encode(codec, make.frame(card, transaction), unreadable);
      } finally {
        transaction.key.wipe();
      }
    },
  };
}

/** The keys of a reader whose next frame has this KSN. */
function injected(bdk: Uint8Array, ksn: Uint8Array): DukptTerminal {
  const initialKey = deriveInitialKey(bdk, ksn);
  try {
    return new DukptTerminal(tdesDukpt, initialKey, ksn);
  } finally {
    initialKey.fill(0);
  }
}

type Content = Omit<ReaderFrame, "family" | "checks">;

type Maker =
  | { readonly encrypts: false; frame(card: TestCard): Content }
  | { readonly encrypts: true; frame(card: TestCard, transaction: DukptTransaction): Content };

const asMagtek: Maker = {
  encrypts: true,
  frame: (card, transaction) => encrypted(card, transaction, "tdes-dukpt-pin-cbc", maskAsMagtek),
};
const asIdtech: Maker = {
  encrypts: true,
  frame: (card, transaction) => encrypted(card, transaction, "tdes-dukpt-data-cbc", maskAsIdtech),
};
const clear = (encoding: ReaderFrame["encoding"]): Maker => ({
  encrypts: false,
  frame: (card) => ({ encoding, tracks: tracksOf(card, clearTrack) }),
});

const makers: Readonly<Record<ReaderFamily, Maker>> = {
  "magtek-sureswipe": clear("iso"),
  "magtek-magnesafe": asMagtek,
  "magtek-keyboard": asMagtek,
  idtech: asIdtech,
  "idtech-keyboard": asIdtech,
  ascii: clear("undetermined"),
  "hid-msr": clear("undetermined"),
};

function encode(codec: ReaderCodec, content: Content, unreadable: readonly TrackNumber[]): Uint8Array {
  const [track1, track2, track3] = content.tracks;
  // A HID POS report has no place to say that a track was there and could not be read.
  const state = codec.family === "hid-msr" ? "blank" : "error";
  const seen = (track: ReaderTrack): ReaderTrack =>
    unreadable.includes(track.number) ? { number: track.number, state } : track;
  const tracks = [seen(track1), seen(track2), seen(track3)] as const;
  const frame: ReaderFrame = { family: codec.family, checks: [], ...content, tracks };
  try {
    return codec.encode(frame);
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
  { ksn, key }: DukptTransaction,
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
          ciphertext: key.use((bytes) => encryptReaderBlock(bytes, scheme, data)),
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
