import type { TransformCallback } from "node:stream";
import { DelimiterParser } from "@serialport/parser-delimiter";

const CR = 0x0d;
const LF = 0x0a;

/**
 * `DelimiterParser` for lines that hold cards: CR, LF and CR LF all end one, it keeps no more than `longest` bytes of an
 * unfinished line, and overwrites every copy of the data that it is done with. Emits lines without their ending.
 */
export class LineSplitter extends DelimiterParser {
  readonly #longest: number;
  readonly #onTooLong: () => void;
  #dropping = false;

  /** @param options.onTooLong told once for each line that is dropped, as soon as it is too long */
  constructor(options: { readonly longest: number; onTooLong(): void }) {
    super({ delimiter: [CR] });
    this.#longest = options.longest;
    this.#onTooLong = options.onTooLong;
  }

  override _transform(chunk: Buffer, encoding: BufferEncoding, done: TransformCallback): void {
    for (let at = chunk.indexOf(LF); at !== -1; at = chunk.indexOf(LF, at + 1)) chunk[at] = CR;
    const before = this.buffer;
    super._transform(chunk, encoding, (error) => {
      before.fill(0);
      chunk.fill(0);
      if (this.buffer.length > this.#longest) this.#drop();
      done(error);
    });
  }

  override push(line: Buffer | null): boolean {
    if (line === null || (!this.#dropping && line.length <= this.#longest)) return super.push(line);
    line.fill(0);
    if (!this.#dropping) this.#onTooLong();
    this.#dropping = false;
    return true;
  }

  /**
   * Overwrites an unfinished line; what comes next begins a line.
   * @returns whether there was one that nothing was told of yet
   */
  forget(): boolean {
    const unfinished = this.buffer.length > 0 && !this.#dropping;
    this.#empty();
    this.#dropping = false;
    return unfinished;
  }

  override _flush(done: TransformCallback): void {
    // An unfinished line is no line.
    this.#empty();
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#empty();
    super._destroy(error, done);
  }

  #empty(): void {
    this.buffer.fill(0);
    this.buffer = Buffer.alloc(0);
  }

  #drop(): void {
    this.#empty();
    if (!this.#dropping) this.#onTooLong();
    this.#dropping = true;
  }
}
