import { failure } from "./failure.ts";

export class SensitiveBytesWiped extends failure("sensitive_bytes_wiped", {
  what: "Sensitive bytes were used after they were wiped.",
  means: "The payment they belonged to is over; this is a fault in the program, not in the card.",
  todo: "Report it with the log around it.",
}) {}

export class EnvelopeUnreadable extends failure("envelope_unreadable", {
  what: "A sealed swipe could not be decrypted.",
  means: "It was altered on the way, or sealed to a key this gateway does not hold. Nothing was charged.",
  todo: "Swipe again. If it repeats, enrol the terminal anew so that it learns the gateway's present key.",
}) {}

export class EnvelopeSignatureInvalid extends failure("envelope_signature_invalid", {
  what: "A sealed swipe does not carry the signature of the terminal that sent it.",
  means: "It was altered, or made by someone else. Nothing was charged.",
  todo: "Swipe again. If it repeats, revoke the terminal and enrol it anew.",
}) {}

export class EnvelopeMalformed extends failure("envelope_malformed", {
  what: "A sealed swipe opened, but what is inside is not a swipe.",
  means: "The terminal runs a version this gateway does not speak. Nothing was charged.",
  todo: "Bring daemon and gateway to the same release.",
}) {}

export class MessageTooLarge extends failure("message_too_large", {
  what: "A message is larger than its channel allows.",
  means: "It was dropped unread.",
  todo: "Find out who sent it; no Swipewire program sends messages of that size.",
}) {}

export class MessageNotJson extends failure("message_not_json", {
  what: "A message is not valid JSON.",
  means: "It was dropped.",
  todo: "Find out who sent it; no Swipewire program sends malformed messages.",
}) {}

export class MessageInvalid extends failure("message_invalid", {
  what: "A message does not match its schema.",
  means: "It was dropped; the detail names the place and the rule, never the value.",
  todo: "Bring both programs to the same release.",
}) {}
