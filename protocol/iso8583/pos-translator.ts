import { Iso8583CharacterInvalid, Iso8583DigitInvalid, Iso8583LengthInvalid } from "../errors.ts";
import { SensitiveBytes } from "../sensitive-bytes.ts";
import { type Codec, compileDialect, wipeMessage } from "./codec.ts";
import type { Dialect, FieldFormat, Message, Value } from "./dialect.ts";
import { unionPay } from "./dialects/unionpay.ts";
import { hexadecimalFault, putHexadecimal } from "./field-content.ts";
import type { Part, Piece, Place, PosCodec, PosDialect } from "./pos-dialect.ts";
import { networkCodeOf, type UnionPayFields, type UnionPayMessage } from "./unionpay-messages.ts";

type Fields = Record<number, Value>;

/** Fields of the message that gateway and bank think in. */
const LOGICAL: Readonly<Record<number, FieldFormat>> = unionPay.fields;
/** ISO 8583-1:1987 4.4: or twice that, where there is a second bitmap. */
const MAC_FIELD = 64;

/** Makes a dialect of POS messages ready to build and parse. Its failures are those of {@link Codec}. */
export const compilePosDialect = (dialect: PosDialect): PosCodec => new PosTranslator(dialect);

class PosTranslator implements PosCodec {
  readonly #dialect: PosDialect;
  readonly #wire: Codec<Dialect>;

  constructor(dialect: PosDialect) {
    this.#dialect = dialect;
    this.#wire = compileDialect(dialect.wire);
  }

  build(message: UnionPayMessage, mac?: (covered: Uint8Array) => Uint8Array): Uint8Array {
    const copies: SensitiveBytes[] = [];
    try {
      return this.#wire.build(this.#toWire(message, copies), mac);
    } finally {
      for (const copy of copies) copy.wipe();
    }
  }

  parse(bytes: Uint8Array): UnionPayMessage {
    const wire = this.#wire.parse(bytes);
    const out: Fields = {};
    try {
      const message = this.#fromWire(wire, out);
      const kept = new Set<Value | undefined>(Object.values(out));
      wipeMessage({ fields: Object.values({ ...wire.fields }).filter((value) => !kept.has(value)) });
      return message;
    } catch (error) {
      wipeMessage(wire);
      wipeMessage({ fields: out });
      throw error;
    }
  }

  macCovered(bytes: Uint8Array): Uint8Array {
    return this.#wire.macCovered(bytes);
  }

  #placesOf(mti: string): readonly Place[] {
    return this.#dialect.places.filter(({ mtis }) => !mtis || mtis.some((beginning) => mti.startsWith(beginning)));
  }

  /** @param copies gets what is to be wiped once it is built */
  #toWire({ tpdu, header, mti, fields }: UnionPayMessage, copies: SensitiveBytes[]): Message<Dialect> {
    const { wire } = this.#dialect;
    const logical: Readonly<Record<number, Value | undefined>> = fields;
    const places = this.#placesOf(mti);
    const placed = placedFields(places);
    const out: Fields = {};
    const put = (number: number, value: Value) => {
      if (value instanceof SensitiveBytes && !Object.values(logical).includes(value)) copies.push(value);
      out[number] = value;
    };
    for (const [key, value] of Object.entries(logical)) {
      const number = Number(key);
      if (value === undefined || placed.has(number) || number === MAC_FIELD) continue;
      put(number, this.#valueOnWire(number, value));
    }
    for (const place of places) {
      const text = writePlace(place, logical);
      if (text !== undefined && text !== place.absent) put(place.wire, ofKind(text, wire.fields[place.wire]));
    }
    const mac = logical[MAC_FIELD];
    const second = Object.keys(out).some((number) => Number(number) > MAC_FIELD);
    if (mac !== undefined) out[second ? 2 * MAC_FIELD : MAC_FIELD] = mac;
    return {
      tpdu: wire.tpduDigits > 0 ? tpdu : "",
      header: wire.headerDigits > 0 ? header : "",
      mti: this.#renamed(mti, fields, "message", "wire"),
      fields: out,
    };
  }

  /** @param out gets the fields, as far as it comes */
  #fromWire({ tpdu, header, mti, fields }: Message<Dialect>, out: Fields): UnionPayMessage {
    const wire: Readonly<Record<number, Value | undefined>> = fields;
    const places = this.#placesOf(mti);
    const placed = placedFields(places);
    const occupied = new Set(places.map((place) => place.wire));
    for (const [key, value] of Object.entries(wire)) {
      const number = Number(key);
      // What the other message has no place for is left out.
      if (value === undefined || placed.has(number) || occupied.has(number) || LOGICAL[number] === undefined) continue;
      out[number] = this.#valueFromWire(number, value);
    }
    for (const [number, text] of readPlaces(places, wire)) out[number] = ofKind(text, LOGICAL[number]);
    const mac = wire[2 * MAC_FIELD] ?? wire[MAC_FIELD];
    if (mac !== undefined) out[MAC_FIELD] = mac;
    const message = { tpdu, header, mti, fields: out } as UnionPayMessage;
    return { ...message, mti: this.#renamed(mti, message.fields, "wire", "message") };
  }

  #renamed(mti: string, fields: UnionPayFields, from: "message" | "wire", to: "message" | "wire"): string {
    const renaming = this.#dialect.mtis?.find(
      (renaming) => renaming[from] === mti && renaming.networkCodes.includes(networkCodeOf(fields)),
    );
    return renaming?.[to] ?? mti;
  }

  #valueOnWire(number: number, value: Value): Value {
    const format = this.#dialect.wire.fields[number];
    if (!this.#dialect.hexadecimal.includes(number)) return ofKind(value, format);
    return withBytes(value, (bytes) => {
      const hexadecimal = new Uint8Array(bytes.length * 2);
      putHexadecimal(bytes, hexadecimal, 0);
      return copied(hexadecimal, format);
    });
  }

  #valueFromWire(number: number, value: Value): Value {
    const format = LOGICAL[number];
    if (!this.#dialect.hexadecimal.includes(number)) return ofKind(value, format);
    return withBytes(value, (hexadecimal) => {
      const bytes = new Uint8Array(Math.ceil(hexadecimal.length / 2));
      if (hexadecimalFault(hexadecimal, 0, bytes) < 0) return copied(bytes, format);
      bytes.fill(0);
      throw new Iso8583CharacterInvalid({ detail: `field ${number}` });
    });
  }
}

