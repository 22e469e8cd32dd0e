import { idtechCommand, malformed } from "./message.ts";

const ARM = 0x30;
const DISARM = 0x32;

/** In buffered mode: wait for the next card and keep what it says, or stop that and forget it. */
export const arm = idtechCommand<{ readonly armed: boolean }>("arm to read", 0x50, {
  encode: ({ armed }) => Uint8Array.of(1, armed ? ARM : DISARM),
  decode(data) {
    const [length, choice, ...others] = data;
    if (length !== 1 || (choice !== ARM && choice !== DISARM) || others.length > 0) {
      throw malformed(`${data.length} bytes, arm or disarm expected`);
    }
    return { armed: choice === ARM };
  },
});
