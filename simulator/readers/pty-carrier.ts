import type { Carrier } from "../script/play-script.ts";
import { PtyReader, type PtyReaderOptions } from "./pty-reader.ts";

const PIECE = 64;
/** It has no endpoint that could be refused, and does not tell that nobody reads any more. */
export const LACKED_BY_A_LINE = ["stall", "flood"] as const;

/** A reader on a pseudo-terminal as what a script's frames travel over. */
export class PtyCarrier implements Carrier {
  readonly lacks = LACKED_BY_A_LINE;
  readonly #options: PtyReaderOptions;
  #pty: PtyReader;

  private constructor(options: PtyReaderOptions, pty: PtyReader) {
    this.#options = options;
    this.#pty = pty;
  }

  /** Plugged in. @throws SocatFailed */
  static async open(options: PtyReaderOptions): Promise<PtyCarrier> {
    return new PtyCarrier(options, await PtyReader.open(options));
  }

  split(frame: Uint8Array): Uint8Array[] {
    return Array.from({ length: Math.ceil(frame.length / PIECE) }, (_, at) =>
      frame.slice(at * PIECE, (at + 1) * PIECE),
    );
  }

  /** @throws SocatFailed when the line is gone */
  async send(pieces: readonly Uint8Array[]): Promise<boolean> {
    for (const piece of pieces) {
      await this.#pty.send(piece);
      piece.fill(0);
    }
    // A line tells nothing of who reads it.
    return true;
  }

  stall(): void {
    throw new TypeError("a line has no endpoint");
  }

  unplug(): Promise<void> {
    return this.#pty.close();
  }

  /** @throws SocatFailed */
  async plug(): Promise<void> {
    await this.#pty.close();
    this.#pty = await PtyReader.open(this.#options);
  }
}
