import { checker, fromJson } from "@swipewire/protocol/messages/parse";
import Type from "typebox";

const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

/** What baresip's ctrl_tcp says, as far as a call needs it. */
export type BaresipMessage =
  | { readonly kind: "response"; readonly token: string; readonly ok: boolean; readonly data: string }
  | { readonly kind: "registered" }
  | { readonly kind: "registration-failed"; readonly status: number | undefined }
  /** Somebody calls us. */
  | { readonly kind: "incoming"; readonly id: string }
  | {
      readonly kind: "call";
      /** As it was dialled. */
      readonly peer: string;
      readonly id: string;
      readonly event: BaresipCallEvent;
    };

export type BaresipCallEvent =
  | { readonly kind: "ringing" }
  | { readonly kind: "answered" }
  /** ASCII: 0 to 9, `*` or `#`. */
  | { readonly kind: "key"; readonly key: number }
  /** The SIP status (RFC 3261 21), unless the call ended without one: by a BYE, or a fault. */
  | { readonly kind: "closed"; readonly status: number | undefined; readonly bye: boolean };

// baresip may say more than this; what is not listed is not read.
const Message = Type.Object({
  response: Type.Optional(Type.Boolean()),
  ok: Type.Optional(Type.Boolean()),
  token: Type.Optional(Type.String()),
  data: Type.Optional(Type.String()),
  event: Type.Optional(Type.Boolean()),
  type: Type.Optional(Type.String()),
  direction: Type.Optional(Type.String()),
  peeruri: Type.Optional(Type.String()),
  id: Type.Optional(Type.String()),
  param: Type.Optional(Type.String()),
});
const check = checker(Message);

const KEYS = new Set(Buffer.from("0123456789*#"));
const KEY_EVENT = '"type":"CALL_DTMF_START"';
const PARAM = '"param":"';
const UNDERLINE = 0x5f;

/**
 * Reads one message; undefined for those of no interest here. A key is taken out of the bytes before anything becomes a
 * string, and `bytes` are overwritten in any case.
 * @throws MessageNotJson | MessageInvalid
 */
export function readBaresipMessage(bytes: Buffer): BaresipMessage | undefined {
  try {
    const key = takeKey(bytes);
    // A peer's reason phrase may be in any encoding: U+FFFD takes the place of what is no UTF-8.
    const message = check(fromJson(bytes, utf8));
    if (message.response === true) {
      return { kind: "response", token: message.token ?? "", ok: message.ok === true, data: message.data ?? "" };
    }
    if (message.type === "REGISTER_OK") return { kind: "registered" };
    if (message.type === "REGISTER_FAIL") return { kind: "registration-failed", status: statusOf(message.param) };
    const { id, peeruri: peer, direction } = message;
    if (id === undefined || peer === undefined) return undefined;
    if (direction === "incoming") return message.type === "CALL_INCOMING" ? { kind: "incoming", id } : undefined;
    const event = callEvent(message.type, message.param, key);
    return event && { kind: "call", peer, id, event };
  } finally {
    bytes.fill(0);
  }
}

function takeKey(bytes: Buffer): number | undefined {
  // Neither can come from a peer's text: its quotation marks arrive escaped.
  if (!bytes.includes(KEY_EVENT)) return undefined;
  const param = bytes.lastIndexOf(PARAM);
  if (param < 0) return undefined;
  const at = param + PARAM.length;
  const key = bytes[at];
  bytes[at] = UNDERLINE;
  return key !== undefined && KEYS.has(key) ? key : undefined;
}

function callEvent(
  type: string | undefined,
  param: string | undefined,
  key: number | undefined,
): BaresipCallEvent | undefined {
  switch (type) {
    case "CALL_RINGING":
    // 183: the network plays its own ringing tone (RFC 3960 3.2).
    case "CALL_PROGRESS":
      return { kind: "ringing" };
    case "CALL_ESTABLISHED":
      return { kind: "answered" };
    case "CALL_DTMF_START":
      return key === undefined ? undefined : { kind: "key", key };
    case "CALL_CLOSED":
      return { kind: "closed", status: statusOf(param), bye: param?.startsWith("Connection reset by ") ?? false };
    default:
      return undefined;
  }
}

/** Of `486 Busy Here`. The words are the peer's, so they go no further. */
function statusOf(param = ""): number | undefined {
  const digits = /^([1-6]\d\d)(?: |$)/.exec(param)?.[1];
  return digits === undefined ? undefined : Number(digits);
}
