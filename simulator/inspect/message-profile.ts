import { passesLuhn } from "@swipewire/protocol/card/luhn";
import { maskPan, maskTrack } from "@swipewire/protocol/card/masking";
import { Iso8583FrameLength } from "@swipewire/protocol/errors";
import type { SwipewireError } from "@swipewire/protocol/failure";
import { type Codec, compileDialect, type Stage, stages, wipeMessage } from "@swipewire/protocol/iso8583/codec";
import type { Dialect, FieldFormat, Message, Value } from "@swipewire/protocol/iso8583/dialect";
import { iso1987, iso1987Binary } from "@swipewire/protocol/iso8583/dialects/iso1987";
import { unionPay } from "@swipewire/protocol/iso8583/dialects/unionpay";
import { FRAME_PREFIX } from "@swipewire/protocol/iso8583/framing";
import { responseCodes } from "@swipewire/protocol/iso8583/response-codes";
import { type ListedSlip, readSlips } from "@swipewire/protocol/iso8583/unionpay-batch-upload";
import { transactionOf } from "@swipewire/protocol/iso8583/unionpay-transactions";
import type { FrameCheck } from "@swipewire/protocol/readers/reader-frame";
import { SensitiveBytes } from "@swipewire/protocol/sensitive-bytes";
import type { InspectedField, Profile } from "./inspection.ts";

interface MessageKind {
  readonly dialect: Dialect;
  /** Is this the first byte of a message that has no length before it? */
  readonly begins: (byte: number) => boolean;
  /** Not sensitive to a program that was given them, and yet not to be seen: working keys, and a wallet's data. */
  readonly unseen: readonly number[];
}

const isDigit = (byte: number) => byte >= 0x30 && byte <= 0x39;

/** By the name after `8583:`. */
export const messageKinds: Readonly<Record<string, MessageKind>> = {
  unionpay: { dialect: unionPay, begins: (byte) => byte === 0x60, unseen: [58, 62] },
  iso1987: { dialect: iso1987, begins: isDigit, unseen: [] },
  "iso1987-binary": { dialect: iso1987Binary, begins: isDigit, unseen: [] },
};

const fieldsOf = ({ fields }: Message<Dialect>): [string, Value][] =>
  Object.entries<Value | undefined>({ ...fields }).flatMap(([number, value]) =>
    value === undefined ? [] : [[number, value]],
  );

/**
 * A message in characters may well be hexadecimal digits from end to end, and is hex text for all that only where it then
 * has the right length before it.
 * @returns the message without white space after it, or undefined where this is none
 */
export function messageInCharacters(raw: Uint8Array): Uint8Array | undefined {
  const text = raw.subarray(0, raw.findLastIndex((byte) => byte > 0x20) + 1);
  const mti = String.fromCharCode(...text.subarray(0, 4));
  return /^0[1-8]\d\d$/.test(mti) && Number.parseInt(mti, 16) + FRAME_PREFIX !== text.length / 2 ? text : undefined;
}

/** ISO 8583 messages of one dialect, with their length before them or without. */
export function messageProfile(name: string, kind: MessageKind): Profile {
  const codec: Codec<Dialect> = compileDialect(kind.dialect);
  return (capture) => {
    const { body, check } = unframed(capture, kind);
    const { message, reached, failure } = codec.examine(body);
    try {
      return {
        profile: `8583:${name}`,
        length: capture.length,
        fields: headOf(message, kind),
        message: fieldsOf(message).map(([number, value]) => shown(Number(number), value, kind)),
        checks: [check, ...checksOf(message, reached, failure)],
        warnings: warningsOf(message, kind),
        ...failed(check, failure),
      };
    } finally {
      wipeMessage(message);
    }
  };
}

/** Two bytes of length are there where they are right, or where no message could begin. */
function unframed(capture: Uint8Array, { begins }: MessageKind): { body: Uint8Array; check: FrameCheck } {
  const name = "length before the message";
  const follows = capture.length - FRAME_PREFIX;
  const announced = ((capture[0] ?? 0) << 8) | (capture[1] ?? 0);
  if (follows > 0 && announced === follows) {
    return { body: capture.subarray(FRAME_PREFIX), check: { name, passed: true, detail: `${announced} bytes` } };
  }
  if (begins(capture[0] ?? 0)) return { body: capture, check: { name, passed: true, detail: "none" } };
  return {
    body: capture.subarray(FRAME_PREFIX),
    check: { name, passed: false, detail: `says ${announced}, ${Math.max(0, follows)} follow` },
  };
}

