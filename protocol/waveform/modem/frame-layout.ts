import { crc32 } from "../../crc32.ts";
import { checkBytes, correct, LONGEST_BLOCK } from "./reed-solomon.ts";

/** Ahead of a frame, so that the line's coupling settles and a receiver's timer finds the bits. */
export const PREAMBLE = 0x55555555;
/** Chosen by search: see `hardware-docs/framed-modem.md`. */
export const SYNC = 0xff744ac1;
/** Behind a frame, so that its last bit is told as surely as the others. */
export const TAIL_BITS = 4;

/** Bytes of kind, length, and what checks the two. */
const HEADER_BYTES = 4;
/** Bytes of Reed and Solomon's: half as many wrong bytes are corrected. */
const HEADER_CHECKS = 8;
const BODY_CHECKS = 16;
/** Bytes of the header as it is sent. */
export const SENT_HEADER = HEADER_BYTES + HEADER_CHECKS;
const CRC_BYTES = 4;
/** In bytes. */
export const LONGEST_PAYLOAD = 1024;

/** The body's bytes are dealt out to as few blocks as hold them, so that a burst harms each a little. */
const blocksOf = (bodyBytes: number) => Math.ceil(bodyBytes / (LONGEST_BLOCK - BODY_CHECKS));

/** Bytes of a whole frame as sent, header and body. */
const sentLength = (payloadBytes: number) =>
  SENT_HEADER + payloadBytes + CRC_BYTES + BODY_CHECKS * blocksOf(payloadBytes + CRC_BYTES);
/** In bytes, as sent. */
export const LONGEST_FRAME = sentLength(LONGEST_PAYLOAD);

/** The lowest `count` bits of a word, the most significant first. */
export const bitsOf = (word: number, count: number): number[] =>
  Array.from({ length: count }, (_, n) => (word >>> (count - 1 - n)) & 1);

/**
 * A frame as sent, without preamble, sync word and tail. The payload stays the caller's to wipe, the result too.
 * @param kind 0 to 255
 * @throws RangeError for a payload over {@link LONGEST_PAYLOAD} bytes
 */
export function frameBytes(kind: number, payload: Uint8Array): Uint8Array {
  if (payload.length > LONGEST_PAYLOAD) throw new RangeError(`${payload.length} bytes; ${LONGEST_PAYLOAD} at most`);
  const bytes = new Uint8Array(sentLength(payload.length));
  const view = new DataView(bytes.buffer);
  const header = bytes.subarray(0, HEADER_BYTES);
  header[0] = kind;
  view.setUint16(1, payload.length);
  header[3] = headerCheck(header);
  bytes.set(checkBytes(header, HEADER_CHECKS), HEADER_BYTES);

  const bodyBytes = payload.length + CRC_BYTES;
  bytes.set(payload, SENT_HEADER);
  view.setUint32(SENT_HEADER + payload.length, frameCrc(header, payload));
  const blocks = blocksOf(bodyBytes);
  const body = bytes.subarray(SENT_HEADER);
  for (let first = 0; first < blocks; first++) {
    const data = body.subarray(0, bodyBytes).filter((_, n) => n % blocks === first);
    for (const [n, check] of checkBytes(data, BODY_CHECKS).entries()) body[bodyBytes + n * blocks + first] = check;
    data.fill(0);
  }
  return bytes;
}

/** What a header says. */
export interface FrameHeader {
  readonly bytes: Uint8Array;
  readonly kind: number;
  readonly payloadBytes: number;
  /** Of the whole frame, this header and all. */
  readonly sentLength: number;
  /** Bytes that were wrong. */
  readonly corrected: number;
}

/**
 * Takes a header apart. `undefined`: there are too many errors, or it is none.
 * @param sent {@link SENT_HEADER} bytes, corrected in place
 */
export function readHeader(sent: Uint8Array): FrameHeader | undefined {
  const corrected = correct(sent, HEADER_CHECKS);
  const bytes = sent.slice(0, HEADER_BYTES);
  const payloadBytes = new DataView(bytes.buffer).getUint16(1);
  if (corrected === undefined || bytes[3] !== headerCheck(bytes) || payloadBytes > LONGEST_PAYLOAD) return undefined;
  return { bytes, kind: bytes[0] as number, payloadBytes, sentLength: sentLength(payloadBytes), corrected };
}

/**
 * Takes a body apart; the payload is a copy. `undefined`: there are too many errors, or the CRC is wrong.
 * @param sent what follows the header; corrected in place
 */
export function readBody(
  header: FrameHeader,
  sent: Uint8Array,
): { payload: Uint8Array; corrected: number } | undefined {
  const blocks = blocksOf(header.payloadBytes + CRC_BYTES);
  let corrected = 0;
  for (let first = 0; first < blocks; first++) {
    const block = sent.filter((_, n) => isOf(first, n, header.payloadBytes + CRC_BYTES, blocks));
    const wrong = correct(block, BODY_CHECKS);
    let at = 0;
    for (let n = 0; n < sent.length; n++) {
      if (isOf(first, n, header.payloadBytes + CRC_BYTES, blocks)) sent[n] = block[at++] as number;
    }
    block.fill(0);
    if (wrong === undefined) return undefined;
    corrected += wrong;
  }
  const payload = sent.slice(0, header.payloadBytes);
  const crc = new DataView(sent.buffer, sent.byteOffset).getUint32(header.payloadBytes);
  if (crc === frameCrc(header.bytes, payload)) return { payload, corrected };
  payload.fill(0);
  return undefined;
}

/** Whether byte `n` of a body as sent is of that block: data and check bytes are dealt out alike. */
const isOf = (block: number, n: number, bodyBytes: number, blocks: number) =>
  (n < bodyBytes ? n : n - bodyBytes) % blocks === block;

const headerCheck = (header: Uint8Array) => crc32(header.subarray(0, HEADER_BYTES - 1)) & 0xff;

const frameCrc = (header: Uint8Array, payload: Uint8Array) => crc32(payload, crc32(header));
