import { ReaderCommandMalformed, ReaderCommandRefused } from "../../errors.ts";
import type { Layout, ReaderCommand } from "../reader-command.ts";

/*
 * MagTek D99875475-10 "Commands": number, length and data of a request, result code, length and data of its response.
 * They travel in feature reports of 24 bytes (keyboard, SureSwipe) or 60 (MagneSafe HID), with zeros behind them.
 */

/** Of a feature report of 60 bytes: what number and length leave. */
const MAX_DATA = 58;

const SUCCESS = 0x00;
/** What the first byte of a response means; other codes belong to single commands. */
export const RESULT_CODES: Readonly<Record<number, string>> = {
  0: "success",
  1: "failure",
  2: "bad parameter",
  3: "bad data",
  5: "delayed",
  7: "invalid operation, or its MAC is missing or wrong",
};

/** The failure of every message that is not laid out as the manual says; `detail` tells place and size. */
export const malformed = (detail: string): ReaderCommandMalformed => new ReaderCommandMalformed({ detail });

/**
 * A request or response as it travels.
 * @param first number of the command, or result code
 * @param data at most 58 bytes
 * @throws ReaderCommandMalformed for more
 */
export function encodeMessage(first: number, data: Uint8Array): Uint8Array {
  if (data.length > MAX_DATA) throw malformed(`${data.length} of at most ${MAX_DATA} bytes`);
  const bytes = new Uint8Array(2 + data.length);
  bytes.set([first, data.length]);
  bytes.set(data, 2);
  return bytes;
}

/**
 * A view of the data. Behind it nothing but the zeros of a feature report may follow.
 * @returns `first`: number of the command, or result code
 * @throws ReaderCommandMalformed
 */
export function decodeMessage(bytes: Uint8Array): { readonly first: number; readonly data: Uint8Array } {
  const [first, length] = bytes;
  if (first === undefined || length === undefined) throw malformed(`${bytes.length} bytes`);
  const rest = bytes.subarray(2 + length);
  if (
    length > MAX_DATA ||
    bytes.length < 2 + length ||
    bytes.length > 2 + MAX_DATA ||
    rest.some((byte) => byte !== 0)
  ) {
    throw malformed(`${length} bytes announced, ${bytes.length - 2} there`);
  }
  return { first, data: bytes.subarray(2, 2 + length) };
}

/** What a reader answers that does not do as it is told. @param resultCode one byte @throws ReaderCommandMalformed */
export const encodeRefusal = (resultCode: number): Uint8Array => encodeMessage(resultCode, new Uint8Array());

/**
 * A command from its number and the layouts of its data.
 * @param name as the manual calls it
 */
export function magtekCommand<Request, Response>(
  name: string,
  number: number,
  request: Layout<Request>,
  response: Layout<Response>,
): ReaderCommand<Request, Response> {
  return {
    name,
    encodeRequest: (value) => encodeMessage(number, request.encode(value)),
    decodeRequest(bytes) {
      const { first, data } = decodeMessage(bytes);
      if (first !== number) throw malformed(`command ${first}, ${number} expected`);
      return request.decode(data);
    },
    encodeResponse: (value) => encodeMessage(SUCCESS, response.encode(value)),
    decodeResponse(bytes) {
      const { first, data } = decodeMessage(bytes);
      if (first !== SUCCESS) {
        throw new ReaderCommandRefused({ detail: `${name}: ${RESULT_CODES[first] ?? "result code"} ${first}` });
      }
      return response.decode(data);
    },
  };
}

/** No data at all. */
export const nothing: Layout<void> = {
  encode: () => new Uint8Array(),
  decode(data) {
    if (data.length > 0) throw malformed(`${data.length} bytes where none belong`);
  },
};

/** A copy of data that must have exactly this length, in bytes. @throws ReaderCommandMalformed */
export function exactly(length: number, data: Uint8Array): Uint8Array {
  if (data.length !== length) throw malformed(`${data.length} of ${length} bytes`);
  return Uint8Array.from(data);
}

/** A number of one byte, 0 to 255. @throws ReaderCommandMalformed with `name` */
export function byteOf(value: number, name: string): number {
  if (!Number.isInteger(value) || value < 0 || value > 0xff) throw malformed(`${name} is no byte`);
  return value;
}
