import { v4 } from "uuid";

/** Where randomness comes from. Programs get the system's, tests a seeded one. */
export interface Random {
  /** Fills a new array of `length` bytes. */
  bytes(length: number): Uint8Array;
}

/** A random (version 4) UUID, RFC 9562 5.4. */
export function randomUuid(random: Random): string {
  return v4({ random: random.bytes(16) });
}

/** `length` decimal digits, each equally likely. */
export function randomDigits(random: Random, length: number): string {
  let digits = "";
  while (digits.length < length) {
    for (const byte of random.bytes(length)) {
      // 250 is the largest multiple of ten in a byte: what lies above would favour the low digits.
      if (byte < 250 && digits.length < length) digits += byte % 10;
    }
  }
  return digits;
}

/** The system's cryptographic generator. Only a program's entry point names it. */
export const systemRandom: Random = {
  bytes: (length) => globalThis.crypto.getRandomValues(new Uint8Array(length)),
};
