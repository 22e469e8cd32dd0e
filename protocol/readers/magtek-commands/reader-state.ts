import { exactly, magtekCommand, malformed, nothing } from "./message.ts";

/** MagTek D99875475-10 "Get Reader State Command", in the order of their numbers. */
export const READER_STATES = [
  "waiting for activation",
  "waiting for the activation reply",
  "waiting for a swipe",
  "waiting for the anti-hacking timer",
] as const;
/** How a reader came to its state, in the order of their numbers. */
export const STATE_ANTECEDENTS = [
  "powered up",
  "authenticated",
  "good swipe",
  "bad swipe",
  "authentication failed",
  "deactivation failed",
  "authentication timed out",
  "swipe timed out",
  "keys out of step",
] as const;

/** Where the reader stands. */
export interface ReaderState {
  readonly state: (typeof READER_STATES)[number];
  /** How the reader came to it. */
  readonly antecedent: (typeof STATE_ANTECEDENTS)[number];
}

/** Asks where the reader stands. */
export const getReaderState = magtekCommand<void, ReaderState>("get reader state", 0x14, nothing, {
  encode: ({ state, antecedent }) => Uint8Array.of(READER_STATES.indexOf(state), STATE_ANTECEDENTS.indexOf(antecedent)),
  decode(data) {
    const [first = 0, second = 0] = exactly(2, data);
    const state = READER_STATES[first];
    const antecedent = STATE_ANTECEDENTS[second];
    if (state === undefined || antecedent === undefined) throw malformed(`state ${first}, antecedent ${second}`);
    return { state, antecedent };
  },
});
