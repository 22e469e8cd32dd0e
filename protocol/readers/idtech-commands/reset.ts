import { idtechCommand, nothing } from "./message.ts";

export const reset = idtechCommand<void>("reader reset", 0x49, nothing);
