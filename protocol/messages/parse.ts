import { Ajv2020, type ErrorObject } from "ajv/dist/2020.js";
import type Type from "typebox";
import { MessageInvalid, MessageNotJson, MessageTooLarge } from "../errors.ts";

/** One validator for every border, so that all refuse alike. Values are never coerced, defaulted or dropped. */
const ajv = new Ajv2020({ allErrors: false, strict: true, strictTypes: false, discriminator: false });

/** Says where and which rule, never what was given: the value may be a card number typed into the wrong box. */
function place(error: ErrorObject | undefined): string {
  if (!error) return "unknown place";
  const where = error.instancePath === "" ? "the message" : error.instancePath;
  // A missing property's name is the schema's; an unknown one's is the sender's.
  const which = error.keyword === "required" ? ` ${error.params["missingProperty"]}` : "";
  return `${where}: ${error.keyword}${which}`;
}

/**
 * A function that returns its argument as the schema's type, JSON Schema 2020-12.
 * @throws MessageInvalid with the place and the rule that was broken, from that function
 */
export function checker<S extends Type.TSchema>(schema: S): (value: unknown) => Type.Static<S> {
  const validate = ajv.compile(schema);
  return (value) => {
    if (validate(value)) return value as Type.Static<S>;
    throw new MessageInvalid({ detail: place(validate.errors?.at(-1)) });
  };
}

/**
 * A function that reads one JSON message, UTF-8, of at most `limit` bytes.
 * @throws MessageTooLarge | MessageNotJson | MessageInvalid from that function
 */
export function reader<S extends Type.TSchema>(schema: S, limit: number): (bytes: Uint8Array) => Type.Static<S> {
  const check = checker(schema);
  const utf8 = new TextDecoder("utf-8", { fatal: true });
  return (bytes) => {
    if (bytes.length > limit) throw new MessageTooLarge({ detail: `${bytes.length} of at most ${limit} bytes` });
    return check(fromJson(bytes, utf8));
  };
}

/**
 * What JSON text says, unchecked.
 * @param bytes text in the decoder's encoding
 * @param decoder a fatal one also refuses what is no text
 * @throws MessageNotJson
 */
export function fromJson(bytes: Uint8Array, decoder: InstanceType<typeof TextDecoder>): unknown {
  try {
    return JSON.parse(decoder.decode(bytes));
  } catch {
    // The parser's own message quotes the text, so it is not kept as the cause.
    throw new MessageNotJson();
  }
}
