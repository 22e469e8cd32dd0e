import Type from "typebox";
import { PhoneNumber, strict, Uuid } from "./fields.ts";

/** The link between the gateway's simulated voice and SMS channels and the simulator's phones, one JSON text a frame. */
export const PhoneRequest = Type.Union([
  strict({ do: Type.Literal("call"), call: Uuid, to: PhoneNumber, prompt: Type.String({ maxLength: 40 }) }),
  strict({ do: Type.Literal("hangup"), call: Uuid }),
  strict({ do: Type.Literal("sms"), to: PhoneNumber, text: Type.String({ maxLength: 640 }) }),
]);
export type PhoneRequest = Type.Static<typeof PhoneRequest>;

/** Why a call is over. */
export const CallEndCause = Type.Union([
  Type.Literal("hangup"),
  Type.Literal("busy"),
  Type.Literal("no-answer"),
  Type.Literal("unreachable"),
  Type.Literal("failed"),
]);
export type CallEndCause = Type.Static<typeof CallEndCause>;

/** What became of a call: `key` is one DTMF key, 0 to 9, star or hash. */
export const PhoneEvent = Type.Union([
  strict({ call: Uuid, event: Type.Literal("ringing") }),
  strict({ call: Uuid, event: Type.Literal("answered") }),
  strict({ call: Uuid, event: Type.Literal("key"), key: Type.String({ pattern: "^[0-9*#]$" }) }),
  strict({ call: Uuid, event: Type.Literal("ended"), cause: CallEndCause }),
]);
export type PhoneEvent = Type.Static<typeof PhoneEvent>;
