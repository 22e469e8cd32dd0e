import { idtechCommand, nothing } from "./message.ts";

/** The reader begins anew. */
export const reset = idtechCommand<void>("reader reset", 0x49, nothing);
