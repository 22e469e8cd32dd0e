import { exactly, magtekCommand, nothing } from "./message.ts";

const KSN_LENGTH = 10;

/** The KSN of the reader's current key, X9.24-1:2009 A.1. */
export const getKsn = magtekCommand<void, { readonly ksn: Uint8Array }>("get DUKPT KSN", 0x09, nothing, {
  encode: ({ ksn }) => exactly(KSN_LENGTH, ksn),
  decode: (data) => ({ ksn: exactly(KSN_LENGTH, data) }),
});
