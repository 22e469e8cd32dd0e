import { Iso8583FrameLength } from "../errors.ts";

// Messages on TCP: two bytes of length, big-endian, not counting themselves, then the message.

/** Bytes of length before a message. */
export const FRAME_PREFIX = 2;

/** No longer message is taken: all fields of a UnionPay message at their longest stay under it. */
export const MAX_FRAME = 4096;

/**
 * A message as it goes over TCP.
 * @param message 1 to 4096 bytes
 * @returns a copy behind its length
 * @throws Iso8583FrameLength
 */
export function frame(message: Uint8Array): Uint8Array {
  if (message.length === 0 || message.length > MAX_FRAME) {
    throw new Iso8583FrameLength({ detail: `${message.length} of 1 to ${MAX_FRAME} bytes` });
  }
  const framed = new Uint8Array(FRAME_PREFIX + message.length);
  new DataView(framed.buffer).setUint16(0, message.length);
  framed.set(message, FRAME_PREFIX);
  return framed;
}

/** Puts messages together from a stream's pieces, whatever their size. One for each connection. */
export class FrameReader {
  readonly #buffer = new Uint8Array(FRAME_PREFIX + MAX_FRAME);
  #filled = 0;

  /**
   * Takes the next piece, of any size; it stays the caller's to wipe.
   * @returns the messages that this piece completed, each the caller's to wipe
   * @throws Iso8583FrameLength when the stream announces an impossible length: it cannot be followed any further
   */
  push(piece: Uint8Array): Uint8Array[] {
    const messages: Uint8Array[] = [];
    try {
      this.#take(piece, messages);
    } catch (failure) {
      for (const message of messages) message.fill(0);
      throw failure;
    }
    return messages;
  }

  #take(piece: Uint8Array, messages: Uint8Array[]): void {
    let rest = piece;
    while (rest.length > 0) {
      const taken = rest.subarray(0, this.#wanted() - this.#filled);
      this.#buffer.set(taken, this.#filled);
      this.#filled += taken.length;
      rest = rest.subarray(taken.length);
      if (this.#filled >= FRAME_PREFIX && this.#filled === this.#wanted()) {
        messages.push(this.#buffer.slice(FRAME_PREFIX, this.#filled));
        this.clear();
      }
    }
  }

  /** Forgets an unfinished message. */
  clear(): void {
    this.#buffer.fill(0, 0, this.#filled);
    this.#filled = 0;
  }

  /** Bytes the buffer must hold before something can be decided. */
  #wanted(): number {
    if (this.#filled < FRAME_PREFIX) return FRAME_PREFIX;
    const length = ((this.#buffer[0] ?? 0) << 8) | (this.#buffer[1] ?? 0);
    if (length === 0 || length > MAX_FRAME) {
      this.clear();
      throw new Iso8583FrameLength({ detail: `${length} of 1 to ${MAX_FRAME} bytes` });
    }
    return FRAME_PREFIX + length;
  }
}
