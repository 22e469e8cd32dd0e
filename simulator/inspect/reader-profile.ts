import { cardFacts } from "@swipewire/protocol/card/card-facts";
import { passesLuhn } from "@swipewire/protocol/card/luhn";
import { maskedPanOf } from "@swipewire/protocol/card/reader-mask";
import { schemeOf } from "@swipewire/protocol/card/scheme";
import { type Swipe, type SwipeTrack, wipeSwipe } from "@swipewire/protocol/card/swipe";
import { parseTrack } from "@swipewire/protocol/card/track";
import { decryptReaderBlock } from "@swipewire/protocol/crypto/reader-block";
import { ReaderHashMismatch } from "@swipewire/protocol/errors";
import { SwipewireError } from "@swipewire/protocol/failure";
import { isPaymentEncoding, maskFrameTrack } from "@swipewire/protocol/readers/card-encoding";
import { detectFamily, readerFamilies } from "@swipewire/protocol/readers/families";
import { hidMsr } from "@swipewire/protocol/readers/hid-msr";
import { openSwipe } from "@swipewire/protocol/readers/open-swipe";
import type {
  FixedFamily,
  FrameCheck,
  ReaderCodec,
  ReaderFrame,
  ReaderTrack,
} from "@swipewire/protocol/readers/reader-frame";
import { swipeFromFrame, wipeFrame } from "@swipewire/protocol/readers/swipe-from-frame";
import { SensitiveBytes } from "@swipewire/protocol/sensitive-bytes";
import { isTestTrack } from "../cards/shown-in-full.ts";
import type { InspectedTrack, Inspection, InspectOptions, Profile } from "./inspection.ts";

/** Hashes and check values over a clear track let its number be guessed, so they stay unseen. */
const UNSEEN_FIELDS = ["hashedTrack2", "clearTextCrc", "lrc", "checksum"];

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex").toUpperCase();
/** MagnePrint data is padded with zeros; in short fields zeros mean something. */
const LONGEST_UNPADDED = 16;
const trimmed = (bytes: Uint8Array) =>
  bytes.length > LONGEST_UNPADDED ? bytes.subarray(0, bytes.findLastIndex((byte) => byte !== 0) + 1) : bytes;

/** Frames of one reader family, of whichever the bytes resemble, or of the HID POS reader whose descriptor is given. */
export function readerProfile(family: FixedFamily | "hid-msr" | "auto"): Profile {
  const codecFor = (capture: Uint8Array, descriptor: Uint8Array | undefined) => {
    if (family === "hid-msr") return hidMsr(descriptor ?? new Uint8Array());
    return readerFamilies[family === "auto" ? detectFamily(capture) : family];
  };
  return (capture, options) => {
    try {
      const codec = codecFor(capture, options.descriptor);
      return inspectFrame(codec, codec.family === "idtech" ? withoutPadding(capture) : capture, options);
    } catch (failure) {
      if (!(failure instanceof SwipewireError)) throw failure;
      return { profile: family, length: capture.length, fields: {}, checks: [], warnings: [], failure };
    }
  };
}

/** ID TECH's frames end with ETX; over HID, zeros fill up the last of their reports. */
const withoutPadding = (capture: Uint8Array) => capture.subarray(0, capture.findLastIndex((byte) => byte !== 0) + 1);

function inspectFrame(codec: ReaderCodec, capture: Uint8Array, options: InspectOptions): Inspection {
  const { frame, checks, failure } = codec.examine(capture);
  const found = { profile: codec.family, length: capture.length };
  if (!frame) return { ...found, fields: {}, checks, warnings: [], failure };
  try {
    const swipe = validated(frame);
    const opened = swipe.value && options.bdk ? open(swipe.value, options.bdk) : undefined;
    try {
      const tracks = opened?.value ?? [];
      const wrong = swipe.failure ?? opened?.failure;
      return {
        ...found,
        fields: { ...fieldsOf(frame), ...(swipe.value && factsOf(swipe.value)) },
        tracks: frame.tracks.map((track) => inspectTrack(frame, track, tracks, options)),
        checks: [...checks, ...swipe.checks, ...(opened?.checks ?? [])],
        warnings: warningsOf(frame, tracks),
        ...(wrong && { failure: wrong }),
      };
    } finally {
      for (const { data } of opened?.value ?? []) data.wipe();
      if (swipe.value) wipeSwipe(swipe.value);
    }
  } finally {
    wipeFrame(frame);
  }
}

interface Step<T> {
  readonly value?: T;
  readonly checks: readonly FrameCheck[];
  readonly failure?: SwipewireError;
}

function step<T>(name: string, make: () => T, detail: string): Step<T> {
  try {
    return { value: make(), checks: [{ name, passed: true, detail }] };
  } catch (failure) {
    if (!(failure instanceof SwipewireError)) throw failure;
    return { checks: [{ name, passed: false, detail: failure.code }], failure };
  }
}

