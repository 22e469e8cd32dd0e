import { ReaderCommandMac } from "../../errors.ts";
import { decodeMessage, encodeMessage, malformed } from "./message.ts";

const MAC_LENGTH = 4;

/** ISO 9797-1 MAC algorithm 3 under the reader's current DUKPT key, MAC-request variant: 8 bytes. */
export type MagtekMac = (message: Uint8Array) => Uint8Array;

/**
 * A request with its MAC: the left four bytes over number, length (the MAC's own four included) and data, filled up with
 * zeros (MagTek D99875475-10 "MAC").
 * @param request as `encodeRequest` made it
 * @throws ReaderCommandMalformed when it has no room for one
 */
export function withMac(request: Uint8Array, mac: MagtekMac): Uint8Array {
  const { first, data } = decodeMessage(request);
  const message = encodeMessage(first, Uint8Array.of(...data, 0, 0, 0, 0));
  message.set(macOf(message, mac), message.length - MAC_LENGTH);
  return message;
}

/**
 * The reader's side: the request without its MAC, for `decodeRequest`.
 * @param message as {@link withMac} made it
 * @throws ReaderCommandMac when the MAC is wrong
 * @throws ReaderCommandMalformed when there is no room for one
 */
export function takeMac(message: Uint8Array, mac: MagtekMac): Uint8Array {
  const { first, data } = decodeMessage(message);
  if (data.length < MAC_LENGTH) throw malformed(`${data.length} bytes, ${MAC_LENGTH} of them its MAC`);
  const given = data.subarray(-MAC_LENGTH);
  const expected = macOf(encodeMessage(first, data), mac);
  if (expected.reduce((difference, byte, n) => difference | (byte ^ (given[n] ?? 0)), 0) !== 0) {
    throw new ReaderCommandMac({ detail: `command ${first}` });
  }
  return encodeMessage(first, data.subarray(0, -MAC_LENGTH));
}

const macOf = (message: Uint8Array, mac: MagtekMac) =>
  mac(message.subarray(0, message.length - MAC_LENGTH)).subarray(0, MAC_LENGTH);
