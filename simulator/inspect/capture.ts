import { createReadStream } from "node:fs";
import { SwipewireError } from "@swipewire/protocol/failure";
import { InspectInputTooLarge, InspectInputUnreadable } from "../errors.ts";

/** Far above any frame or message, hex text with line breaks included. */
const LIMIT = 65_536;

/**
 * Reads one capture from a file, or from standard input for `-`.
 * @param asItStands finds a capture in what might be taken for hex text
 * @throws InspectInputUnreadable | InspectInputTooLarge
 */
export async function readCapture(
  path: string,
  stdin: NodeJS.ReadableStream,
  asItStands: (raw: Uint8Array) => Uint8Array | undefined = () => undefined,
): Promise<Uint8Array> {
  const raw = new Uint8Array(LIMIT);
  let length = 0;
  try {
    for await (const piece of path === "-" ? stdin : createReadStream(path)) {
      const bytes = piece as Buffer;
      raw.set(bytes.subarray(0, LIMIT - length), length);
      length += bytes.length;
      bytes.fill(0);
      if (length > LIMIT) throw new InspectInputTooLarge({ detail: `more than ${LIMIT} bytes` });
    }
    const read = raw.subarray(0, length);
    const whole = asItStands(read);
    return whole ? Uint8Array.from(whole) : (fromHexText(read) ?? Uint8Array.from(read));
  } catch (cause) {
    if (cause instanceof SwipewireError) throw cause;
    throw new InspectInputUnreadable({ detail: (cause as NodeJS.ErrnoException).code ?? "no data", cause });
  } finally {
    raw.fill(0);
  }
}

/**
 * The bytes that hex text stands for, white space anywhere, or undefined where it is no hex text: no frame consists of
 * hex digits and white space only. Works on bytes, since a clear track must not become a string.
 *
 * @throws InspectInputUnreadable when the last digit lacks its other half
 */
export function fromHexText(text: Uint8Array): Uint8Array | undefined {
  const digits = new Uint8Array(text.length);
  let count = 0;
  try {
    for (const character of text) {
      if (character === 0x20 || (character >= 0x09 && character <= 0x0d)) continue;
      const digit = hexDigit(character);
      if (digit === undefined) return undefined;
      digits[count++] = digit;
    }
    if (count === 0) return undefined;
    if (count % 2 !== 0) throw new InspectInputUnreadable({ detail: `${count} hex digits, an odd number` });
    return Uint8Array.from({ length: count / 2 }, (_, n) => ((digits[2 * n] ?? 0) << 4) | (digits[2 * n + 1] ?? 0));
  } finally {
    digits.fill(0);
  }
}

function hexDigit(character: number): number | undefined {
  if (character >= 0x30 && character <= 0x39) return character - 0x30;
  const lower = character | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x61 + 10 : undefined;
}
