import type { Socket } from "node:net";

/** What is held of a connection that is faster than its reader; the rest stays with the other side's TCP. */
const MOST_HELD = 131_072;

/** Reads a connection in pieces of a known size, none of them longer than {@link MOST_HELD}. */
export class ByteReader {
  readonly #socket: Socket;
  #held: Buffer = Buffer.alloc(0);
  #ended = false;
  #changed: () => void = () => {};

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (piece) => {
      this.#held = Buffer.concat([this.#held, piece]);
      if (this.#held.length > MOST_HELD) socket.pause();
      this.#changed();
    });
    const end = () => {
      this.#ended = true;
      this.#changed();
    };
    socket.once("end", end).once("close", end);
  }

  /** @returns undefined when the connection ends before so many bytes came; only one may be asked for at a time */
  async take(length: number): Promise<Uint8Array | undefined> {
    while (this.#held.length < length) {
      if (this.#ended) return undefined;
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
        this.#socket.resume();
      });
    }
    const bytes = this.#held.subarray(0, length);
    this.#held = this.#held.subarray(length);
    return bytes;
  }
}
