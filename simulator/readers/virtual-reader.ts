import { createHash } from "node:crypto";
import { lrcByStartSentinel } from "@swipewire/protocol/card/lrc";
import type { DukptTransaction } from "@swipewire/protocol/crypto/dukpt-terminal";
import { encryptReaderBlock } from "@swipewire/protocol/crypto/reader-block";
import type { Random } from "@swipewire/protocol/random";
import { readerFamilies } from "@swipewire/protocol/readers/families";
import type { IdtechSecurityLevel } from "@swipewire/protocol/readers/idtech-commands/encryption";
import type { Property } from "@swipewire/protocol/readers/magtek-commands/properties";
import type {
  FixedFamily,
  FrameField,
  ReaderCodec,
  ReaderEncryption,
  ReaderFamily,
  ReaderFrame,
  ReaderTrack,
  TrackNumber,
} from "@swipewire/protocol/readers/reader-frame";
import { wipeFrame } from "@swipewire/protocol/readers/swipe-from-frame";
import { SensitiveBytes } from "@swipewire/protocol/sensitive-bytes";
import type { Clock } from "@swipewire/protocol/time";
import type { TestCard, TestCardTrack } from "../cards/test-cards.ts";
import type { CommandSide } from "./command-side.ts";
import { IdtechCommands } from "./idtech-commands.ts";
import { MagtekCommands, type MagtekSecurityLevel } from "./magtek-commands.ts";
import type { MagtekInterface } from "./magtek-properties.ts";
import { type PublishedFrame, publishedFrames } from "./published-frames.ts";
import { ReaderKeys } from "./reader-keys.ts";
import { maskAsIdtech, maskAsMagtek } from "./reader-masks.ts";

/** Of a reader that hears commands: how it is set, and what it takes time and chance from. */
export interface ReaderDevice {
  readonly clock: Clock;
  readonly random: Random;
  /** Of a MagneSafe reader: 3, encrypting, unless given. */
  readonly magtekLevel?: MagtekSecurityLevel;
  readonly magtekProperties?: Partial<Record<Property, Uint8Array>>;
  /** Of an ID TECH reader: encrypted, unless given. */
  readonly idtechLevel?: IdtechSecurityLevel;
}

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
  /** Without it the reader hears nothing, and is as its maker delivers it to who wants it encrypting. */
  readonly device?: ReaderDevice;
}

export interface VirtualReader {
  /** What the reader is; of a MagneSafe reader the interface that it was last set to. */
  readonly family: ReaderFamily;
  /**
   * What a reader of this family sends when `card` is swiped: nothing, where it was told to keep it, or does not know its
   * host.
   * @param unreadable tracks that its head can make nothing of
   * @throws ReaderKeysExhausted
   */
  nextFrame(card: TestCard, unreadable?: readonly TrackNumber[]): Uint8Array;
  /** Resolves once it would take a card; absent where it always does. */
  ready?(): Promise<void>;
  /** Where its family has commands and it was given a device. */
  readonly commands?: CommandSide;
}

const MAGTEK_INTERFACES: Partial<Record<ReaderFamily, MagtekInterface>> = {
  "magtek-sureswipe": "sureswipe",
  "magtek-magnesafe": "hid",
  "magtek-keyboard": "keyboard",
};
const MAGTEK_FAMILIES = {
  sureswipe: "magtek-sureswipe",
  hid: "magtek-magnesafe",
  keyboard: "magtek-keyboard",
} as const satisfies Record<MagtekInterface, FixedFamily>;
const NOTHING = new Uint8Array();

/**
 * A reader that sends what a real one would: the codec of its family encodes each swipe under the next key.
 * @param kind a family, or the codec of a HID POS reader's descriptor
 */
export function virtualReader(kind: FixedFamily | ReaderCodec, options: VirtualReaderOptions): VirtualReader {
  const codec = typeof kind === "string" ? readerFamilies[kind] : kind;
  let made: ReaderKeys | undefined;
  const keys = () => {
    made ??= new ReaderKeys(options.bdk, options.ksn);
    return made;
  };
  const interfaceType = MAGTEK_INTERFACES[codec.family];
  const reader =
    options.device && interfaceType
      ? magtekReader(interfaceType, keys(), options.device)
      : familyReader(codec, keys, options.device);
  const published = options.replay ? publishedFrames[codec.family] : undefined;
  return published ? replaying(reader, published, keys) : reader;
}

/** Begins with the frame that its maker printed. */
function replaying(reader: VirtualReader, published: PublishedFrame, keys: () => ReaderKeys): VirtualReader {
  let replayed = false;
  return {
    get family() {
      return reader.family;
    },
    ...(reader.commands && { commands: reader.commands }),
    nextFrame(card, unreadable = []) {
      if (replayed || published.card !== card.name) return reader.nextFrame(card, unreadable);
      replayed = true;
      if (published.ksn) {
        keys().restart(published.ksn);
        keys().advance();
      }
      return published.bytes.slice();
    },
  };
}

