import { Iso8583CharacterInvalid, Iso8583DigitInvalid, Iso8583PaddingInvalid } from "../errors.ts";
import type { FailureClass } from "../failure.ts";
import type { Dialect, FieldContent, FieldFormat } from "./dialect.ts";

/** What is wrong with the bytes of a field, and where. */
export interface Fault {
  readonly Kind: FailureClass<string>;
  readonly at: number;
}

/**
 * How one kind of content stands on the wire. Counts are of characters, or of bytes of a `b` field. Functions and not
 * methods: each field's are compiled for that field, whatever other contents there are.
 */
export interface ContentCodec {
  /** Bytes on the wire. */
  readonly size: (count: number) => number;
  /** Writes where `out` holds zeros. @returns false when `value` holds what it may not */
  readonly put: (value: string | Uint8Array, out: Uint8Array, at: number) => boolean;
  /** The characters. @returns undefined when the bytes are not what they should be: {@link fault} tells why */
  readonly text: (bytes: Uint8Array, at: number, count: number) => string | undefined;
  /** Fills `into`. @returns false when the bytes are not what they should be: {@link fault} tells why */
  readonly copy: (bytes: Uint8Array, at: number, into: Uint8Array) => boolean;
  /** Why {@link text} or {@link copy} took nothing. */
  readonly fault: (bytes: Uint8Array, at: number, count: number) => Fault;
  /** What {@link put} refuses. */
  readonly refused: FailureClass<string>;
}

/** How the content of a field stands on the wire in a dialect. */
export function contentCodec({ content, justify }: FieldFormat, { digits, bytes }: Dialect): ContentCodec {
  if (content === "b") return bytes === "raw" ? rawContent() : hexadecimalContent();
  if (digits === "packed" && (content === "n" || content === "z")) return packedContent(content, justify === "right");
  return characterContent(content);
}

const ZERO = 0x30;

/** Characters by nibble; 0 where a nibble may not be. The track alphabet of ISO 7811 is 0x30 plus the nibble. */
const NIBBLES = {
  n: Uint8Array.from({ length: 16 }, (_, nibble) => (nibble < 10 ? ZERO + nibble : 0)),
  z: Uint8Array.from({ length: 16 }, (_, nibble) => (nibble < 10 || nibble === 13 ? ZERO + nibble : 0)),
};

/** Both characters of a packed byte, the first above the second; 0 where one may not be. */
const PAIRS = { n: pairsOf(NIBBLES.n), z: pairsOf(NIBBLES.z) };

function pairsOf(nibbles: Uint8Array): Uint16Array {
  return Uint16Array.from({ length: 256 }, (_, byte) => {
    const [first = 0, second = 0] = [nibbles[byte >> 4], nibbles[byte & 0xf]];
    return first === 0 || second === 0 ? 0 : (first << 8) | second;
  });
}

/** All texts of one to four digits, by how many they are and by the number they say: pieces are quicker than characters. */
const DIGIT_TEXTS = Array.from({ length: 5 }, (_, count) =>
  Array.from({ length: 10 ** count }, (_, number) => (count === 0 ? "" : String(number).padStart(count, "0"))),
);
const [, ONE_DIGIT = [], TWO_DIGITS = [], , FOUR_DIGITS = []] = DIGIT_TEXTS;

/** Stands in {@link PACKED_NUMBERS} for what is no pair of digits, and for what is no digit. */
export const NOT_DIGITS = 0xff;
/** What a digit in ASCII says, by its byte. */
const DIGITS = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte >= ZERO && byte <= ZERO + 9 ? byte - ZERO : NOT_DIGITS,
);
/** The number that two packed digits say, 0 to 99, by their byte. */
export const PACKED_NUMBERS = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte >> 4 < 10 && (byte & 0xf) < 10 ? (byte >> 4) * 10 + (byte & 0xf) : NOT_DIGITS,
);

/** Digits in ASCII. @returns undefined when one is something else */
function digitText(bytes: Uint8Array, at: number, count: number): string | undefined {
  let text = "";
  const end = at + count;
  let i = at;
  for (; i + 4 <= end; i += 4) {
    const first = DIGITS[bytes[i] ?? 0] ?? NOT_DIGITS;
    const second = DIGITS[bytes[i + 1] ?? 0] ?? NOT_DIGITS;
    const third = DIGITS[bytes[i + 2] ?? 0] ?? NOT_DIGITS;
    const fourth = DIGITS[bytes[i + 3] ?? 0] ?? NOT_DIGITS;
    if ((first | second | third | fourth) === NOT_DIGITS) return undefined;
    text += FOUR_DIGITS[first * 1000 + second * 100 + third * 10 + fourth] ?? "";
  }
  if (i === end) return text;
  const rest = end - i;
  let number = 0;
  for (; i < end; i++) {
    const digit = DIGITS[bytes[i] ?? 0] ?? NOT_DIGITS;
    if (digit === NOT_DIGITS) return undefined;
    number = number * 10 + digit;
  }
  return text + (DIGIT_TEXTS[rest]?.[number] ?? "");
}

