import { exactly, magtekCommand, nothing } from "./message.ts";

/** The host's proof, and the session id if there is to be one. */
export interface ActivationReply {
  /** 8 bytes, see `authentication.ts`. */
  readonly reply: Uint8Array;
  /** 8 bytes, encrypted as the reply is. */
  readonly encryptedSessionId?: Uint8Array;
}

/** Enters authenticated mode. */
export const activationChallengeReply = magtekCommand<ActivationReply, void>(
  "activation challenge reply",
  0x11,
  {
    encode: ({ reply, encryptedSessionId }) =>
      Uint8Array.of(...exactly(8, reply), ...(encryptedSessionId ? exactly(8, encryptedSessionId) : [])),
    decode(data) {
      const reply = exactly(8, data.subarray(0, 8));
      return data.length === 8 ? { reply } : { reply, encryptedSessionId: exactly(8, data.subarray(8)) };
    },
  },
  nothing,
);
