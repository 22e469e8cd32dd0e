import Type from "typebox";
import { ErrorCode, strict, Timestamp, Uuid } from "./fields.ts";
import { SessionStep } from "./local-session.ts";

/**
 * Why a reader went away: its plug was pulled or its link broke; it failed while still plugged in; it misbehaved, so that
 * the daemon let go of it for a while; or the daemon itself closed it.
 */
export const DisconnectReason = Type.Union([
  Type.Literal("unplugged"),
  Type.Literal("failed"),
  Type.Literal("isolated"),
  Type.Literal("closed"),
]);
export type DisconnectReason = Type.Static<typeof DisconnectReason>;

/** How a reader that was found was told: by its ids, and, where these leave two families open, by its answer. */
export const Recognition = strict({
  by: Type.Union([Type.Literal("usage page"), Type.Literal("product id"), Type.Literal("vendor id")]),
  /** Absent where its ids were enough. Where it gave no answer, or none that says which, it is taken for the profile's. */
  asked: Type.Optional(Type.Union([Type.Literal("answered"), Type.Literal("silent"), Type.Literal("unclear")])),
  /** What it said of itself, for people. */
  says: Type.Optional(Type.String({ maxLength: 80 })),
});
export type Recognition = Type.Static<typeof Recognition>;

/** A reader that is here, was, or is to be by the config. */
export const ReaderStatus = strict({
  name: Type.String({ maxLength: 120 }),
  family: Type.String({ maxLength: 40 }),
  /** Of one that was found: what it was taken for, and where it is plugged in, as `1-2.4`. */
  profile: Type.Optional(Type.String({ maxLength: 120 })),
  port: Type.Optional(Type.String({ maxLength: 80 })),
  recognised: Type.Optional(Recognition),
  connected: Type.Boolean(),
  /** Since when it is as `connected` says; absent before it was ever connected. */
  since: Type.Optional(Timestamp),
  /** Why it went the last time, and when. */
  lastDisconnect: Type.Optional(strict({ reason: DisconnectReason, at: Timestamp })),
  /** The code of what keeps it from being read. */
  problem: Type.Optional(ErrorCode),
});
export type ReaderStatus = Type.Static<typeof ReaderStatus>;

const Counts = Type.Record(ErrorCode, Type.Integer({ minimum: 1 }));

/** How a terminal stands, for those who look after it. Holds nothing of a card, an order or a payer. */
export const TerminalStatus = strict({
  version: Type.String({ maxLength: 40 }),
  terminal: Uuid,
  startedAt: Timestamp,
  step: SessionStep,
  uplink: strict({
    /** Is the terminal connected to its broker? */
    broker: Type.Boolean(),
    /** Does the gateway say that it is there? */
    gateway: Type.Boolean(),
    /** The code of what keeps the broker out of reach. */
    problem: Type.Optional(ErrorCode),
    /** How far the gateway's clock was ahead of the terminal's at its last answer, in milliseconds. */
    clockOffset: Type.Optional(Type.Integer()),
  }),
  /** The newest last. */
  readers: Type.Array(ReaderStatus, { maxItems: 64 }),
  /** Thrown away since the start, by the code of what was wrong. */
  dropped: strict({ frames: Counts, messages: Counts }),
});
export type TerminalStatus = Type.Static<typeof TerminalStatus>;
