import { KeyBlockHeaderInvalid, KeyBlockLength, KeyBlockOptionalBlockInvalid } from "../errors.ts";

// The clear part of a key block: ANSI X9.143:2021 6.2 and 6.3 (TR-31:2018 A.5), ISO 20038:2017 A.2. It says what the
// wrapped key is for, and the block's MAC covers it.

/**
 * How header and key are bound together: A and C by variants of a TDES key (A and C differ in name only), B by keys
 * derived from a TDES key, D by keys derived from an AES key, E the same in counter mode (ISO 20038).
 */
export type KeyBlockVersion = "A" | "B" | "C" | "D" | "E";

/** X9.143:2021 6.3.6: something more about the key. */
export interface OptionalBlock {
  /** Two digits or upper-case letters; X9.143:2021 6.3.6, table 7. */
  readonly id: string;
  /** Printable ASCII, as it stands in the header: "KS", for one, is in hexadecimal. */
  readonly data: string;
}

/** What the key is and may be used for, by the tables of X9.143:2021. */
export interface KeyBlockHeader {
  readonly version: KeyBlockVersion;
  /** Two characters; 6.3.1, table 2. "B0" is a base derivation key, "P0" a PIN key, "K1" a key block protection key. */
  readonly keyUsage: string;
  /** 6.3.2, table 3. "A" is AES, "D" single DES, "T" TDES, "H" HMAC, "R" RSA, "E" elliptic curve, "S" DSA. */
  readonly algorithm: string;
  /** 6.3.3, table 4. "B" is both encrypt and decrypt, "N" no restriction, "X" derive keys. */
  readonly modeOfUse: string;
  /** Two characters; 6.3.4, table 5. "00" is none, "c" and a character a component. */
  readonly keyVersion: string;
  /** 6.3.5, table 6: "E" under a trusted key, "N" not at all, "S" otherwise. */
  readonly exportability: string;
  /** 6.2, table 1: "0" where the block does not say, "1" for storage, "2" for exchange. */
  readonly keyContext: string;
  readonly optionalBlocks: readonly OptionalBlock[];
}

/** A header that was read. */
export interface ParsedKeyBlockHeader {
  readonly header: KeyBlockHeader;
  /** Characters, optional blocks included. */
  readonly length: number;
}

const FIXED_LENGTH = 16;
const MAX_LENGTH = 9999;

/** Bytes of the cipher's block, to which optional blocks are padded, and of the MAC. */
export const keyBlockSizes: Readonly<Record<KeyBlockVersion, { readonly block: 8 | 16; readonly mac: 4 | 8 | 16 }>> = {
  A: { block: 8, mac: 4 },
  B: { block: 8, mac: 8 },
  C: { block: 8, mac: 4 },
  D: { block: 16, mac: 16 },
  E: { block: 16, mac: 16 },
};

/** Where each field of a header is, and what it may hold; digits are for proprietary use (6.3.1 to 6.3.3). */
const FIELDS = {
  keyUsage: { name: "key usage", at: 5, pattern: /^[0-9A-Z]{2}$/ },
  algorithm: { name: "algorithm", at: 7, pattern: /^[0-9ADEHRST]$/ },
  modeOfUse: { name: "mode of use", at: 8, pattern: /^[0-9BCDEGNSTVXY]$/ },
  keyVersion: { name: "key version", at: 9, pattern: /^[0-9A-Za-z]{2}$/ },
  exportability: { name: "exportability", at: 11, pattern: /^[ENS]$/ },
  keyContext: { name: "key context", at: 14, pattern: /^[012]$/ },
} as const;

const isVersion = (text: string): text is KeyBlockVersion => Object.hasOwn(keyBlockSizes, text);

/**
 * The header of a whole key block. Nothing of it is authentic before the block's MAC is checked.
 * @throws KeyBlockLength | KeyBlockHeaderInvalid | KeyBlockOptionalBlockInvalid
 */
export function parseKeyBlockHeader(block: string): ParsedKeyBlockHeader {
  if (block.length < FIXED_LENGTH) throw new KeyBlockLength({ detail: `${block.length} characters` });
  const version = block.slice(0, 1);
  if (!isVersion(version)) throw new KeyBlockHeaderInvalid({ detail: "version, offset 0" });
  const length = block.slice(1, 5);
  if (!/^\d{4}$/.test(length)) throw new KeyBlockHeaderInvalid({ detail: "length, offset 1" });
  if (Number(length) !== block.length) {
    throw new KeyBlockLength({ detail: `${block.length} characters instead of ${Number(length)}` });
  }
  const field = (name: keyof typeof FIELDS, characters: number) =>
    block.slice(FIELDS[name].at, FIELDS[name].at + characters);
  const count = block.slice(12, 14);
  if (!/^\d{2}$/.test(count)) throw new KeyBlockHeaderInvalid({ detail: "number of optional blocks, offset 12" });
  if (block[15] !== "0") throw new KeyBlockHeaderInvalid({ detail: "reserved, offset 15" });
  const optionalBlocks: OptionalBlock[] = [];
  let at = FIXED_LENGTH;
  for (let n = 0; n < Number(count); n++) {
    const { length, ...optional } = parseOptionalBlock(block, at);
    optionalBlocks.push(optional);
    at += length;
  }
  const header = {
    version,
    keyUsage: field("keyUsage", 2),
    algorithm: field("algorithm", 1),
    modeOfUse: field("modeOfUse", 1),
    keyVersion: field("keyVersion", 2),
    exportability: field("exportability", 1),
    keyContext: field("keyContext", 1),
    optionalBlocks,
  };
  checkHeader(header);
  if (at % keyBlockSizes[version].block !== 0) {
    throw new KeyBlockOptionalBlockInvalid({ detail: `${at - FIXED_LENGTH} characters of them, not whole blocks` });
  }
  return { header, length: at };
}