/** The frame keeps its own tracks, so that a broken one can still be shown masked. */
function validated(frame: ReaderFrame): Step<Swipe> {
  const copy = (track: ReaderTrack): ReaderTrack => {
    const { clear, ...rest } = track;
    return clear ? { ...rest, clear: clear.use(SensitiveBytes.copyOf) } : rest;
  };
  const [track1, track2, track3] = frame.tracks;
  const copied: ReaderFrame = { ...frame, tracks: [copy(track1), copy(track2), copy(track3)] };
  return step("tracks make a swipe", () => swipeFromFrame(copied), frame.encryption ? "encrypted" : "clear");
}

function open(swipe: Swipe, bdk: Uint8Array): Step<readonly SwipeTrack[]> {
  const hashed = swipe.kind === "encrypted" && swipe.hashes.length > 0;
  const opened = step(
    "decryption",
    () => openSwipe(swipe, (scheme, ksn, ciphertext) => decryptReaderBlock(bdk, scheme, ksn, ciphertext)),
    swipe.kind === "clear" ? "not needed" : swipe.scheme,
  );
  if (!hashed) return opened;
  if (opened.value) return { ...opened, checks: [...opened.checks, { name: "track hashes", passed: true }] };
  if (!(opened.failure instanceof ReaderHashMismatch)) return opened;
  return {
    ...opened,
    checks: [
      { name: "decryption", passed: true, detail: "tracks parse" },
      { name: "track hashes", passed: false, detail: opened.failure.code },
    ],
  };
}

function fieldsOf(frame: ReaderFrame): Record<string, string> {
  const { encryption, serial, fields = [] } = frame;
  return {
    encoding: frame.encoding,
    ...(serial !== undefined && { serial }),
    ...(encryption && {
      ksn: hex(encryption.ksn),
      encryption: encryption.scheme,
      ciphertext: encryption.blocks
        .map(({ tracks, ciphertext }) => `track ${tracks.join("+")}: ${ciphertext.length} bytes`)
        .join(", "),
      ...(encryption.hashes.length > 0 && {
        hashes: `track ${encryption.hashes.map(({ track }) => track).join(", ")}: SHA-1, not shown`,
      }),
    }),
    ...Object.fromEntries(
      fields.map(({ name, bytes }) => [
        name,
        UNSEEN_FIELDS.includes(name) ? `${bytes.length} bytes, not shown` : hex(trimmed(bytes)),
      ]),
    ),
  };
}

function factsOf(swipe: Swipe): Record<string, string> {
  const { maskedPan, pinByServiceCode } = cardFacts(swipe);
  return {
    ...(maskedPan !== undefined && { maskedPan, scheme: schemeOf(maskedPan) ?? "not known" }),
    pinByServiceCode: pinByServiceCode === undefined ? "not known" : pinByServiceCode ? "yes" : "no",
  };
}

function inspectTrack(
  frame: ReaderFrame,
  { number, state, clear, masked: shownByReader }: ReaderTrack,
  opened: readonly SwipeTrack[],
  { bdk }: InspectOptions,
): InspectedTrack {
  if (state !== "read") return { number, state };
  const data = opened.find((track) => track.number === number)?.data;
  const source = data ?? clear;
  const masked = source?.use((bytes) => maskFrameTrack(frame, number, bytes)) ?? remasked(frame, number, shownByReader);
  const inFull = data?.use((bytes) => (bdk && isTestTrack(number, bytes) ? String.fromCharCode(...bytes) : undefined));
  return {
    number,
    state,
    ...(masked !== undefined && { masked }),
    ...(inFull === undefined ? { hidden: whyHidden(bdk, data) } : { clear: inFull }),
  };
}

function whyHidden(bdk: Uint8Array | undefined, data: SensitiveBytes | undefined): string {
  if (!bdk) return "clear tracks are shown with a test key only (--bdk)";
  return data ? "clear tracks are shown of test cards only" : "it could not be opened with this key";
}

/** The reader's own picture, with nothing left of it but the PAN as we would mask it. */
function remasked(frame: ReaderFrame, number: ReaderTrack["number"], text: string | undefined): string | undefined {
  return frame.encryption && text !== undefined && isPaymentEncoding(frame.encoding)
    ? maskedPanOf(number, text)
    : undefined;
}

function warningsOf(frame: ReaderFrame, opened: readonly SwipeTrack[]): string[] {
  if (!isPaymentEncoding(frame.encoding)) return [];
  const tracks =
    opened.length > 0 ? opened : frame.tracks.flatMap(({ number, clear }) => (clear ? [{ number, data: clear }] : []));
  return tracks.flatMap(({ number, data }) =>
    data.use((bytes) => {
      try {
        const { pan } = parseTrack(number, bytes);
        // Of track 3 only a stripe after ISO/IEC 4909 has its PAN where it is looked for.
        return pan && number !== 3 && !passesLuhn(pan) ? [`track ${number}: the card number fails the Luhn check`] : [];
      } catch {
        return [];
      }
    }),
  );
}
