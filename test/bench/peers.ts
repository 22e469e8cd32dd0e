import { createRequire } from "node:module";

// Both peers are CommonJS without types; what is used of them is written down here.

const require = createRequire(import.meta.url);

/** An ISO 8583 message by field number, `0` the MTI; binary fields in hexadecimal. */
export type PeerMessage = Record<string, string>;

interface Iso8583Peer {
  /** Two bytes of length and the message, or what is wrong with it. */
  getBufferMessage(): Buffer | { readonly error: string };
  getIsoJSON(framed: Buffer): PeerMessage | { readonly error: string };
}

/** github.com/zemuldo/iso_8583: MTI, digits and lengths in ASCII, a bitmap of bytes. */
export const Iso8583: new (message?: PeerMessage, formats?: object) => Iso8583Peer = require("iso_8583");

/** github.com/dpjayasekara/node-dukpt: the constructor derives, from hexadecimal. */
export const Dukpt: new (
  bdk: string,
  ksn: string,
  keyMode: "datakey" | "pinkey" | "mackey",
) => { readonly _sessionKey: string } = require("dukpt");