/**
 * The header as text. A padding block ("PB") is put after the optional blocks where they need one and the last is none.
 * @param rest characters that follow: the encrypted key and the MAC
 * @returns 16 characters and the optional blocks, printable ASCII
 * @throws KeyBlockLength | KeyBlockHeaderInvalid | KeyBlockOptionalBlockInvalid
 */
export function buildKeyBlockHeader(header: KeyBlockHeader, rest: number): string {
  checkHeader(header);
  const blocks = header.optionalBlocks.map(buildOptionalBlock);
  const { block } = keyBlockSizes[header.version];
  const excess = blocks.join("").length % block;
  if (excess !== 0) {
    if (header.optionalBlocks.at(-1)?.id === "PB") {
      throw new KeyBlockOptionalBlockInvalid({ detail: "PB, wrong length" });
    }
    // ID and length alone take four characters.
    const missing = block - excess;
    blocks.push(buildOptionalBlock({ id: "PB", data: "0".repeat((missing < 4 ? missing + block : missing) - 4) }));
  }
  if (blocks.length > 99) throw new KeyBlockOptionalBlockInvalid({ detail: `${blocks.length} of them` });
  const optional = blocks.join("");
  const length = FIXED_LENGTH + optional.length + rest;
  if (length > MAX_LENGTH) throw new KeyBlockLength({ detail: `${length} characters` });
  const { version, keyUsage, algorithm, modeOfUse, keyVersion, exportability, keyContext } = header;
  const digits = (value: number, places: number) => String(value).padStart(places, "0");
  return [
    version,
    digits(length, 4),
    keyUsage,
    algorithm,
    modeOfUse,
    keyVersion,
    exportability,
    digits(blocks.length, 2),
    keyContext,
    "0",
    optional,
  ].join("");
}

/** X9.143:2021 6.2, table 1: ID, length of the whole in hexadecimal, data; a length of 00 has the true one after it. */
function parseOptionalBlock(block: string, at: number): OptionalBlock & { readonly length: number } {
  const short = block.slice(at + 2, at + 4);
  const extended = short === "00";
  if (extended && block.slice(at + 4, at + 6) !== "04") {
    throw new KeyBlockOptionalBlockInvalid({ detail: `length of length, offset ${at + 4}` });
  }
  const digits = extended ? block.slice(at + 6, at + 10) : short;
  const start = extended ? 10 : 4;
  const length = Number.parseInt(digits, 16);
  if (digits.length !== (extended ? 4 : 2) || !isHex(digits) || length < start || at + length > block.length) {
    throw new KeyBlockOptionalBlockInvalid({ detail: `length, offset ${at + 2}` });
  }
  return { id: block.slice(at, at + 2), data: block.slice(at + start, at + length), length };
}

function buildOptionalBlock({ id, data }: OptionalBlock): string {
  const hex = (value: number, places: number) => value.toString(16).toUpperCase().padStart(places, "0");
  if (data.length + 4 <= 0xff) return `${id}${hex(data.length + 4, 2)}${data}`;
  if (data.length + 10 > MAX_LENGTH)
    throw new KeyBlockLength({ detail: `${data.length} characters of an optional block` });
  return `${id}0004${hex(data.length + 10, 4)}${data}`;
}

/** X9.143:2021 6.3.6.1 to 6.3.6.12: optional blocks whose data is whole bytes in hexadecimal. */
const HEX_BLOCKS = new Set(["AL", "BI", "HM", "IK", "KC", "KP", "KS", "PK"]);

function checkHeader(header: KeyBlockHeader): void {
  for (const key of Object.keys(FIELDS) as (keyof typeof FIELDS)[]) {
    const { name, at, pattern } = FIELDS[key];
    if (!pattern.test(header[key])) throw new KeyBlockHeaderInvalid({ detail: `${name}, offset ${at}` });
  }
  const seen = new Set<string>();
  header.optionalBlocks.forEach(({ id, data }, n) => {
    const place = `optional block ${n + 1}`;
    if (!/^[0-9A-Z]{2}$/.test(id)) throw new KeyBlockOptionalBlockInvalid({ detail: `ID of ${place}` });
    if (seen.has(id)) throw new KeyBlockOptionalBlockInvalid({ detail: `${place} repeats an ID` });
    seen.add(id);
    if (id === "PB" && n !== header.optionalBlocks.length - 1) {
      throw new KeyBlockOptionalBlockInvalid({ detail: `${place} is padding and not the last` });
    }
    const valid = HEX_BLOCKS.has(id) ? data.length % 2 === 0 && isHex(data) : /^[\x20-\x7e]*$/.test(data);
    if (!valid) throw new KeyBlockOptionalBlockInvalid({ detail: `characters of ${place}` });
  });
}

/** Hexadecimal digits, any number of them; X9.143:2021 4: lower-case ones are none. */
export const isHex = (text: string): boolean => /^[0-9A-F]*$/.test(text);
