import { Iso8583FieldUnknown, Iso8583TrailingBytes } from "../errors.ts";
import { SwipewireError } from "../failure.ts";
import { SensitiveBytes } from "../sensitive-bytes.ts";
import { BITMAP_FIELDS, Bitmaps, firstField, lastField, setBit, withoutFirst } from "./bitmap.ts";
import type { Dialect, FieldFormat, Message, Value } from "./dialect.ts";
import { type Cursor, FieldCodec } from "./field-codec.ts";

/** A dialect made ready to build and parse. Bytes are a whole message without the length that frames it on TCP. */
export interface Codec<D extends Dialect> {
  readonly dialect: D;

  /**
   * A message as bytes.
   * @param mac when given, makes the MAC field out of the bytes before it; a MAC in `message` is left out
   * @returns the bytes; with sensitive fields inside, the caller's to wipe
   * @throws Iso8583FieldUnknown | Iso8583LengthInvalid | Iso8583DigitInvalid | Iso8583CharacterInvalid when the dialect
   *   lacks a field, or a field is too long or holds what it may not
   * @throws SensitiveBytesWiped
   */
  build(message: Message<D>, mac?: (covered: Uint8Array) => Uint8Array): Uint8Array;

  /**
   * Takes a message apart.
   * @returns the message, the caller's to wipe ({@link wipeMessage})
   * @throws an `iso8583_*` failure that names field and offset; what was read until then is wiped
   */
  parse(bytes: Uint8Array): Message<D>;

  /**
   * As {@link parse}, for a person to look at: what could be read of a broken message is kept. Never throws over its
   * bytes.
   */
  examine(bytes: Uint8Array): Examination<D>;

  /** The part of a message's bytes that its MAC covers, as a view: from the MTI to before the MAC field. */
  macCovered(bytes: Uint8Array): Uint8Array;
}

/** What a message consists of, in its order. */
export const stages = ["TPDU", "header", "MTI", "bitmap", "fields", "end"] as const;
/** One of {@link stages}. */
export type Stage = (typeof stages)[number];

/** What could be read of a message, and where it broke off. */
export interface Examination<D extends Dialect> {
  /** As far as it goes; the caller's to wipe. */
  readonly message: Message<D>;
  /** `end` for a whole message; otherwise where it broke off. */
  readonly reached: Stage;
  readonly failure?: SwipewireError;
}

/** Overwrites whatever is sensitive in a message. */
export function wipeMessage(message: { readonly fields: object }): void {
  for (const value of Object.values<unknown>({ ...message.fields })) if (value instanceof SensitiveBytes) value.wipe();
}

/**
 * Every field is compiled once; messages are then built and parsed without a look at the dialect's data.
 * @example
 * const unionPayCodec = compileDialect(unionPay);
 * const message = unionPayCodec.parse(bytes);
 */
export function compileDialect<const D extends Dialect>(dialect: D): Codec<D> {
  return new CompiledDialect(dialect);
}

/** A message while it is read. */
interface Draft {
  tpdu: string;
  header: string;
  mti: string;
  fields: Record<number, Value>;
}

/** What goes before the MTI, as bytes and taken apart. */
interface Address extends Pick<Draft, "tpdu" | "header"> {
  readonly bytes: Uint8Array;
}

/** Stands in the place of a message's last field until it is read: the object then grows once, and not field by field. */
const AWAITED = new Uint8Array();

/** Of a message that broke off before its bitmap. Nothing is put into it. */
const NO_FIELDS: Record<number, Value> = Object.freeze({});

/** Objects of that one entry, by field: a copy has room for every field up to it. */
const AWAITING: readonly Readonly<Record<number, Value>>[] = Array.from({ length: 2 * BITMAP_FIELDS + 1 }, (_, last) =>
  last === 0 ? {} : { [last]: AWAITED },
);

const emptyDraft = (): Draft => ({ tpdu: "", header: "", mti: "", fields: NO_FIELDS });

class CompiledDialect<D extends Dialect> implements Codec<D> {
  readonly dialect: D;
  /** By number. */
  readonly #fields: (FieldCodec | undefined)[];
  readonly #tpdu: FieldCodec;
  readonly #header: FieldCodec;
  readonly #mti: FieldCodec;
  readonly #bitmaps: Bitmaps;
  readonly #mtiAt: number;
  readonly #macLength: number;
  /** Bits of the message at hand, 32 fields each. */
  readonly #words = new Int32Array(4);
  /** Of the message that was read last: those of one line have one TPDU and header. */
  #address: Address = { bytes: new Uint8Array(), tpdu: "", header: "" };
  /** How far the last reading came. */
  #stage: Stage = "TPDU";

  constructor(dialect: D) {
    this.dialect = dialect;
    const digits = (name: string, length: number) => new FieldCodec(name, { name, content: "n", length }, dialect);
    this.#tpdu = digits("TPDU", dialect.tpduDigits);
    this.#header = digits("header", dialect.headerDigits);
    this.#mti = digits("MTI", 4);
    this.#bitmaps = new Bitmaps(dialect);
    this.#mtiAt =
      this.#tpdu.measure("0".repeat(dialect.tpduDigits)) + this.#header.measure("0".repeat(dialect.headerDigits));
    this.#fields = new Array<FieldCodec | undefined>(dialect.bitmaps * BITMAP_FIELDS + 1).fill(undefined);
    for (const [number, format] of Object.entries(dialect.fields)) {
      this.#fields[Number(number)] = new FieldCodec(`field ${number}`, format, dialect);
    }
    this.#macLength = this.#fields[BITMAP_FIELDS]?.measure(new Uint8Array(macBytes(dialect))) ?? 0;
  }

