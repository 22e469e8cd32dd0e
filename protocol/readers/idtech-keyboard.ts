import { ReaderFrameEnd, ReaderFrameField, ReaderFrameLength, ReaderFrameStart } from "../errors.ts";
import { type FrameChecks, readerCodec } from "./frame-checks.ts";
import { readHex, writeHex } from "./hex-text.ts";
import { takePayloadApart } from "./idtech.ts";
import { encodeIdtech } from "./idtech-encode.ts";
import { ENHANCED, FIELD_8, FIELD_10_PRESENT, HEADER } from "./idtech-layout.ts";
import type { ReaderFrame } from "./reader-frame.ts";

/*
 * ID TECH readers as a keyboard ("SecuRED"): the binary frame with every byte in hex, but for the masked and clear
 * tracks, which are typed as they are. The length counts characters. What LRC and checksum are made over is not
 * published, so they are carried and not checked: what is encrypted proves itself when it is opened, and clear tracks
 * have LRC characters of their own.
 */

const STX = [0x30, 0x32]; // 02
const ETX = [0x30, 0x33]; // 03
/** STX, four digits of length. */
const HEAD = 6;
/** LRC, checksum, ETX. */
const TAIL = 6;
const CR = 0x0d;
const LF = 0x0a;

/** Where in a payload the tracks are that are typed as they are. */
interface TextSpan {
  readonly start: number;
  readonly end: number;
}

/** @param head payload up to the tracks, at least; shorter ones end where they end */
function textSpan(head: Uint8Array): TextSpan {
  const [encodeType = 0, status = 0, ...rest] = head;
  const lengths = rest.slice(0, 3);
  const enhanced = (encodeType & ENHANCED) !== 0;
  const shown = enhanced ? (head[HEADER] ?? 0) >> FIELD_8.text : 7;
  const start = HEADER + (enhanced ? ((status & FIELD_10_PRESENT) === 0 ? 2 : 3) : 0);
  const text = lengths.reduce((sum, length, n) => sum + (((shown >> n) & 1) === 1 ? length : 0), 0);
  return { start, end: start + text };
}

/** Bytes enough for {@link textSpan}, whatever the format. */
const LONGEST_HEAD = HEADER + 3;

function takeApart(bytes: Uint8Array, checks: FrameChecks): Omit<ReaderFrame, "family" | "checks"> {
  const end = bytes.findLastIndex((byte) => byte !== CR && byte !== LF) + 1;
  const lineEnd = bytes.subarray(end);
  const text = bytes.subarray(0, end);
  checks.check("STX", text[0] === STX[0] && text[1] === STX[1], ReaderFrameStart, "offset 0");
  checks.check("ETX", text.at(-2) === ETX[0] && text.at(-1) === ETX[1], ReaderFrameEnd, `offset ${end - 2}`);
  const shortest = HEAD + HEADER * 2 + TAIL;
  checks.require("shortest frame", text.length >= shortest, ReaderFrameLength, `${end} of ${shortest} characters`);
  checks.check("line end", lineEnd.length <= 2, ReaderFrameEnd, "CR, LF or both at most");

  const body = text.subarray(HEAD, -TAIL);
  const announced = readHex(text.subarray(2, HEAD));
  checks.require("length digits", announced !== undefined, ReaderFrameField, "offset 2");
  const length = (announced?.[0] ?? 0) | ((announced?.[1] ?? 0) << 8);
  checks.check("length", length === body.length, ReaderFrameLength, `${body.length} characters, ${length} announced`);
  const trailer = readHex(text.subarray(-TAIL, -2));
  checks.require("trailer digits", trailer !== undefined, ReaderFrameField, `offset ${end - TAIL}`);

  const payload = payloadOf(body, checks);
  try {
    const { fields = [], ...frame } = takePayloadApart(payload, checks);
    return {
      ...frame,
      fields: [
        ...fields,
        { name: "lrc", bytes: Uint8Array.of(trailer?.[0] ?? 0) },
        { name: "checksum", bytes: Uint8Array.of(trailer?.[1] ?? 0) },
        ...(lineEnd.length > 0 ? [{ name: "lineEnd", bytes: lineEnd.slice() }] : []),
      ],
    };
  } finally {
    payload.fill(0);
  }
}

/** A new array, for the caller to overwrite. */
function payloadOf(body: Uint8Array, checks: FrameChecks): Uint8Array {
  const { start, end } = textSpan(leadingHex(body));
  const head = readHex(body.subarray(0, start * 2));
  const textEnd = start * 2 + end - start;
  const rest = readHex(body.subarray(textEnd));
  const detail = `${start * 2} before the tracks, ${Math.max(body.length - textEnd, 0)} behind them`;
  checks.require("hex digits", head?.length === start && rest !== undefined, ReaderFrameField, detail);
  const payload = new Uint8Array(start + Math.max(Math.min(textEnd, body.length) - start * 2, 0) + (rest?.length ?? 0));
  payload.set(head ?? []);
  payload.set(body.subarray(start * 2, textEnd), start);
  payload.set(rest ?? [], payload.length - (rest?.length ?? 0));
  return payload;
}

/** As many bytes as the first characters spell, {@link LONGEST_HEAD} at most. */
function leadingHex(body: Uint8Array): Uint8Array {
  for (let length = LONGEST_HEAD; length >= HEADER; length--) {
    const bytes = body.length < length * 2 ? undefined : readHex(body.subarray(0, length * 2));
    if (bytes) return bytes;
  }
  return new Uint8Array();
}

function encode(frame: ReaderFrame): Uint8Array {
  const field = (name: string) => frame.fields?.find((field) => field.name === name)?.bytes;
  const binary = encodeIdtech(frame);
  const payload = binary.subarray(3, -3);
  const { start, end } = textSpan(payload.subarray(0, LONGEST_HEAD));
  const trailer = [field("lrc")?.[0] ?? binary.at(-3) ?? 0, field("checksum")?.[0] ?? binary.at(-2) ?? 0];
  const head = writeHex(payload.subarray(0, start));
  const rest = writeHex(payload.subarray(end));
  const length = head.length + (end - start) + rest.length;
  const lineEnd = field("lineEnd") ?? new Uint8Array();
  const text = new Uint8Array(HEAD + length + TAIL + lineEnd.length);
  text.set([...STX, ...writeHex(Uint8Array.of(length & 0xff, length >> 8))]);
  text.set(head, HEAD);
  text.set(payload.subarray(start, end), HEAD + head.length);
  text.set(rest, HEAD + length - rest.length);
  text.set([...writeHex(Uint8Array.from(trailer)), ...ETX], HEAD + length);
  text.set(lineEnd, HEAD + length + TAIL);
  for (const bytes of [binary, head, rest]) bytes.fill(0);
  return text;
}

/** ID TECH SecureMag and its like in secured keyboard mode. */
export const idtechKeyboard = readerCodec("idtech-keyboard", takeApart, encode);
