import { idtechCommand } from "./message.ts";
import { type Setting, setting } from "./setting.ts";

/** Changes one setting. */
export const set = idtechCommand<Setting>("send setting", 0x53, setting);
