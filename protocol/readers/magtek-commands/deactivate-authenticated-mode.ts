import { exactly, magtekCommand, nothing } from "./message.ts";

/** `reply` has 8 bytes, see `authentication.ts`. */
export const deactivateAuthenticatedMode = magtekCommand<{ readonly reply: Uint8Array }, void>(
  "deactivate authenticated mode",
  0x12,
  { encode: ({ reply }) => exactly(8, reply), decode: (data) => ({ reply: exactly(8, data) }) },
  nothing,
);
