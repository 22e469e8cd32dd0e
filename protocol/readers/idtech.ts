import { carriesLrc, lrcByStartSentinel } from "../card/lrc.ts";
import { readMaskedTrack, revealsTooMuch } from "../card/reader-mask.ts";
import {
  ReaderEncryptionUnsupported,
  ReaderFrameChecksum,
  ReaderFrameEnd,
  ReaderFrameField,
  ReaderFrameLength,
  ReaderFrameLrc,
  ReaderFrameStart,
  ReaderMaskRevealing,
  TrackLrc,
} from "../errors.ts";
import { SensitiveBytes } from "../sensitive-bytes.ts";
import { type FrameChecks, readerCodec } from "./frame-checks.ts";
import { encodeIdtech } from "./idtech-encode.ts";
import {
  BINARY_ENCODINGS,
  BLOCK,
  CARD_ENCODE_TYPES,
  DECODED,
  ENHANCED,
  ETX,
  FIELD_8,
  FIELD_9,
  FIELD_10_PRESENT,
  FRAMING,
  HASH_LENGTH,
  HEADER,
  KSN_LENGTH,
  ORIGINAL_BLOCK_TRACKS,
  padded,
  SAMPLED,
  SERIAL_LENGTH,
  SESSION_ID_LENGTH,
  STX,
} from "./idtech-layout.ts";
import type {
  CardEncoding,
  EncryptedBlock,
  FrameField,
  ReaderEncryption,
  ReaderEncryptionScheme,
  ReaderFrame,
  ReaderTrack,
  TrackNumber,
} from "./reader-frame.ts";

/** Where the parts of a frame lie, found from its header alone. */
interface Layout {
  readonly encoding: CardEncoding;
  readonly states: readonly ReaderTrack["state"][];
  /** Masked or clear, with LRC. */
  readonly texts: readonly { readonly track: TrackNumber; readonly bytes: Uint8Array }[];
  readonly encryptedTracks: readonly TrackNumber[];
  readonly blocks: readonly EncryptedBlock[];
  readonly hashes: ReaderEncryption["hashes"];
  readonly scheme: ReaderEncryptionScheme;
  readonly ksn?: Uint8Array;
  readonly serial?: Uint8Array;
  readonly fields: readonly FrameField[];
}

/** Hands out the payload piece by piece. */
class Pieces {
  readonly #bytes: Uint8Array;
  #at = 0;
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }
  take(length: number): Uint8Array {
    const end = this.#at + length;
    const piece = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return piece;
  }
  /** Negative where more was taken than there was. */
  get left(): number {
    return this.#bytes.length - this.#at;
  }
}

const TRACKS: readonly TrackNumber[] = [1, 2, 3];
const bit = (byte: number, number: number) => ((byte >> number) & 1) === 1;

function takeApart(bytes: Uint8Array, checks: FrameChecks): Omit<ReaderFrame, "family" | "checks"> {
  return takePayloadApart(unframe(bytes, checks), checks);
}

/**
 * What lies between length and LRC; nothing of the frame that comes back shares its memory.
 * @throws the first failure that `checks` notes
 */
export function takePayloadApart(payload: Uint8Array, checks: FrameChecks): Omit<ReaderFrame, "family" | "checks"> {
  checks.require("header", payload.length >= HEADER, ReaderFrameLength, `${payload.length} bytes, ${HEADER} at least`);
  const layout = layOut(payload, checks);
  checkTexts(layout, checks);
  checks.settle();
  return asFrame(layout);
}

/**
 * STX, length (low byte first), payload, LRC and checksum over the payload, ETX.
 * @returns a view of the payload
 * @throws the first failure that `checks` notes
 */
export function unframe(bytes: Uint8Array, checks: FrameChecks): Uint8Array {
  checks.check("STX", bytes[0] === STX, ReaderFrameStart, "offset 0");
  checks.check("ETX", bytes.at(-1) === ETX, ReaderFrameEnd, `offset ${Math.max(bytes.length - 1, 0)}`);
  checks.require(
    "shortest frame",
    bytes.length >= FRAMING,
    ReaderFrameLength,
    `${bytes.length} bytes, ${FRAMING} at least`,
  );
  const payload = bytes.subarray(3, -3);
  const announced = (bytes[1] ?? 0) | ((bytes[2] ?? 0) << 8);
  checks.check(
    "length",
    announced === payload.length,
    ReaderFrameLength,
    `${payload.length} bytes, ${announced} announced`,
  );
  const span = `over ${payload.length} bytes`;
  let lrc = 0;
  let sum = 0;
  for (const byte of payload) {
    lrc ^= byte;
    sum += byte;
  }
  checks.check("LRC", lrc === bytes.at(-3), ReaderFrameLrc, span);
  checks.check("checksum", (sum & 0xff) === bytes.at(-2), ReaderFrameChecksum, span);
  checks.settle();
  return payload;
}

