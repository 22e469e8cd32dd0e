import { idtechCommand, malformed } from "./message.ts";
import { functionIdByte, type Setting, setting } from "./setting.ts";

/** Asks for one setting. */
export const review = idtechCommand<{ readonly functionId: number }, Setting>(
  "review setting",
  0x52,
  {
    encode: ({ functionId }) => Uint8Array.of(functionIdByte(functionId)),
    decode(data) {
      const [functionId, ...others] = data;
      if (functionId === undefined || others.length > 0) throw malformed(`${data.length} of 1 byte`);
      return { functionId };
    },
  },
  setting,
);
