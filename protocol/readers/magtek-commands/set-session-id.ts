import { exactly, magtekCommand, nothing } from "./message.ts";

const SESSION_ID_LENGTH = 8;

/** The reader sends it, encrypted, with the next swipe. */
export const setSessionId = magtekCommand<{ readonly sessionId: Uint8Array }, void>(
  "set session id",
  0x0a,
  {
    encode: ({ sessionId }) => exactly(SESSION_ID_LENGTH, sessionId),
    decode: (data) => ({ sessionId: exactly(SESSION_ID_LENGTH, data) }),
  },
  nothing,
);
