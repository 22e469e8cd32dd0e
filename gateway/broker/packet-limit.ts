import { Transform, type TransformCallback } from "node:stream";
import { BrokerPacketTooLarge } from "../errors.ts";

/** MQTT 3.1.1 2.2.3: seven bits of the length to a byte, in four bytes at most. */
const LENGTH_BYTES = 4;

/**
 * Lets MQTT packets of at most `limit` bytes of content pass, and fails with BrokerPacketTooLarge at the length of a
 * larger one. The broker itself would collect up to 256 MB before it looked.
 */
export class PacketLimit extends Transform {
  readonly #limit: number;
  /** Content bytes of the packet under way that are still to come. */
  #remaining = 0;
  /** Bytes of the fixed header read so far; the first is the packet's type. */
  #headerBytes = 0;
  #length = 0;

  constructor(limit: number) {
    super();
    this.#limit = limit;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    for (let at = 0; at < chunk.length; ) {
      if (this.#remaining > 0) {
        const skipped = Math.min(this.#remaining, chunk.length - at);
        this.#remaining -= skipped;
        at += skipped;
      } else if (!this.#readHeaderByte(chunk.readUInt8(at++))) {
        done(new BrokerPacketTooLarge({ detail: `more than ${this.#limit} bytes` }));
        return;
      }
    }
    done(null, chunk);
  }

  #readHeaderByte(byte: number): boolean {
    const position = this.#headerBytes++;
    if (position === 0) return true;
    this.#length += (byte & 0x7f) * 128 ** (position - 1);
    if (this.#length > this.#limit || position > LENGTH_BYTES) return false;
    if (byte < 0x80) {
      this.#remaining = this.#length;
      this.#headerBytes = 0;
      this.#length = 0;
    }
    return true;
  }
}
