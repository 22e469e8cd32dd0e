import type { Duration } from "@swipewire/protocol/time";

/** One thing that a payer does during a call. */
export type PayerStep =
  | { readonly wait: Duration }
  /** ASCII keys, 0 to 9, `*` and `#`, one every `every`. */
  | { readonly type: Uint8Array; readonly every: Duration }
  | { readonly hangup: true };

/** How the owner of a phone takes a call. Without a script the phone rings until someone calls `answer()` on it. */
export type PayerScript =
  | { readonly answer: "busy" }
  | { readonly answer: "unreachable" }
  /** Lets it ring, then the network gives up. */
  | { readonly answer: "never"; readonly after: Duration }
  | { readonly answer: "after"; readonly after: Duration; readonly steps: readonly PayerStep[] };

/** A payer who picks up `after` it began to ring and types `keys`, one every `every`. */
export function typingPayer(keys: Uint8Array, after: Duration, every: Duration): PayerScript {
  return { answer: "after", after, steps: [{ type: keys, every }] };
}
