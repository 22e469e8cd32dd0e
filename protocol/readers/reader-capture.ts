import Type from "typebox";
import { line, strict, Timestamp } from "../messages/fields.ts";
import { reader } from "../messages/parse.ts";
import { bauds } from "../waveform/modem/modem-line.ts";
import { readerFamilyNames } from "./families.ts";
import { streamFamilyNames } from "./frame-streams.ts";
import { READER_FRAMINGS, ReaderProfile } from "./profiles.ts";

/*
 * What a reader sent while a test card was drawn, as a file: enough to send it through the same decoders again on another
 * machine.
 */

const Hex = (most: number) => Type.String({ pattern: "^([0-9a-f]{2})+$", maxLength: 2 * most });
const Id = Type.String({ pattern: "^[0-9a-f]{4}$" });

/**
 * A HID reader, a keyboard or an interface of its vendor's own class on USB: what the system shows of it, and the profile that
 * it was read by.
 */
export const CapturedUsbReader = strict({
  transport: Type.Literal("usb"),
  device: strict({
    shownAs: Type.Enum(["hid", "keyboard", "vendor"]),
    vendorId: Id,
    productId: Id,
    usagePage: Type.Optional(Id),
    /** HID 1.11, 6.2.2. */
    reportDescriptor: Type.Optional(Hex(4096)),
  }),
  profile: ReaderProfile,
  /** What it said when it was asked what it sends, as feature reports hold it; see `reader-questions.ts`. */
  answers: Type.Array(Hex(1024), { maxItems: 16 }),
});

/** A reader on a serial line. */
export const CapturedSerialReader = strict({
  transport: Type.Literal("serial"),
  family: Type.Enum([...streamFamilyNames]),
  framing: Type.Optional(Type.Enum([...READER_FRAMINGS])),
  baudRate: Type.Integer({ minimum: 300, maximum: 921_600 }),
});

/** A bare head, or with `baud` a reader with the framed modem, on a sound input. Rate and channels stand in the WAV. */
export const CapturedAudioReader = strict({
  transport: Type.Literal("audio"),
  baud: Type.Optional(Type.Enum([...bauds])),
  family: Type.Optional(Type.Enum([...readerFamilyNames])),
});

/** A report, or some bytes of a serial line. */
const Piece = strict({
  /** Since the first piece, in milliseconds. */
  ms: Type.Integer({ minimum: 0, maximum: 3_600_000 }),
  bytes: Hex(4096),
});

const head = {
  v: Type.Literal(1),
  /** For people: what is odd about it. */
  about: Type.Optional(line(200)),
  takenAt: Timestamp,
};

/** A capture of reports or bytes, or of sound. */
export const ReaderCapture = Type.Union([
  strict({
    ...head,
    reader: Type.Union([CapturedUsbReader, CapturedSerialReader]),
    pieces: Type.Array(Piece, { minItems: 1, maxItems: 100_000 }),
  }),
  strict({
    ...head,
    reader: CapturedAudioReader,
    /** A WAV file of 16-bit samples, in base64. */
    wav: Type.String({ pattern: "^[A-Za-z0-9+/]+={0,2}$" }),
  }),
]);
export type ReaderCapture = Type.Static<typeof ReaderCapture>;

/** Thirty seconds of stereo at 96 kHz in base64. */
const LONGEST = 16_000_000;

/**
 * Reads a capture's file, JSON in UTF-8, of at most 16 MB.
 * @throws MessageTooLarge | MessageNotJson | MessageInvalid with the place and the rule that was broken
 */
export const readReaderCapture = reader(ReaderCapture, LONGEST);