/** Fields of the UnionPay message that have places of their own. */
const placedFields = (places: readonly Place[]): ReadonlySet<number> =>
  new Set(places.filter(({ repeats }) => !repeats).flatMap((place) => piecesOf(place).map(({ field }) => field)));

const isPiece = (part: Part): part is Piece => "field" in part;

/** Those that are read back. */
const piecesOf = ({ parts }: Place): Piece[] => parts.filter(isPiece).filter(({ via }) => !via);

/** @returns undefined where the message has nothing that belongs there */
function writePlace(place: Place, logical: Readonly<Record<number, Value | undefined>>): string | undefined {
  if (place.parts.some((part) => isPiece(part) && logical[part.field] === undefined)) return undefined;
  let text = "";
  for (const part of place.parts) {
    if (!isPiece(part)) {
      text += part.constant;
      continue;
    }
    const { field, at, length, width = length ?? 0, via } = part;
    const whole = characters(logical[field] ?? "");
    const end = length === undefined ? whole.length : at + length;
    // Only what is left over may be nothing.
    if (length !== undefined && whole.length < end) throw new Iso8583LengthInvalid({ detail: `field ${field}` });
    const piece = whole.slice(at, end);
    const written = via ? via[piece] : piece.padStart(width, "0");
    if (written === undefined) throw new Iso8583DigitInvalid({ detail: `field ${field}` });
    text += written;
  }
  return text;
}

/** @returns the fields of which every piece is there, by number */
function readPlaces(
  places: readonly Place[],
  wire: Readonly<Record<number, Value | undefined>>,
): ReadonlyMap<number, string> {
  const pieces = new Map<number, { at: number; text: string }[]>();
  const given = new Set<number>();
  const incomplete = new Set<number>();
  for (const place of places) {
    if (place.repeats) continue;
    const value = wire[place.wire];
    const text = value === undefined ? place.absent : characters(value);
    for (const { field } of piecesOf(place)) {
      if (text === undefined) incomplete.add(field);
      if (value !== undefined) given.add(field);
    }
    if (text !== undefined) readPlace(place, text, pieces);
  }
  const whole = [...pieces].filter(([field]) => given.has(field) && !incomplete.has(field));
  return new Map(whole.map(([field, parts]) => [field, joined(field, parts)]));
}

function readPlace(place: Place, text: string, pieces: Map<number, { at: number; text: string }[]>): void {
  let from = 0;
  for (const part of place.parts) {
    const to = from + (isPiece(part) ? widthOf(part, text.length - from) : part.constant.length);
    const written = text.slice(from, to);
    if (to > text.length) throw new Iso8583LengthInvalid({ detail: `field ${place.wire}` });
    from = to;
    if (!isPiece(part) || part.via) continue;
    const zeros = written.length - (part.length ?? written.length);
    if (/[^0]/.test(written.slice(0, zeros))) throw new Iso8583LengthInvalid({ detail: `field ${place.wire}` });
    const known = pieces.get(part.field) ?? [];
    known.push({ at: part.at, text: written.slice(zeros) });
    pieces.set(part.field, known);
  }
  if (from !== text.length) throw new Iso8583LengthInvalid({ detail: `field ${place.wire}` });
}

const widthOf = ({ width, length, via }: Piece, left: number) =>
  (via ? Object.values(via)[0]?.length : (width ?? length)) ?? left;

function joined(field: number, pieces: readonly { at: number; text: string }[]): string {
  const text = [...pieces]
    .sort((a, b) => a.at - b.at)
    .map((piece) => piece.text)
    .join("");
  if (LOGICAL[field]?.content === "n" && !/^\d*$/.test(text)) {
    throw new Iso8583DigitInvalid({ detail: `field ${field}` });
  }
  return text;
}

/** The same characters or bytes, as a field of that format holds them. */
function ofKind(value: Value | string, format: FieldFormat | undefined): Value {
  if (format?.sensitive) {
    return value instanceof SensitiveBytes ? value : withBytes(value, (bytes) => SensitiveBytes.copyOf(bytes));
  }
  if (format?.content === "b") return withBytes(value, (bytes) => bytes.slice());
  return characters(value);
}

/** As {@link ofKind}, of bytes that are overwritten after. */
function copied(bytes: Uint8Array, format: FieldFormat | undefined): Value {
  try {
    return ofKind(bytes, format);
  } finally {
    bytes.fill(0);
  }
}

function withBytes<T>(value: Value, use: (bytes: Uint8Array) => T): T {
  if (value instanceof SensitiveBytes) return value.use(use);
  return use(typeof value === "string" ? new TextEncoder().encode(value) : value);
}

/** Bytes as the characters of their numbers: what is no ASCII is refused where it is written. */
const characters = (value: Value): string =>
  typeof value === "string" ? value : withBytes(value, (bytes) => String.fromCharCode(...bytes));
