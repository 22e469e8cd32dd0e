import { ModemMessageInvalid } from "../../errors.ts";
import { SensitiveBytes } from "../../sensitive-bytes.ts";
import type { ModemFrame } from "./modem-event.ts";

/** What a reader says. `sequence`, 0 to 255, is that of the question it answers. */
export type ReaderMessage =
  /** What was swiped: a frame of one of the families of `protocol/readers`; the receiver's to wipe. */
  | { readonly type: "reader-frame"; readonly frame: SensitiveBytes }
  /** Printable ASCII, each up to 255 characters. */
  | {
      readonly type: "identity";
      readonly sequence: number;
      readonly model: string;
      readonly serial: string;
      readonly firmware: string;
    }
  /** Seconds for which it will take a swipe from now on; 0: it takes none. */
  | { readonly type: "armed"; readonly sequence: number; readonly seconds: number };

/** What a host asks of a reader. */
export type HostMessage =
  | { readonly type: "arm"; readonly sequence: number; readonly seconds: number }
  | { readonly type: "identify"; readonly sequence: number };

/** A whole frame, of the modem or of the native frame on a stream of bytes. */
export type MessageFrame = Pick<ModemFrame, "messageKind" | "payload">;

const KINDS = { "reader-frame": 0x01, identity: 0x02, armed: 0x03, arm: 0x81, identify: 0x82 } as const;
/** The kind of an identity. */
export const IDENTITY: number = KINDS.identity;
/** Kinds from here on are those of a host. */
export const FIRST_OF_HOST = 0x80;

/** Kind and payload, as `modulate` and `encodeNativeFrame` take them. The payload is the caller's to wipe. */
export function encodeModemMessage(message: ReaderMessage | HostMessage): { messageKind: number; payload: Uint8Array } {
  const messageKind = KINDS[message.type];
  switch (message.type) {
    case "reader-frame":
      return { messageKind, payload: message.frame.use((bytes) => Uint8Array.from(bytes)) };
    case "identity": {
      const texts = [message.model, message.serial, message.firmware].flatMap((text) => [
        text.length,
        ...Array.from(text, (character) => character.charCodeAt(0)),
      ]);
      return { messageKind, payload: Uint8Array.of(message.sequence, ...texts) };
    }
    case "armed":
    case "arm":
      return { messageKind, payload: Uint8Array.of(message.sequence, message.seconds) };
    case "identify":
      return { messageKind, payload: Uint8Array.of(message.sequence) };
  }
}

/**
 * What a reader said; the frame's payload is wiped. `undefined`: it was the host's own frame, heard across.
 * @throws ModemMessageInvalid
 */
export function readReaderMessage({ messageKind, payload }: MessageFrame): ReaderMessage | undefined {
  if (messageKind >= FIRST_OF_HOST) {
    payload.wipe();
    return undefined;
  }
  return takeApart(payload, messageKind, readerMessages[messageKind]);
}

/** What a host asked, for a reader; `undefined` as in {@link readReaderMessage}. @throws ModemMessageInvalid */
export function readHostMessage({ messageKind, payload }: MessageFrame): HostMessage | undefined {
  if (messageKind < FIRST_OF_HOST) {
    payload.wipe();
    return undefined;
  }
  return takeApart(payload, messageKind, hostMessages[messageKind]);
}

type Parser<T> = (bytes: Uint8Array) => T | undefined;

function takeApart<T>(payload: SensitiveBytes, kind: number, parse: Parser<T> | undefined): T {
  const message = payload.use((bytes) => parse?.(bytes));
  const { length } = payload;
  payload.wipe();
  if (message === undefined) throw new ModemMessageInvalid({ detail: `kind ${kind}, ${length} bytes` });
  return message;
}

const readerMessages: Readonly<Record<number, Parser<ReaderMessage>>> = {
  [KINDS["reader-frame"]]: (bytes) =>
    bytes.length > 0 ? { type: "reader-frame", frame: SensitiveBytes.copyOf(bytes) } : undefined,
  [KINDS.identity]: (bytes) => {
    const texts: string[] = [];
    let at = 1;
    while (at < bytes.length) {
      const end = at + 1 + (bytes[at] as number);
      const text = bytes.subarray(at + 1, end);
      if (end > bytes.length || text.some((byte) => byte < 0x20 || byte > 0x7e)) return undefined;
      texts.push(String.fromCharCode(...text));
      at = end;
    }
    const [model, serial, firmware] = texts;
    if (model === undefined || serial === undefined || firmware === undefined || texts.length > 3) return undefined;
    return { type: "identity", sequence: bytes[0] as number, model, serial, firmware };
  },
  [KINDS.armed]: (bytes) => withSeconds("armed", bytes),
};

const hostMessages: Readonly<Record<number, Parser<HostMessage>>> = {
  [KINDS.arm]: (bytes) => withSeconds("arm", bytes),
  [KINDS.identify]: (bytes) => (bytes.length === 1 ? { type: "identify", sequence: bytes[0] as number } : undefined),
};

function withSeconds<const T extends "arm" | "armed">(type: T, bytes: Uint8Array) {
  const [sequence, seconds] = bytes;
  if (bytes.length !== 2 || sequence === undefined || seconds === undefined) return undefined;
  return { type, sequence, seconds };
}
