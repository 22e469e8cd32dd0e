import { Iso8583FieldUnknown, Iso8583TrailingBytes, Iso8583Truncated } from "../errors.ts";
import { SensitiveBytes } from "../sensitive-bytes.ts";
import type { Dialect, FieldsOf, Message } from "./dialect.ts";
import { compileField, type FieldCodec, type Value } from "./field-codec.ts";

const BITMAP_LENGTH = 8;

/** A dialect made ready to build and parse. Bytes are a whole message without the length that frames it on TCP. */
export interface Codec<D extends Dialect> {
  /**
   * @param mac when given, makes the MAC field out of the bytes before it
   * @returns the bytes; with sensitive fields inside, the caller's to wipe
   * @throws an `iso8583_*` failure when a field is too long or holds what it may not
   */
  build(message: Message<D>, mac?: (covered: Uint8Array) => Uint8Array): Uint8Array;

  /**
   * @returns the message, the caller's to wipe ({@link wipeMessage})
   * @throws an `iso8583_*` failure that names field and offset; what was read until then is wiped
   */
  parse(bytes: Uint8Array): Message<D>;

  /** The part of a message's bytes that its MAC covers, as a view: from the MTI to before the MAC field. */
  macCovered(bytes: Uint8Array): Uint8Array;
}

/** Overwrites whatever is sensitive in a message. */
export function wipeMessage(message: { readonly fields: object }): void {
  for (const value of Object.values<unknown>({ ...message.fields })) if (value instanceof SensitiveBytes) value.wipe();
}

/**
 * @example
 * const unionPayCodec = compileDialect(unionPay);
 * const message = unionPayCodec.parse(bytes);
 */
export function compileDialect<const D extends Dialect>(dialect: D): Codec<D> {
  const codecs: (FieldCodec | undefined)[] = [];
  for (const [number, format] of Object.entries(dialect.fields)) {
    codecs[Number(number)] = compileField(`field ${number}`, format);
  }
  const tpdu = compileField("TPDU", { name: "TPDU", content: "n", length: dialect.tpduDigits });
  const header = compileField("header", { name: "header", content: "n", length: dialect.headerDigits });
  const mti = compileField("MTI", { name: "MTI", content: "n", length: 4 });
  const headerAt = dialect.tpduDigits / 2;
  const mtiAt = headerAt + dialect.headerDigits / 2;
  const bitmapAt = mtiAt + 2;
  const fieldsAt = bitmapAt + BITMAP_LENGTH;
  const macFormat = dialect.fields[dialect.macField];
  const macLength = macFormat && "length" in macFormat ? macFormat.length : 0;

  return {
    build(message, mac) {
      const fields: Record<number, Value | undefined> = { ...message.fields };
      if (mac) delete fields[dialect.macField];
      let length = fieldsAt + (mac ? macLength : 0);
      for (let number = 2; number < codecs.length; number++) {
        const value = fields[number];
        if (value !== undefined) length += codecs[number]?.measure(value) ?? 0;
      }
      tpdu.measure(message.tpdu);
      header.measure(message.header);
      mti.measure(message.mti);
      const out = new Uint8Array(length);
      try {
        tpdu.write(message.tpdu, out, 0);
        header.write(message.header, out, headerAt);
        mti.write(message.mti, out, mtiAt);
        let at = fieldsAt;
        for (let number = 2; number < codecs.length; number++) {
          const value = fields[number];
          const codec = codecs[number];
          if (value === undefined || codec === undefined) continue;
          setBit(out, number);
          codec.write(value, out, at);
          at += codec.measure(value);
        }
        if (mac) {
          setBit(out, dialect.macField);
          out.set(mac(out.subarray(mtiAt, at)), at);
        }
        return out;
      } catch (error) {
        out.fill(0);
        throw error;
      }
    },

    parse(bytes) {
      if (bytes.length < fieldsAt) throw new Iso8583Truncated({ detail: `bitmap, offset ${bytes.length}` });
      const fields: Record<number, Value> = {};
      const message = {
        tpdu: tpdu.read(bytes, 0).value as string,
        header: header.read(bytes, headerAt).value as string,
        mti: mti.read(bytes, mtiAt).value as string,
        fields: fields as FieldsOf<D>,
      };
      try {
        let at = fieldsAt;
        for (let number = 1; number <= BITMAP_LENGTH * 8; number++) {
          if (!hasBit(bytes, number)) continue;
          const codec = codecs[number];
          if (codec === undefined) throw new Iso8583FieldUnknown({ detail: `field ${number}` });
          const { value, end } = codec.read(bytes, at);
          fields[number] = value;
          at = end;
        }
        if (at < bytes.length) throw new Iso8583TrailingBytes({ detail: `${bytes.length - at} from offset ${at}` });
        return message;
      } catch (error) {
        wipeMessage(message);
        throw error;
      }
    },

    macCovered: (bytes) => bytes.subarray(mtiAt, bytes.length - macLength),
  };

  function setBit(out: Uint8Array, number: number): void {
    const byte = bitmapAt + ((number - 1) >> 3);
    out[byte] = (out[byte] ?? 0) | (0x80 >> ((number - 1) & 7));
  }

  function hasBit(bytes: Uint8Array, number: number): boolean {
    return ((bytes[bitmapAt + ((number - 1) >> 3)] ?? 0) & (0x80 >> ((number - 1) & 7))) !== 0;
  }
}
