import { isDigit } from "@swipewire/protocol/card/alphabets";
import { isTestNumber } from "@swipewire/protocol/card/test-numbers";

/*
 * Whether bytes that no decoder understood may hold a card's number. It looks for digits in every way that a reader is known
 * to write them, and would rather be wrong about what is harmless.
 */

/** What may be shown of a number has ten digits (PCI DSS 4.0.1, 3.4.1). */
const SUSPICIOUS = 11;
const LONGEST_NUMBER = 19;
const DATE_AND_SERVICE_CODE = 7;
/** A track has no more characters behind its number. */
const REST_OF_TRACK = 90;
const END_SENTINEL = 0x3f;
const SEPARATOR = 0x3d;
const SPACES = [0x20, 0x2d];

/** May the bytes hold a card's number that is no published test number? */
export function mayHoldNumber(bytes: Uint8Array): boolean {
  const left = bytes.slice();
  try {
    // Read in a wrong way, a test card's own track looks like other numbers.
    for (const read of readings) for (const reading of read(left)) takeOutTestTracks(reading, left);
    return readings.some((read) => read(left).some(({ text }) => runsIn(text).length > 0));
  } finally {
    left.fill(0);
  }
}

/** Bytes as ASCII, in one of the ways that digits are written; zeros for what is no character. */
interface Reading {
  readonly text: Uint8Array;
  /** The bytes that a stretch of the text was made of. */
  readonly place: (from: number, to: number) => readonly [from: number, to: number];
}

type Read = (bytes: Uint8Array) => readonly Reading[];

const asItStands: Read = (bytes) => [{ text: bytes.slice(), place: (from, to) => [from, to] }];

const utf16: Read = (bytes) =>
  [0, 1].map((start) => ({
    text: bytes.filter((_, n) => n % 2 === start).map((code, n) => (bytes[2 * n + 1 - start] === 0 ? code : 0)),
    place: (from, to) => [2 * from, 2 * to],
  }));

/** As the keyboard texts of both makers write bytes. */
const hexText: Read = (bytes) =>
  [0, 1].map((start) => ({
    text: Uint8Array.from({ length: Math.max(0, (bytes.length - start) >> 1) }, (_, n) => {
      const digits = String.fromCharCode(bytes[start + 2 * n] ?? 0, bytes[start + 2 * n + 1] ?? 0);
      return /^[0-9a-f]{2}$/i.test(digits) ? Number.parseInt(digits, 16) : 0;
    }),
    place: (from, to) => [start + 2 * from, start + 2 * to],
  }));

/**
 * Characters of ISO/IEC 7811-2, low bit first with odd parity, beginning at any bit; the bytes' high bits first or their low
 * ones, and backwards too, since a card may be drawn either way.
 */
const stripe: Read = (bytes) => {
  const count = 8 * bytes.length;
  const orders = [(n: number) => 7 - n, (n: number) => n];
  return orders.flatMap((order) => {
    const forward = Uint8Array.from({ length: count }, (_, n) => ((bytes[n >> 3] ?? 0) >> order(n & 7)) & 1);
    return [forward, forward.toReversed()].flatMap((bits, backwards) =>
      [
        { width: 5, base: 0x30 },
        { width: 7, base: 0x20 },
      ].flatMap(({ width, base }) =>
        Array.from({ length: width }, (_, start): Reading => {
          const text = Uint8Array.from({ length: Math.max(0, Math.floor((count - start) / width)) }, (_, n) => {
            const character = bits.subarray(start + n * width, start + (n + 1) * width);
            if (character.reduce((sum, bit) => sum + bit, 0) % 2 === 0) return 0;
            return base + character.subarray(0, -1).reduce((sum, bit, place) => sum + (bit << place), 0);
          });
          const place = (from: number, to: number): [number, number] => {
            const [first, last] = [start + from * width, start + to * width];
            const [low, high] = backwards ? [count - last, count - first] : [first, last];
            return [low >> 3, (high + 7) >> 3];
          };
          return { text, place };
        }),
      ),
    );
  });
};

/**
 * Half a byte a digit, D for the separator: track 2 equivalent data of a chip (EMV 4.4 book 3, tag 57). Any ciphertext has
 * long runs of digits by chance, so only one is looked at that a separator, date and service code follow.
 */
const trackEquivalent: Read = (bytes) =>
  [0, 1].map((start) => {
    const text = Uint8Array.from({ length: Math.max(0, 2 * bytes.length - start) }, (_, n) => {
      const byte = bytes[(n + start) >> 1] ?? 0;
      const half = (n + start) % 2 === 0 ? byte >> 4 : byte & 15;
      return half <= 9 ? 0x30 + half : half === 0xd ? SEPARATOR : 0;
    });
    for (let at = 0; at < text.length; ) {
      let end = at;
      while (isDigit(text[end])) end++;
      const next = text.subarray(end + 1, end + 1 + DATE_AND_SERVICE_CODE);
      const isWhole = text[end] === SEPARATOR && next.length === DATE_AND_SERVICE_CODE && next.every(isDigit);
      if (!isWhole || end - at < SUSPICIOUS || end - at > LONGEST_NUMBER) text.fill(0, at, end);
      at = end + 1;
    }
    return { text, place: (from, to) => [(from + start) >> 1, (to + start + 1) >> 1] };
  });

const readings: readonly Read[] = [asItStands, utf16, hexText, stripe, trackEquivalent];

/** Overwrites each test number with the rest of its track. */
function takeOutTestTracks({ text, place }: Reading, bytes: Uint8Array): void {
  for (const [from, to] of runsIn(text)) {
    // On track 3 the two digits of its format code stand before it.
    if (!isTestNumber(text.subarray(from, to)) && !isTestNumber(text.subarray(from + 2, to))) continue;
    const sentinel = text.subarray(to, to + REST_OF_TRACK).indexOf(END_SENTINEL);
    bytes.fill(0, ...place(from, sentinel < 0 ? to : to + sentinel));
  }
}

/** Runs of so many digits as may be a number, with a space or a dash between two of them or none. */
function runsIn(text: Uint8Array): readonly (readonly [from: number, to: number])[] {
  const runs: [number, number][] = [];
  for (let from = 0; from < text.length; ) {
    let to = from;
    let digits = 0;
    for (let at = from; at < text.length; at++) {
      if (isDigit(text[at])) {
        digits++;
        to = at + 1;
      } else if (!SPACES.includes(text[at] ?? 0) || !isDigit(text[at - 1]) || at === from) break;
    }
    if (digits >= SUSPICIOUS) runs.push([from, to]);
    from = Math.max(to, from + 1);
  }
  return runs;
}