function layOut(payload: Uint8Array, checks: FrameChecks): Layout {
  const pieces = new Pieces(payload);
  const [encodeType = 0, status = 0, ...lengths] = pieces.take(HEADER);
  const encoding = CARD_ENCODE_TYPES[encodeType & ~ENHANCED];
  checks.require("card encode type", encoding !== undefined, ReaderFrameField, `${encodeType}`);
  const states = lengths.map((length, n): ReaderTrack["state"] => {
    if (length > 0) return "read";
    return bit(status, SAMPLED + n) && !bit(status, DECODED + n) ? "error" : "blank";
  });
  checks.check(
    "track status",
    lengths.every((length, n) => length === 0 || bit(status, DECODED + n)),
    ReaderFrameField,
    "no data from a track that was not decoded",
  );
  const common = {
    encoding: encoding ?? "undetermined",
    states,
    lengths,
    fields: [
      { name: "cardEncodeType", bytes: Uint8Array.of(encodeType) },
      { name: "trackStatus", bytes: Uint8Array.of(status) },
    ],
  };
  const layout =
    (encodeType & ENHANCED) === 0 ? layOutOriginal(pieces, common) : layOutEnhanced(pieces, common, checks);
  checks.require(
    "length of the parts",
    pieces.left === 0,
    ReaderFrameLength,
    pieces.left < 0 ? `${-pieces.left} bytes missing` : `${pieces.left} bytes left over`,
  );
  return layout;
}

type Common = Pick<Layout, "encoding" | "states" | "fields"> & { readonly lengths: readonly number[] };

const present = (lengths: readonly number[]) => TRACKS.filter((track) => (lengths[track - 1] ?? 0) > 0);

/** Tracks 1 and 2 encrypted as one block, track 3 clear; a reader that does not encrypt sends the tracks and no more. */
function layOutOriginal(pieces: Pieces, { lengths, ...common }: Common): Layout {
  const lengthOf = (track: TrackNumber) => lengths[track - 1] ?? 0;
  const texts = present(lengths).map((track) => ({ track, bytes: pieces.take(lengthOf(track)) }));
  const scheme = "tdes-dukpt-data-cbc";
  const encryptedTracks = ORIGINAL_BLOCK_TRACKS.filter((track) => lengthOf(track) > 0);
  if (pieces.left <= 0 || encryptedTracks.length === 0) {
    return { ...common, texts, scheme, encryptedTracks: [], blocks: [], hashes: [] };
  }
  const blockLengths = encryptedTracks.map(lengthOf);
  const ciphertext = pieces.take(
    padded(
      blockLengths.reduce((sum, length) => sum + length, 0),
      BLOCK,
    ),
  );
  return {
    ...common,
    texts,
    scheme,
    encryptedTracks,
    blocks: [{ tracks: encryptedTracks, lengths: blockLengths, ciphertext }],
    hashes: encryptedTracks.map((track) => ({ track, sha1: pieces.take(HASH_LENGTH) })),
    ksn: pieces.take(KSN_LENGTH),
  };
}