function headOf(message: Message<Dialect>, { dialect }: MessageKind): Record<string, string> {
  const { tpdu, header, mti } = message;
  const transaction = dialect === unionPay ? transactionOf(message) : undefined;
  return {
    dialect: dialect.name,
    ...(tpdu && { tpdu }),
    ...(header && { header }),
    ...(mti && { mti }),
    ...(transaction && { transaction }),
  };
}

function checksOf({ fields }: Message<Dialect>, reached: Stage, failure: SwipewireError | undefined): FrameCheck[] {
  const count = Object.keys(fields).length;
  return stages.slice(0, stages.indexOf(reached) + 1).map((name) => ({
    name,
    passed: name !== reached || failure === undefined,
    ...(name === "fields" && { detail: `${count} read` }),
  }));
}

/** What ended the message is told before a length that is wrong: it names the place. */
function failed(check: FrameCheck, failure: SwipewireError | undefined): { failure?: SwipewireError } {
  if (failure) return { failure };
  return check.passed
    ? {}
    : { failure: new Iso8583FrameLength(check.detail === undefined ? {} : { detail: check.detail }) };
}

function shown(number: number, value: Value, { dialect, unseen }: MessageKind): InspectedField {
  const format: FieldFormat | undefined = dialect.fields[number];
  const field = { number, name: format?.name ?? "" };
  const text = unseen.includes(number) ? undefined : visible(number, value, format);
  return text === undefined
    ? { ...field, hidden: `${value.length} ${unitOf(format)}, not shown` }
    : { ...field, value: text };
}

const unitOf = (format: FieldFormat | undefined) => (format?.content === "b" ? "bytes" : "characters");

function visible(number: number, value: Value, format: FieldFormat | undefined): string | undefined {
  if (value instanceof SensitiveBytes) return value.use((bytes) => masked(bytes, format));
  if (value instanceof Uint8Array) return textOf(value) ?? Buffer.from(value).toString("hex").toUpperCase();
  const meaning = number === 39 ? responseCodes[value]?.meaning : undefined;
  return meaning === undefined ? value : `${value} (${meaning})`;
}

/** Undefined where it does not parse or no mask is known: then nothing of it is shown. */
function masked(bytes: Uint8Array, format: FieldFormat | undefined): string | undefined {
  switch (format?.sensitive) {
    case "pan":
      return maskPan(bytes);
    case "track-2":
    case "track-3": {
      // In a message tracks stand without their sentinels.
      const track = Uint8Array.of(0x3b, ...bytes, 0x3f);
      const mask = maskTrack(format.sensitive === "track-2" ? 2 : 3, track);
      track.fill(0);
      return mask?.slice(1, -1);
    }
    case "slips":
      return isTotals(bytes) ? String.fromCharCode(...bytes) : maskSlips(bytes);
    default:
      return undefined;
  }
}

/** What else field 48 may hold: totals, or the count that ends an upload. No card number is as short as that, or as long. */
const isTotals = ({ length }: Uint8Array) => length === 62 || length === 4;

function maskSlips(bytes: Uint8Array): string | undefined {
  const field48 = SensitiveBytes.copyOf(bytes);
  try {
    return readSlips(field48).map(maskSlip).join("; ");
  } catch {
    return undefined;
  } finally {
    field48.wipe();
  }
}

function maskSlip({ trace, amount, foreign, cardNumber }: ListedSlip): string {
  const card = cardNumber?.use(maskPan);
  cardNumber?.wipe();
  return `${foreign ? "foreign " : ""}${trace} ${cardNumber ? (card ?? "[card not shown]") : "no card"} ${amount}`;
}

const gbk = new TextDecoder("gbk", { fatal: true });

/** UnionPay's texts are in GBK, of which ASCII is a part; undefined for what would not print. */
function textOf(bytes: Uint8Array): string | undefined {
  try {
    const text = gbk.decode(bytes);
    return /\p{C}/u.test(text) ? undefined : text.trimEnd();
  } catch {
    return undefined;
  }
}

function warningsOf({ tpdu, mti, fields }: Message<Dialect>, { dialect }: MessageKind): string[] {
  const values: Readonly<Record<number, Value | undefined>> = fields;
  const pan = values[2];
  const wrongLuhn = pan instanceof SensitiveBytes && !pan.use(passesLuhn);
  return [
    ...(dialect === unionPay && tpdu !== "" && !tpdu.startsWith("60") ? ["the TPDU does not begin with 60"] : []),
    ...(mti !== "" && !/^0[1-8]/.test(mti) ? ["the MTI is of no ISO 8583:1987 message"] : []),
    ...(wrongLuhn ? ["field 2: the card number fails the Luhn check"] : []),
  ];
}