  build(message: Message<D>, mac?: (covered: Uint8Array) => Uint8Array): Uint8Array {
    const fields: Readonly<Record<number, Value | undefined>> = message.fields;
    const words = this.#words.fill(0);
    let length = 0;
    let last = 0;
    for (const key in fields) {
      const number = Number(key);
      const value = fields[number];
      if (value === undefined || (mac && number % BITMAP_FIELDS === 0)) continue;
      length += this.#field(number).measure(value);
      setBit(words, number);
      last = number;
    }
    const second = last > BITMAP_FIELDS;
    if (second) setBit(words, 1);
    if (mac) setBit(words, second ? 2 * BITMAP_FIELDS : BITMAP_FIELDS);
    const { size } = this.#bitmaps;
    const head =
      this.#tpdu.measure(message.tpdu) + this.#header.measure(message.header) + this.#mti.measure(message.mti);
    const out = new Uint8Array(head + (second ? 2 : 1) * size + length + (mac ? this.#macLength : 0));
    try {
      let at = this.#tpdu.write(message.tpdu, out, 0);
      at = this.#header.write(message.header, out, at);
      at = this.#mti.write(message.mti, out, at);
      this.#bitmaps.write(words, 0, out, at);
      if (second) this.#bitmaps.write(words, 2, out, at + size);
      at += second ? 2 * size : size;
      for (let word = 0; word < 4; word++) {
        for (let bits = words[word] ?? 0; bits !== 0; bits = withoutFirst(bits)) {
          const number = firstField(word, bits);
          const value = fields[number];
          if (value === undefined || (mac && number % BITMAP_FIELDS === 0)) continue;
          at = this.#field(number).write(value, out, at);
        }
      }
      if (mac) {
        const made = mac(out.subarray(this.#mtiAt, at));
        this.#field(BITMAP_FIELDS).measure(made);
        this.#field(BITMAP_FIELDS).write(made, out, at);
      }
      return out;
    } catch (error) {
      out.fill(0);
      throw error;
    }
  }

  parse(bytes: Uint8Array): Message<D> {
    const draft = emptyDraft();
    try {
      this.#read(bytes, draft);
    } catch (error) {
      wipeMessage(draft);
      throw error;
    }
    return this.#finished(draft);
  }

  examine(bytes: Uint8Array): Examination<D> {
    const draft = emptyDraft();
    try {
      this.#read(bytes, draft);
    } catch (failure) {
      if (!(failure instanceof SwipewireError)) throw failure;
      for (const [number, value] of Object.entries(draft.fields)) {
        if (value === AWAITED) delete draft.fields[Number(number)];
      }
      return { message: this.#finished(draft), reached: this.#stage, failure };
    }
    return { message: this.#finished(draft), reached: this.#stage };
  }

  macCovered(bytes: Uint8Array): Uint8Array {
    return bytes.subarray(this.#mtiAt, bytes.length - this.#macLength);
  }

  #read(bytes: Uint8Array, draft: Draft): void {
    const cursor: Cursor = { bytes, at: 0 };
    this.#readAddress(cursor, draft);
    this.#stage = "MTI";
    draft.mti = this.#mti.read(cursor) as string;
    this.#stage = "bitmap";
    const words = this.#words;
    words[2] = 0;
    words[3] = 0;
    this.#bitmaps.read(cursor, words, 0);
    if ((words[0] ?? 0) < 0 && this.dialect.bitmaps === 2) {
      this.#bitmaps.read(cursor, words, 2);
      words[0] = withoutFirst(words[0] ?? 0);
    }
    this.#stage = "fields";
    const fields = { ...AWAITING[lastField(words)] };
    draft.fields = fields;
    for (let word = 0; word < 4; word++) {
      for (let bits = words[word] ?? 0; bits !== 0; bits = withoutFirst(bits)) {
        const number = firstField(word, bits);
        fields[number] = this.#field(number).read(cursor);
      }
    }
    this.#stage = "end";
    if (cursor.at < bytes.length) {
      throw new Iso8583TrailingBytes({ detail: `${bytes.length - cursor.at} from offset ${cursor.at}` });
    }
  }

  #readAddress(cursor: Cursor, draft: Draft): void {
    const { bytes } = cursor;
    const last = this.#address;
    if (last.bytes.length === this.#mtiAt && begins(bytes, last.bytes)) {
      draft.tpdu = last.tpdu;
      draft.header = last.header;
      cursor.at = this.#mtiAt;
      return;
    }
    this.#stage = "TPDU";
    draft.tpdu = this.#tpdu.read(cursor) as string;
    this.#stage = "header";
    draft.header = this.#header.read(cursor) as string;
    this.#address = { bytes: bytes.slice(0, cursor.at), tpdu: draft.tpdu, header: draft.header };
  }

  /** A codec reads each field as its dialect says it is. */
  #finished(draft: Draft): Message<D> {
    return draft as Message<D> & Draft;
  }

  #field(number: number): FieldCodec {
    const field = this.#fields[number];
    if (field === undefined) throw new Iso8583FieldUnknown({ detail: `field ${number}` });
    return field;
  }
}

function begins(bytes: Uint8Array, beginning: Uint8Array): boolean {
  if (bytes.length < beginning.length) return false;
  for (let i = 0; i < beginning.length; i++) if (bytes[i] !== beginning[i]) return false;
  return true;
}

/** Length of the MAC field of either bitmap. */
function macBytes({ fields }: Dialect): number {
  const format: FieldFormat | undefined = fields[BITMAP_FIELDS];
  return format && "length" in format ? format.length : 0;
}
