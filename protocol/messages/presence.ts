import Type from "typebox";
import { strict, Timestamp } from "./fields.ts";

/** Whether a reader is there. Part of a terminal's presence and of the local session. */
export const ReaderPresence = Type.Union([
  strict({ connected: Type.Literal(false) }),
  strict({
    connected: Type.Literal(true),
    family: Type.String({ maxLength: 40 }),
    name: Type.String({ maxLength: 80 }),
  }),
]);
export type ReaderPresence = Type.Static<typeof ReaderPresence>;

/** Retained on `topics.presence`; the last will is the `offline` form. */
export const TerminalPresence = Type.Union([
  strict({ v: Type.Literal(1), state: Type.Literal("offline"), at: Timestamp }),
  strict({
    v: Type.Literal(1),
    state: Type.Literal("online"),
    at: Timestamp,
    version: Type.String({ maxLength: 40 }),
    reader: ReaderPresence,
  }),
]);
export type TerminalPresence = Type.Static<typeof TerminalPresence>;

/** Retained on `topics.gatewayPresence`. */
export const GatewayPresence = strict({
  v: Type.Literal(1),
  state: Type.Union([Type.Literal("online"), Type.Literal("offline")]),
  at: Timestamp,
});
export type GatewayPresence = Type.Static<typeof GatewayPresence>;
