import { crc32 } from "../../crc32.ts";

/** Ahead of a frame, so that the line's coupling settles and a receiver's timer finds the bits. */
export const PREAMBLE = 0x55555555;
/** Chosen by search: see `hardware-docs/framed-modem.md`. */
export const SYNC = 0xff744ac1;
/** Behind a frame, so that its last bit is told as surely as the others. */
export const TAIL_BITS = 4;

/** Bytes of kind, length, and what checks the two. */
export const HEADER_BYTES = 4;
const CRC_BYTES = 4;
/** In bytes. */
export const LONGEST_PAYLOAD = 1024;

/** The bits of a word, the most significant first. */
export const bitsOf = (word: number, count: number): number[] =>
  Array.from({ length: count }, (_, n) => (word >>> (count - 1 - n)) & 1);

/**
 * A frame from its kind to its CRC. The payload stays the caller's to wipe, the result too.
 * @param kind 0 to 255
 * @throws RangeError for a payload over {@link LONGEST_PAYLOAD} bytes
 */
export function frameBytes(kind: number, payload: Uint8Array): Uint8Array {
  if (payload.length > LONGEST_PAYLOAD) throw new RangeError(`${payload.length} bytes; ${LONGEST_PAYLOAD} at most`);
  const bytes = new Uint8Array(HEADER_BYTES + payload.length + CRC_BYTES);
  const view = new DataView(bytes.buffer);
  bytes[0] = kind;
  view.setUint16(1, payload.length);
  bytes[3] = crc32(bytes.subarray(0, 3)) & 0xff;
  bytes.set(payload, HEADER_BYTES);
  view.setUint32(HEADER_BYTES + payload.length, crc32(bytes.subarray(0, HEADER_BYTES + payload.length)));
  return bytes;
}

/** Bytes of the whole frame that such a header begins. `undefined`: it is none. @param header 4 bytes at least */
export function frameLength(header: Uint8Array): number | undefined {
  const length = ((header[1] as number) << 8) | (header[2] as number);
  if (length > LONGEST_PAYLOAD || (crc32(header.subarray(0, 3)) & 0xff) !== header[3]) return undefined;
  return HEADER_BYTES + length + CRC_BYTES;
}

/** Kind and a copy of the payload of a whole frame. `undefined`: its CRC is wrong. */
export function openFrame(bytes: Uint8Array): { kind: number; payload: Uint8Array } | undefined {
  const end = bytes.length - CRC_BYTES;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(end) !== crc32(bytes.subarray(0, end))) return undefined;
  return { kind: bytes[0] as number, payload: bytes.slice(HEADER_BYTES, end) };
}
