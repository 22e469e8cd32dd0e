import { VoiceControlGarbled } from "../errors.ts";

const COLON = 0x3a;
const COMMA = 0x2c;
const ZERO = 0x30;
/** No message of baresip's is larger. */
const LONGEST = 65_536;
const LENGTH_DIGITS = 5;

/** `12:hello world!,`, as D. J. Bernstein's "Netstrings" of 1997 has it. */
export function netstring(text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([Buffer.from(`${bytes.length}:`), bytes, Buffer.of(COMMA)]);
}

/** Cuts a stream into its netstrings. What it held is overwritten, for a key of a PIN may be in it. */
export class NetstringReader {
  #held: Buffer = Buffer.alloc(0);

  /**
   * @param piece stays the caller's to wipe
   * @returns the contents of those that are whole now, the caller's to wipe
   * @throws VoiceControlGarbled when the stream can't be followed any more
   */
  push(piece: Uint8Array): Buffer[] {
    this.#hold(Buffer.concat([this.#held, piece]));
    const whole: Buffer[] = [];
    let at = 0;
    for (;;) {
      const found = this.#next(at);
      if (!found) break;
      whole.push(Buffer.from(this.#held.subarray(found.start, found.end)));
      at = found.end + 1;
    }
    if (at > 0) this.#hold(Buffer.from(this.#held.subarray(at)));
    return whole;
  }

  wipe(): void {
    this.#hold(Buffer.alloc(0));
  }

  #next(at: number): { readonly start: number; readonly end: number } | undefined {
    let length = 0;
    for (let digit = 0; digit <= LENGTH_DIGITS; digit++) {
      const byte = this.#held[at + digit];
      if (byte === undefined) return undefined;
      if (byte === COLON && digit > 0) {
        const start = at + digit + 1;
        const end = start + length;
        if (length > LONGEST) break;
        if (end >= this.#held.length) return undefined;
        if (this.#held[end] !== COMMA) break;
        return { start, end };
      }
      if (byte < ZERO || byte > ZERO + 9) break;
      length = length * 10 + (byte - ZERO);
    }
    throw new VoiceControlGarbled();
  }

  #hold(bytes: Buffer): void {
    this.#held.fill(0);
    this.#held = bytes;
  }
}
