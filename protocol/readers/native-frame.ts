import { crc32 } from "../crc32.ts";
import { ReaderFrameChecksum, ReaderFrameEnd, ReaderFrameField, ReaderFrameLength } from "../errors.ts";
import { SwipewireError } from "../failure.ts";
import { SensitiveBytes } from "../sensitive-bytes.ts";
import { type FrameScanner, FrameStream, type StreamEvent } from "./frame-stream.ts";

/*
 * The native frame on a stream of bytes, as `hardware-docs/native-frame.md` specifies it: kind, payload and CRC-32, made free
 * of zeros by COBS (Cheshire and Baker, 1999), between zeros. Its messages are those of the framed modem.
 */

/** In bytes. */
export const LONGEST_NATIVE_PAYLOAD = 1024;
const CRC_BYTES = 4;
/** Kind and CRC. */
const SHORTEST = 1 + CRC_BYTES;
const LONGEST = SHORTEST + LONGEST_NATIVE_PAYLOAD;
/** A block of COBS: its code, and up to 254 bytes that are not zero. */
const BLOCK = 254;
const FULL_BLOCK = 0xff;
const LONGEST_SENT = LONGEST + Math.ceil(LONGEST / BLOCK);

/** A frame whose CRC is right. */
export interface NativeFrame {
  /** What the payload is, 0 to 255: see `waveform/modem/modem-message.ts`. */
  readonly messageKind: number;
  /** The receiver's to wipe. */
  readonly payload: SensitiveBytes;
}

/** What came of some bytes. */
export type NativeEvent =
  | { readonly frame: NativeFrame; readonly failure?: never }
  | { readonly frame?: never; readonly failure: SwipewireError };

/**
 * A frame as it travels, with a zero ahead of it and behind it. The payload stays the caller's to wipe, the result too.
 * @param messageKind 0 to 255
 * @param payload up to 1024 bytes
 * @throws RangeError for a longer one
 */
export function encodeNativeFrame(messageKind: number, payload: Uint8Array): Uint8Array {
  if (payload.length > LONGEST_NATIVE_PAYLOAD) {
    throw new RangeError(`${payload.length} bytes; ${LONGEST_NATIVE_PAYLOAD} at most`);
  }
  const content = new Uint8Array(SHORTEST + payload.length);
  content[0] = messageKind;
  content.set(payload, 1);
  const checked = content.length - CRC_BYTES;
  new DataView(content.buffer).setUint32(checked, crc32(content.subarray(0, checked)));
  const sent = new Uint8Array(content.length + Math.ceil((content.length + 1) / BLOCK) + 2);
  let code = 1;
  let at = 2;
  for (const [n, byte] of content.entries()) {
    if (byte !== 0) sent[at++] = byte;
    const isFull = at - code === FULL_BLOCK;
    if (byte !== 0 && !(isFull && n < content.length - 1)) continue;
    sent[code] = at - code;
    code = at++;
  }
  sent[code] = at - code;
  content.fill(0);
  const whole = sent.slice(0, at + 1);
  sent.fill(0);
  return whole;
}

/**
 * Finds frames in a stream of bytes that comes in pieces of any size. After damage it goes on at the next zero; each stretch
 * between zeros that is no frame is told once. It keeps no more than one frame, and overwrites what it is done with.
 */
export class NativeStream {
  readonly #stream = new FrameStream(scanner);

  /** Takes copies; the bytes stay the caller's to overwrite. */
  push(bytes: Uint8Array): NativeEvent[] {
    return this.#stream.push(bytes).map(takeApart);
  }

  /** Nothing more will come of what was begun: the line went quiet, or was closed. */
  flush(): NativeEvent[] {
    return this.#stream.flush().map(takeApart);
  }

  /** Forgets what was begun, and tells nobody. */
  wipe(): void {
    this.#stream.wipe();
  }
}

const scanner: FrameScanner = {
  window: LONGEST_SENT + 1,
  scan(bytes, lost) {
    const begin = bytes.findIndex((byte) => byte !== 0);
    if (begin !== 0) return { skip: begin < 0 ? bytes.length : begin, inStep: true };
    const end = bytes.indexOf(0);
    if (lost) return { skip: end < 0 ? bytes.length : end };
    if (end > 0) return { frame: end };
    if (bytes.length <= LONGEST_SENT) return undefined;
    return { skip: bytes.length, failure: new ReaderFrameLength({ detail: `more than ${LONGEST_SENT} bytes` }) };
  },
  settle: (bytes) => ({
    skip: bytes.length,
    failure: new ReaderFrameEnd({ detail: `no zero behind ${bytes.length} bytes` }),
  }),
};

/** Overwrites the bytes of a frame that was found. */
function takeApart({ frame: sent, failure }: StreamEvent): NativeEvent {
  if (!sent) return { failure };
  try {
    return { frame: decodeNativeFrame(sent) };
  } catch (error) {
    if (error instanceof SwipewireError) return { failure: error };
    throw error;
  } finally {
    sent.fill(0);
  }
}

/**
 * Takes a frame apart.
 * @param sent what is between two zeros; the caller's to wipe
 * @throws ReaderFrameField when it is not made free of zeros as COBS does it
 * @throws ReaderFrameLength | ReaderFrameChecksum
 */
export function decodeNativeFrame(sent: Uint8Array): NativeFrame {
  const content = withZeros(sent);
  try {
    if (content.length < SHORTEST || content.length > LONGEST) {
      throw new ReaderFrameLength({ detail: `${content.length} of ${SHORTEST} to ${LONGEST} bytes` });
    }
    const checked = content.length - CRC_BYTES;
    if (new DataView(content.buffer).getUint32(checked) !== crc32(content.subarray(0, checked))) {
      throw new ReaderFrameChecksum({ detail: `CRC-32 over ${checked} bytes` });
    }
    return { messageKind: content[0] ?? 0, payload: SensitiveBytes.copyOf(content.subarray(1, checked)) };
  } finally {
    content.fill(0);
  }
}

function withZeros(sent: Uint8Array): Uint8Array {
  const content = new Uint8Array(sent.length);
  let length = 0;
  for (let at = 0; at < sent.length; ) {
    const code = sent[at] ?? 0;
    const next = at + code;
    if (code === 0 || next > sent.length) {
      content.fill(0);
      throw new ReaderFrameField({ detail: `block of ${code} at ${at} of ${sent.length} bytes` });
    }
    content.set(sent.subarray(at + 1, next), length);
    length += code - 1;
    at = next;
    // A block that is not full stands for the zero that ended it; the last for the end alone.
    if (code !== FULL_BLOCK && at < sent.length) length++;
  }
  const whole = content.slice(0, length);
  content.fill(0);
  return whole;
}
