import { idtechCommand } from "./message.ts";

/** `mode` is passed through: its values are not published. */
export const oposMode = idtechCommand<{ readonly mode: Uint8Array }>("OPOS mode", 0x4d, {
  encode: ({ mode }) => mode,
  decode: (data) => ({ mode: Uint8Array.from(data) }),
});