function familyReader(codec: ReaderCodec, keys: () => ReaderKeys, device: ReaderDevice | undefined): VirtualReader {
  const commands = device && codec.family === "idtech" ? idtechCommands(device) : undefined;
  return {
    family: codec.family,
    ...(commands && { commands }),
    nextFrame(swiped, unreadable = []) {
      const card = withoutTracks(swiped, unreadable);
      const spoken = commands && !commands.encrypts ? readerFamilies.ascii : codec;
      return kept(commands, card, swipe(spoken, card, unreadable, keys));
    },
  };
}

const idtechCommands = ({ clock, idtechLevel }: ReaderDevice) =>
  new IdtechCommands({ clock, ...(idtechLevel && { securityLevel: idtechLevel }) });

/** The frame, unless an armed reader keeps it. */
function kept(commands: IdtechCommands | undefined, card: TestCard, frame: Uint8Array): Uint8Array {
  const tracks = card.tracks.map(({ number }) => number);
  if (!commands?.keep(frame, tracks)) return frame;
  frame.fill(0);
  return NOTHING;
}

function magtekReader(interfaceType: MagtekInterface, keys: ReaderKeys, device: ReaderDevice): VirtualReader {
  const { clock, random, magtekLevel, magtekProperties } = device;
  const commands = new MagtekCommands({
    ...{ interfaceType, keys, clock, random },
    ...(magtekLevel && { securityLevel: magtekLevel }),
    ...(magtekProperties && { properties: magtekProperties }),
  });
  return {
    get family() {
      return MAGTEK_FAMILIES[commands.interfaceType];
    },
    commands,
    nextFrame(swiped, unreadable = []) {
      if (!commands.takesCards) return NOTHING;
      const card = withoutTracks(swiped, unreadable);
      const family = MAGTEK_FAMILIES[commands.interfaceType];
      const typesPlainly = family === "magtek-keyboard" && commands.property("keyboard sureswipe flag")[0] === 1;
      const serial = String.fromCharCode(...commands.property("device serial"));
      const frame =
        family === "magtek-sureswipe" || commands.level > 2
          ? swipe(readerFamilies[family], card, unreadable, () => keys, {
              ...(serial !== "" && { serial }),
              fields: (key) => magtekFields(commands, key),
            })
          : typesPlainly
            ? swipe(readerFamilies.ascii, card, unreadable)
            : encode(readerFamilies[family], clear("iso").frame(card), unreadable);
      commands.swiped(unreadable.length < swiped.tracks.length);
      return frame;
    },
  };
}

/** D99875475-10 "Reader Encryption Status": keys are there, encryption is on, and at level 4 authentication too. */
const ENCRYPTING = 0b0110;
const AUTHENTICATING = 0b1110;
const CLEAR_TEXT_CRC = 1;

function magtekFields(commands: MagtekCommands, { key }: DukptTransaction): FrameField[] {
  const { sessionId, level } = commands;
  const isTyped = commands.interfaceType === "keyboard";
  const [crcFlags = 0] = commands.property("crc flags");
  return [
    ...(isTyped ? [{ name: "formatCode", bytes: commands.property("format code") }] : []),
    // The codec reckons it.
    ...(isTyped && (crcFlags & CLEAR_TEXT_CRC) !== 0 ? [{ name: "clearTextCrc", bytes: new Uint8Array(2) }] : []),
    { name: "readerEncryptionStatus", bytes: Uint8Array.of(0, level === 4 ? AUTHENTICATING : ENCRYPTING) },
    {
      name: "encryptedSessionId",
      bytes: key.use((bytes) => encryptReaderBlock(bytes, "tdes-dukpt-pin-cbc", sessionId)),
    },
  ];
}

const withoutTracks = (card: TestCard, unreadable: readonly TrackNumber[]): TestCard => ({
  ...card,
  tracks: card.tracks.filter(({ number }) => !unreadable.includes(number)),
});

interface Particulars {
  readonly serial?: string;
  readonly fields: (transaction: DukptTransaction) => readonly FrameField[];
}

/** @param keys of a family that encrypts: each swipe uses one up */
function swipe(
  codec: ReaderCodec,
  card: TestCard,
  unreadable: readonly TrackNumber[],
  keys?: () => ReaderKeys,
  particulars?: Particulars,
): Uint8Array {
  const make = makers[codec.family];
  if (!make.encrypts) return encode(codec, make.frame(card), unreadable);
  if (!keys) throw new TypeError("a family that encrypts, and no keys");
  const { current } = keys();
  try {
    const { serial } = particulars ?? {};
    const content = { ...make.frame(card, current), ...(serial !== undefined && { serial }) };
    const fields = particulars?.fields(current);
    return encode(codec, { ...content, ...(fields && { fields }) }, unreadable);
  } finally {
    keys().advance();
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
const clear = (encoding: ReaderFrame["encoding"]) => ({
  encrypts: false as const,
  frame: (card: TestCard): Content => ({ encoding, tracks: tracksOf(card, clearTrack) }),
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
