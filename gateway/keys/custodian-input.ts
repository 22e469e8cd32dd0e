import type { Readable, Writable } from "node:stream";
import { KeyEntryAborted } from "../errors.ts";

export interface CustodianStreams {
  /** A keyboard, or a pipe of lines. */
  readonly input: Readable & { readonly isTTY?: boolean; setRawMode?(raw: boolean): unknown };
  /** Where questions go. */
  readonly output: Writable;
}

/** X9.143:2021 6.2: a key block has 9,999 characters at most. */
const LONGEST_LINE = 9_999;
const INTERRUPT = 0x03;
const END_OF_INPUT = 0x04;
const BACKSPACE = 0x08;
const NEWLINE = 0x0a;
const RETURN = 0x0d;
const DELETE = 0x7f;

/**
 * Lines from a custodian. At a keyboard secret ones are not shown, not even how long they are; the terminal is in raw mode
 * meanwhile, so that nothing is echoed and no line editor keeps them. Bytes from end to end: strings can't be overwritten.
 */
export class CustodianInput {
  readonly #streams: CustodianStreams;
  readonly #bytes: AsyncIterator<number>;

  constructor(streams: CustodianStreams) {
    this.#streams = streams;
    this.#bytes = bytesOf(streams.input);
  }

  /** The caller's to wipe. @throws KeyEntryAborted at the input's end, on Ctrl-C, or when the line is too long */
  async secret(prompt: string): Promise<Uint8Array> {
    return this.#line(prompt, false);
  }

  /** Shown as it is typed. @throws KeyEntryAborted */
  async text(prompt: string): Promise<string> {
    return new TextDecoder().decode(await this.#line(prompt, true)).trim();
  }

  /** Lets go of the keyboard. */
  close(): void {
    this.#streams.input.pause();
  }

  async #line(prompt: string, echo: boolean): Promise<Uint8Array> {
    const { input, output } = this.#streams;
    const keyboard = input.isTTY === true;
    input.setRawMode?.(true);
    output.write(prompt);
    const line = new Uint8Array(LONGEST_LINE);
    let length = 0;
    try {
      for (;;) {
        const { value: byte, done } = await this.#bytes.next();
        if (done || (keyboard && (byte === INTERRUPT || byte === END_OF_INPUT))) throw new KeyEntryAborted();
        if (byte === NEWLINE || (keyboard && byte === RETURN)) break;
        if (keyboard && (byte === BACKSPACE || byte === DELETE)) {
          if (length > 0 && echo) output.write("\b \b");
          length = Math.max(0, length - 1);
          continue;
        }
        if (length === LONGEST_LINE) throw new KeyEntryAborted({ detail: `a line of more than ${LONGEST_LINE} bytes` });
        line[length++] = byte;
        if (keyboard && echo) output.write(Uint8Array.of(byte));
      }
      if (length > 0 && line[length - 1] === RETURN) length--;
      return line.slice(0, length);
    } finally {
      line.fill(0);
      input.setRawMode?.(false);
      output.write("\n");
    }
  }
}

async function* bytesOf(input: Readable): AsyncGenerator<number> {
  for await (const chunk of input as AsyncIterable<Buffer>) {
    try {
      yield* chunk;
    } finally {
      chunk.fill(0);
    }
  }
}
