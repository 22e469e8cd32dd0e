import { readFile } from "node:fs/promises";
import { buffer } from "node:stream/consumers";
import { InspectInputTooLarge, InspectInputUnreadable } from "../errors.ts";

/** Far above any frame or message, hex text with line breaks included. */
const LIMIT = 65_536;

/**
 * Reads one capture from a file, or from standard input for `-`.
 * @throws InspectInputUnreadable | InspectInputTooLarge
 */
export async function readCapture(path: string, stdin: NodeJS.ReadableStream): Promise<Uint8Array> {
  const raw = await (path === "-" ? buffer(stdin) : readFile(path)).catch((cause: unknown) => {
    throw new InspectInputUnreadable({ detail: (cause as NodeJS.ErrnoException).code ?? "no data", cause });
  });
  if (raw.length > LIMIT) throw new InspectInputTooLarge({ detail: `${raw.length} of at most ${LIMIT} bytes` });
  return fromHexText(raw) ?? Uint8Array.from(raw);
}

/**
 * The bytes that hex text stands for, white space anywhere, or undefined where it is no hex text: no frame consists of
 * hex digits and white space only. Works on bytes, since a clear track must not become a string.
 *
 * @throws InspectInputUnreadable when the last digit lacks its other half
 */
export function fromHexText(text: Uint8Array): Uint8Array | undefined {
  const digits: number[] = [];
  for (const character of text) {
    if (character === 0x20 || (character >= 0x09 && character <= 0x0d)) continue;
    const digit = hexDigit(character);
    if (digit === undefined) return undefined;
    digits.push(digit);
  }
  if (digits.length === 0) return undefined;
  if (digits.length % 2 !== 0)
    throw new InspectInputUnreadable({ detail: `${digits.length} hex digits, an odd number` });
  const bytes = Uint8Array.from(
    { length: digits.length / 2 },
    (_, n) => ((digits[2 * n] ?? 0) << 4) | (digits[2 * n + 1] ?? 0),
  );
  digits.fill(0);
  return bytes;
}

function hexDigit(character: number): number | undefined {
  if (character >= 0x30 && character <= 0x39) return character - 0x30;
  const lower = character | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x61 + 10 : undefined;
}
