import { ReaderCommandMalformed, ReaderCommandRefused, ReaderFrameLrc } from "../../errors.ts";
import { ETX, STX } from "../idtech-layout.ts";
import type { Layout, ReaderCommand } from "../reader-command.ts";

/*
 * ID TECH 80096504-001 "Reader commands": STX, command, data, ETX, LRC. A reader answers ACK, a frame of its own behind
 * it where something was asked, or another byte alone where it refuses.
 */

/** First byte of the answer to a command that was carried out. */
export const ACK = 0x06;
/** The answer to a command that was not understood. */
export const NAK = 0x15;

const REFUSALS: Readonly<Record<number, string>> = {
  [NAK]: "NAK",
  22: "unknown setting",
  23: "already in OPOS mode",
  24: "not in buffered mode, or nothing there",
  // The NAK of readers that are keyboards.
  253: "NAK",
};

const MAX_DATA = 1024;
/** STX, ETX, LRC. */
const FRAMING = 3;

/** The failure of every message that is not laid out as the manual says; `detail` tells place and size. */
export const malformed = (detail: string): ReaderCommandMalformed => new ReaderCommandMalformed({ detail });

/** The XOR of everything from STX to ETX, both included. */
const lrcOf = (bytes: Uint8Array): number => bytes.reduce((lrc, byte) => lrc ^ byte, 0);

/** STX, up to 1024 bytes of data, ETX, LRC. @throws ReaderCommandMalformed for more */
export function encodeFrame(data: Uint8Array): Uint8Array {
  if (data.length > MAX_DATA) throw malformed(`${data.length} of at most ${MAX_DATA} bytes`);
  const frame = new Uint8Array(data.length + FRAMING);
  frame[0] = STX;
  frame.set(data, 1);
  frame[data.length + 1] = ETX;
  frame[data.length + 2] = lrcOf(frame);
  return frame;
}

/** A view of what is between STX and ETX, up to 1024 bytes. @throws ReaderCommandMalformed | ReaderFrameLrc */
export function decodeFrame(frame: Uint8Array): Uint8Array {
  if (frame.length < FRAMING || frame.length > MAX_DATA + FRAMING || frame[0] !== STX || frame.at(-2) !== ETX) {
    throw malformed(`${frame.length} bytes, STX and ETX expected`);
  }
  if (lrcOf(frame.subarray(0, -1)) !== frame.at(-1))
    throw new ReaderFrameLrc({ detail: `over ${frame.length - 1} bytes` });
  return frame.subarray(1, -2);
}

/**
 * Is this all of an answer? One that is not, goes on.
 * @param bytes from its first one
 */
export function isWholeResponse(bytes: Uint8Array): boolean {
  if (bytes[0] !== ACK) return bytes.length > 0;
  // Behind an ACK that stands alone nothing comes: who waits for more of it waits until its time is over.
  if (bytes.length > 1 && bytes[1] !== STX) return true;
  const frame = bytes.subarray(1);
  if (frame.length > MAX_DATA + FRAMING) return true;
  return frame.length >= FRAMING && frame.at(-2) === ETX && lrcOf(frame.subarray(0, -1)) === frame.at(-1);
}

/** What a reader answers that does not do as it is told. @param code the one byte of it */
export const encodeRefusal = (code: number = NAK): Uint8Array => Uint8Array.of(code);

/**
 * A command from its number and the layouts of its data.
 * @param name as the manual calls it
 * @param number first byte of the request
 * @param response of what follows ACK; nothing follows it unless given
 */
export function idtechCommand<Request, Response = void>(
  name: string,
  number: number,
  request: Layout<Request>,
  response?: Layout<Response>,
): ReaderCommand<Request, Response> {
  return {
    name,
    encodeRequest: (value) => encodeFrame(Uint8Array.of(number, ...request.encode(value))),
    decodeRequest(bytes) {
      const data = decodeFrame(bytes);
      if (data[0] !== number) throw malformed(`command ${data[0] ?? "missing"}, ${number} expected`);
      return request.decode(data.subarray(1));
    },
    encodeResponse(value) {
      if (!response) return Uint8Array.of(ACK);
      const data = response.encode(value);
      const frame = encodeFrame(data);
      const bytes = new Uint8Array(1 + frame.length);
      bytes[0] = ACK;
      bytes.set(frame, 1);
      data.fill(0);
      frame.fill(0);
      return bytes;
    },
    decodeResponse(bytes) {
      const [first] = bytes;
      if (first !== ACK) {
        const reason = first === undefined ? undefined : REFUSALS[first];
        if (reason === undefined || bytes.length !== 1)
          throw malformed(`${bytes.length} bytes that do not begin with ACK`);
        throw new ReaderCommandRefused({ detail: `${name}: ${reason}` });
      }
      if (response) return response.decode(decodeFrame(bytes.subarray(1)));
      if (bytes.length !== 1) throw malformed(`${bytes.length - 1} bytes behind ACK`);
      return undefined as Response;
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