/** Digits two to a byte. @returns undefined when one is something else, or the pad of an odd count is not zero */
function packedDigitText(bytes: Uint8Array, at: number, count: number): string | undefined {
  let text = "";
  let left = count;
  let i = at;
  for (; left >= 4; left -= 4, i += 2) {
    const first = PACKED_NUMBERS[bytes[i] ?? 0] ?? NOT_DIGITS;
    const second = PACKED_NUMBERS[bytes[i + 1] ?? 0] ?? NOT_DIGITS;
    if (first === NOT_DIGITS || second === NOT_DIGITS) return undefined;
    text += FOUR_DIGITS[first * 100 + second] ?? "";
  }
  if (left >= 2) {
    const number = PACKED_NUMBERS[bytes[i++] ?? 0] ?? NOT_DIGITS;
    if (number === NOT_DIGITS) return undefined;
    text += TWO_DIGITS[number] ?? "";
    left -= 2;
  }
  if (left === 0) return text;
  const last = bytes[i] ?? 0;
  return last >> 4 > 9 || (last & 0xf) !== 0 ? undefined : text + (ONE_DIGIT[last >> 4] ?? "");
}

/** As {@link packedDigitText}, the pad of an odd count before the digits. */
function rightDigitText(bytes: Uint8Array, at: number, count: number): string | undefined {
  if ((count & 1) === 0) return packedDigitText(bytes, at, count);
  const first = bytes[at] ?? 0;
  const rest = packedDigitText(bytes, at + 1, count - 1);
  return first > 9 || rest === undefined ? undefined : (ONE_DIGIT[first] ?? "") + rest;
}

/** Digits and track characters, two to a byte. */
function packedContent(content: "n" | "z", right: boolean): ContentCodec {
  const nibbles = NIBBLES[content];
  const pairs = PAIRS[content];
  const firstNibble = (at: number, count: number) => at * 2 + (right ? count & 1 : 0);

  const unpack = (bytes: Uint8Array, at: number, count: number, into: number[] | Uint8Array): boolean => {
    let place = at;
    let i = 0;
    if (right && (count & 1) === 1) {
      // The pad of an odd count comes first.
      const byte = bytes[place++] ?? 0;
      const character = nibbles[byte & 0xf] ?? 0;
      if (byte >> 4 !== 0 || character === 0) return false;
      into[i++] = character;
    }
    for (; i + 1 < count; i += 2) {
      const pair = pairs[bytes[place++] ?? 0] ?? 0;
      if (pair === 0) return false;
      into[i] = pair >> 8;
      into[i + 1] = pair & 0xff;
    }
    if (i === count) return true;
    const byte = bytes[place] ?? 0;
    const character = nibbles[byte >> 4] ?? 0;
    into[i] = character;
    return character !== 0 && (byte & 0xf) === 0;
  };

  const trackText = (bytes: Uint8Array, at: number, count: number) => {
    const characters = scratch(count);
    return unpack(bytes, at, count, characters) ? String.fromCharCode.apply(null, characters) : undefined;
  };

  return {
    refused: Iso8583DigitInvalid,
    size: (count) => (count + 1) >> 1,
    put(value, out, at) {
      let place = firstNibble(at, value.length);
      for (let i = 0; i < value.length; i++, place++) {
        const character = typeof value === "string" ? value.charCodeAt(i) : (value[i] ?? 0);
        const nibble = character - ZERO;
        if (character === 0 || nibbles[nibble] !== character) return false;
        out[place >> 1] = place & 1 ? (out[place >> 1] ?? 0) | nibble : nibble << 4;
      }
      return true;
    },
    text: content === "z" ? trackText : right ? rightDigitText : packedDigitText,
    copy: (bytes, at, into) => unpack(bytes, at, into.length, into),
    fault(bytes, at, count) {
      for (let i = 0, place = firstNibble(at, count); i < count; i++, place++) {
        if (nibbles[nibbleAt(bytes, place)] === 0) return { Kind: Iso8583DigitInvalid, at };
      }
      return { Kind: Iso8583PaddingInvalid, at };
    },
  };
}

const nibbleAt = (bytes: Uint8Array, place: number) => ((bytes[place >> 1] ?? 0) >> (place & 1 ? 0 : 4)) & 0xf;

const DIGIT = 1;
const LETTER = 2;
const SPACE = 4;
const SPECIAL = 8;
const SEPARATOR = 16;
const SIGN = 32;

/** What each byte is, as ASCII. */
const CLASSES = Uint8Array.from({ length: 256 }, (_, byte) => {
  if (byte < 0x20 || byte > 0x7e) return 0;
  const character = String.fromCharCode(byte);
  if (/\d/.test(character)) return DIGIT;
  if (/[A-Za-z]/.test(character)) return LETTER | (character === "C" || character === "D" ? SIGN : 0);
  if (character === " ") return SPACE;
  return SPECIAL | (character === "=" ? SEPARATOR : 0);
});

const ALLOWED: Record<Exclude<FieldContent, "b">, number> = {
  n: DIGIT,
  z: DIGIT | SEPARATOR,
  an: DIGIT | LETTER | SPACE,
  ns: DIGIT | SPECIAL | SPACE,
  ans: DIGIT | LETTER | SPECIAL | SPACE,
  "x+n": DIGIT,
};

