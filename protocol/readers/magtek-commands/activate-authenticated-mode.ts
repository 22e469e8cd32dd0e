import { exactly, magtekCommand, malformed } from "./message.ts";

/** Both challenges are encrypted under the key of the KSN, see `authentication.ts`. */
export interface Activation {
  /** 10 bytes. */
  readonly ksn: Uint8Array;
  /** 8 bytes each. */
  readonly challenge1: Uint8Array;
  readonly challenge2: Uint8Array;
}

/** What the host asks with. */
export interface ActivationRequest {
  /** How long the reader waits for the reply: 0 to 65535 seconds. */
  readonly replyWithin: number;
}

const MAX_SECONDS = 0xffff;

/** Asks for the challenges of authenticated mode. */
export const activateAuthenticatedMode = magtekCommand<ActivationRequest, Activation>(
  "activate authenticated mode",
  0x10,
  {
    encode({ replyWithin }) {
      if (!Number.isInteger(replyWithin) || replyWithin < 0 || replyWithin > MAX_SECONDS) {
        throw malformed(`seconds are not 0 to ${MAX_SECONDS}`);
      }
      return Uint8Array.of(replyWithin >> 8, replyWithin & 0xff);
    },
    decode(data) {
      const [high = 0, low = 0] = exactly(2, data);
      return { replyWithin: (high << 8) | low };
    },
  },
  {
    encode: ({ ksn, challenge1, challenge2 }) =>
      Uint8Array.of(...exactly(10, ksn), ...exactly(8, challenge1), ...exactly(8, challenge2)),
    decode(data) {
      const all = exactly(26, data);
      return { ksn: all.slice(0, 10), challenge1: all.slice(10, 18), challenge2: all.slice(18) };
    },
  },
);
