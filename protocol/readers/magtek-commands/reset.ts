import { magtekCommand, nothing } from "./message.ts";

/** Changed properties take effect with the next reset. Above security level 2 it carries a MAC. */
export const reset = magtekCommand<void, void>("reset", 0x02, nothing, nothing);