/** ASCII characters. */
function characterContent(content: Exclude<FieldContent, "b">): ContentCodec {
  const rest = ALLOWED[content];
  const first = content === "x+n" ? SIGN : rest;
  const refused = content === "n" || content === "z" ? Iso8583DigitInvalid : Iso8583CharacterInvalid;

  const text = (bytes: Uint8Array, at: number, count: number) => {
    const characters = scratch(count);
    let allowed = first;
    for (let i = 0; i < count; i++, allowed = rest) {
      const character = bytes[at + i] ?? 0;
      if (((CLASSES[character] ?? 0) & allowed) === 0) return undefined;
      characters[i] = character;
    }
    return String.fromCharCode.apply(null, characters);
  };

  return {
    refused,
    size: (count) => count,
    put(value, out, at) {
      let allowed = first;
      for (let i = 0; i < value.length; i++, allowed = rest) {
        const character = typeof value === "string" ? value.charCodeAt(i) : (value[i] ?? 0);
        if (((CLASSES[character] ?? 0) & allowed) === 0) return false;
        out[at + i] = character;
      }
      return true;
    },
    text: content === "n" ? digitText : text,
    copy(bytes, at, into) {
      let allowed = first;
      for (let i = 0; i < into.length; i++, allowed = rest) {
        const character = bytes[at + i] ?? 0;
        if (((CLASSES[character] ?? 0) & allowed) === 0) return false;
        into[i] = character;
      }
      return true;
    },
    fault(bytes, at, count) {
      let allowed = first;
      for (let i = at; i < at + count; i++, allowed = rest) {
        if (((CLASSES[bytes[i] ?? 0] ?? 0) & allowed) === 0) return { Kind: refused, at: i };
      }
      return { Kind: refused, at };
    },
  };
}

/** Bytes as they are: never text, and never wrong. */
const rawContent = (): ContentCodec => ({
  refused: Iso8583CharacterInvalid,
  size: (count) => count,
  put(value, out, at) {
    if (typeof value === "string") return false;
    out.set(value, at);
    return true;
  },
  text: () => undefined,
  copy(bytes, at, into) {
    for (let i = 0; i < into.length; i++) into[i] = bytes[at + i] ?? 0;
    return true;
  },
  fault: (_bytes, at) => ({ Kind: Iso8583CharacterInvalid, at }),
});

/** Two hexadecimal characters to a byte: upper case written, either case read. */
const hexadecimalContent = (): ContentCodec => ({
  refused: Iso8583CharacterInvalid,
  size: (count) => count * 2,
  put(value, out, at) {
    if (typeof value === "string") return false;
    putHexadecimal(value, out, at);
    return true;
  },
  text: () => undefined,
  copy: (bytes, at, into) => hexadecimalFault(bytes, at, into) < 0,
  fault(bytes, at, count) {
    const into = new Uint8Array(count);
    const found = hexadecimalFault(bytes, at, into);
    into.fill(0);
    return { Kind: Iso8583CharacterInvalid, at: found };
  },
});

const NOT_HEXADECIMAL = 0xff;
const HEXADECIMAL_VALUES = Uint8Array.from({ length: 256 }, (_, byte) => {
  const digit = "0123456789ABCDEF".indexOf(String.fromCharCode(byte).toUpperCase());
  return digit < 0 ? NOT_HEXADECIMAL : digit;
});

/** Writes each byte of `value` as two characters. */
export function putHexadecimal(value: Uint8Array, out: Uint8Array, at: number): void {
  for (let i = 0; i < value.length; i++) {
    const byte = value[i] ?? 0;
    out[at + i * 2] = hexadecimalCharacter(byte >> 4);
    out[at + i * 2 + 1] = hexadecimalCharacter(byte & 0xf);
  }
}

const hexadecimalCharacter = (nibble: number) => nibble + (nibble < 10 ? ZERO : 0x37);

/** Fills `into` from two characters a byte, of either case. @returns the place of one that is not hexadecimal, or -1 */
export function hexadecimalFault(bytes: Uint8Array, at: number, into: Uint8Array): number {
  for (let i = 0; i < into.length; i++) {
    const high = HEXADECIMAL_VALUES[bytes[at + i * 2] ?? 0] ?? NOT_HEXADECIMAL;
    const low = HEXADECIMAL_VALUES[bytes[at + i * 2 + 1] ?? 0] ?? NOT_HEXADECIMAL;
    if (high === NOT_HEXADECIMAL) return at + i * 2;
    if (low === NOT_HEXADECIMAL) return at + i * 2 + 1;
    into[i] = (high << 4) | low;
  }
  return -1;
}

/** One array for each length, since `apply` is quickest on arrays. Only what is not sensitive goes through them. */
const scratches: number[][] = [];

function scratch(length: number): number[] {
  const known = scratches[length];
  if (known !== undefined) return known;
  const made = new Array<number>(length).fill(0);
  scratches[length] = made;
  return made;
}