/** Fields 8 and 9 say what is there; each track is encrypted by itself. */
function layOutEnhanced(pieces: Pieces, { lengths, fields, ...common }: Common, checks: FrameChecks): Layout {
  const status = fields[1]?.bytes[0] ?? 0;
  const [field8 = 0, field9 = 0] = pieces.take(2);
  const field10 = (status & FIELD_10_PRESENT) !== 0 ? pieces.take(1) : undefined;
  const flagged = (flags: number, from: number) => present(lengths).filter((track) => bit(flags, from + track - 1));
  const lengthOf = (track: TrackNumber) => lengths[track - 1] ?? 0;

  const encryptedTracks = flagged(field9, FIELD_9.encrypted);
  if (encryptedTracks.length > 0) {
    const fixedKey = (field8 & FIELD_8.fixedKey) !== 0;
    const isTdes = (field8 & FIELD_8.algorithm) === 0;
    checks.require("encryption", !fixedKey && isTdes, ReaderEncryptionUnsupported, "TDES with DUKPT keys expected");
    checks.check("KSN", (field9 & FIELD_9.ksn) !== 0, ReaderFrameField, "needed where tracks are encrypted");
  }
  const texts = flagged(field8, FIELD_8.text).map((track) => ({ track, bytes: pieces.take(lengthOf(track)) }));
  const blocks = encryptedTracks.map((track) => ({
    tracks: [track],
    lengths: [lengthOf(track)],
    ciphertext: pieces.take(padded(lengthOf(track), BLOCK)),
  }));
  const sessionId = (field9 & FIELD_9.sessionId) === 0 ? undefined : pieces.take(SESSION_ID_LENGTH);
  const hashes = flagged(field9, FIELD_9.hash).map((track) => ({ track, sha1: pieces.take(HASH_LENGTH) }));
  const serial = (field8 & FIELD_8.serial) === 0 ? undefined : pieces.take(SERIAL_LENGTH);
  const ksn = (field9 & FIELD_9.ksn) === 0 ? undefined : pieces.take(KSN_LENGTH);
  if (serial) {
    checks.check(
      "serial number",
      serial.every((byte) => byte > 0x20 && byte < 0x7f),
      ReaderFrameField,
      `${SERIAL_LENGTH} printable characters`,
    );
  }
  return {
    ...common,
    texts,
    encryptedTracks,
    blocks,
    hashes,
    scheme: (field8 & FIELD_8.pinVariant) === 0 ? "tdes-dukpt-data-cbc" : "tdes-dukpt-pin-cbc",
    fields: [
      ...fields,
      ...(field10 ? [{ name: "field10", bytes: field10 }] : []),
      ...(sessionId ? [{ name: "encryptedSessionId", bytes: sessionId }] : []),
      // A reader that did not encrypt this card may still send its KSN.
      ...(encryptedTracks.length === 0 && ksn ? [{ name: "ksn", bytes: ksn }] : []),
    ],
    ...(serial && { serial }),
    ...(ksn && { ksn }),
  };
}

function checkTexts({ texts, encryptedTracks, encoding }: Layout, checks: FrameChecks): void {
  for (const { track, bytes } of texts) {
    if (encryptedTracks.includes(track)) {
      const revealing = revealsTooMuch(track, bytes);
      checks.check(`track ${track} mask`, !revealing, ReaderMaskRevealing, `${bytes.length} characters`);
    } else if (!BINARY_ENCODINGS.includes(encoding) && carriesLrc(bytes)) {
      const right = lrcByStartSentinel(bytes.subarray(0, -1)) === bytes.at(-1);
      checks.check(`track ${track} LRC`, right, TrackLrc, `offset ${bytes.length - 1}`);
    }
  }
}

function asFrame(layout: Layout): Omit<ReaderFrame, "family" | "checks"> {
  const { encoding, states, texts, encryptedTracks, blocks, hashes, scheme, ksn, serial, fields } = layout;
  const trackOf = (number: TrackNumber): ReaderTrack => {
    const state = states[number - 1] ?? "blank";
    const text = texts.find(({ track }) => track === number)?.bytes;
    if (!text) return { number, state };
    if (encryptedTracks.includes(number)) {
      const masked = readMaskedTrack(number, text);
      return { number, state, ...(masked !== undefined && { masked }) };
    }
    const withLrc = !BINARY_ENCODINGS.includes(encoding) && carriesLrc(text);
    return { number, state, clear: SensitiveBytes.copyOf(withLrc ? text.subarray(0, -1) : text) };
  };
  return {
    encoding,
    tracks: [trackOf(1), trackOf(2), trackOf(3)],
    ...(encryptedTracks.length > 0 &&
      ksn && {
        encryption: {
          scheme,
          ksn: ksn.slice(),
          blocks: blocks.map((block) => ({ ...block, ciphertext: block.ciphertext.slice() })),
          hashes: hashes.map(({ track, sha1 }) => ({ track, sha1: sha1.slice() })),
        },
      }),
    ...(serial && { serial: String.fromCharCode(...serial) }),
    fields: fields.map(({ name, bytes }) => ({ name, bytes: bytes.slice() })),
  };
}

/** ID TECH SecureMag, MiniMag II, UniMag and their like, 80096504-001: original and enhanced encrypted output format. */
export const idtech = readerCodec("idtech", takeApart, encodeIdtech);
