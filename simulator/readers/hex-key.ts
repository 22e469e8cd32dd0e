import { KeyMalformed } from "../errors.ts";

/**
 * A test key or KSN as given on a command line. The failure does not repeat it.
 * @param length in bytes
 * @throws KeyMalformed
 */
export function hexKey(option: string, text: string, length: number): Uint8Array {
  if (text.length !== length * 2 || !/^[0-9a-f]+$/i.test(text)) {
    throw new KeyMalformed({ detail: `${option}: ${length * 2} hex digits` });
  }
  return Uint8Array.from(Buffer.from(text, "hex"));
}
