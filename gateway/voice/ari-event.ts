import { checker, fromJson } from "@swipewire/protocol/messages/parse";
import Type from "typebox";

/** What of Asterisk's event models a call needs (Asterisk 22, REST interface, Events); the rest is passed over. */
const Channel = Type.Object({ id: Type.String(), state: Type.Optional(Type.String()) });
const Message = Type.Object({ type: Type.String() });
const ChannelMessage = Type.Object({ channel: Channel });
const Destroyed = Type.Object({ channel: Channel, cause: Type.Integer() });
const Dial = Type.Object({ peer: Channel, dialstatus: Type.String() });
const Finished = Type.Object({ playback: Type.Object({ target_uri: Type.String(), state: Type.String() }) });

const checkMessage = checker(Message);
const checkChannelMessage = checker(ChannelMessage);
const checkDestroyed = checker(Destroyed);
const checkDial = checker(Dial);
const checkFinished = checker(Finished);

const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

export type AriEvent =
  | { readonly kind: "ringing" | "answered"; readonly channel: string }
  | { readonly kind: "key"; readonly channel: string; readonly key: number }
  | { readonly kind: "destroyed"; readonly channel: string; readonly cause: number }
  | { readonly kind: "played"; readonly channel: string; readonly failed: boolean }
  /** Another program has taken our application. */
  | { readonly kind: "replaced" };

const KEYS = new Set(Buffer.from("0123456789*#"));
const DIGIT = Buffer.from('"digit"');
const QUOTE = 0x22;
const UNDERLINE = 0x5f;
const CHANNEL_URI = "channel:";

/**
 * Reads one event, and overwrites it: it may hold a digit of a PIN, which does not become part of a string.
 * @returns undefined for what is of no interest
 * @throws MessageNotJson | MessageInvalid
 */
export function readAriEvent(bytes: Buffer): AriEvent | undefined {
  try {
    const key = takeKey(bytes);
    const message = fromJson(bytes, utf8);
    switch (checkMessage(message).type) {
      case "ChannelStateChange": {
        const { channel } = checkChannelMessage(message);
        return channel.state === "Ringing" ? { kind: "ringing", channel: channel.id } : undefined;
      }
      case "Dial": {
        const { peer, dialstatus } = checkDial(message);
        // PROGRESS: the network plays its own ringing tone (RFC 3960 3.2).
        const rings = dialstatus === "RINGING" || dialstatus === "PROGRESS";
        return rings ? { kind: "ringing", channel: peer.id } : undefined;
      }
      case "StasisStart":
        return { kind: "answered", channel: checkChannelMessage(message).channel.id };
      case "ChannelDtmfReceived": {
        const { channel } = checkChannelMessage(message);
        return key === undefined ? undefined : { kind: "key", channel: channel.id, key };
      }
      case "ChannelDestroyed": {
        const { channel, cause } = checkDestroyed(message);
        return { kind: "destroyed", channel: channel.id, cause };
      }
      case "PlaybackFinished": {
        const { target_uri: target, state } = checkFinished(message).playback;
        if (!target.startsWith(CHANNEL_URI)) return undefined;
        return { kind: "played", channel: target.slice(CHANNEL_URI.length), failed: state === "failed" };
      }
      case "ApplicationReplaced":
        return { kind: "replaced" };
      default:
        return undefined;
    }
  } finally {
    bytes.fill(0);
  }
}

/** The key of `"digit":"7"`, also where Asterisk prints with spaces. No name in an event can look so: quotes are escaped. */
function takeKey(bytes: Buffer): number | undefined {
  const name = bytes.indexOf(DIGIT);
  if (name < 0) return undefined;
  const at = bytes.indexOf(QUOTE, name + DIGIT.length) + 1;
  const key = bytes[at];
  bytes[at] = UNDERLINE;
  return key !== undefined && KEYS.has(key) ? key : undefined;
}
