import type { Layout } from "../reader-command.ts";
import { malformed } from "./message.ts";

/** A setting of the reader: its function id and, mostly as ASCII digits, its value. */
export interface Setting {
  /** 0 to 255. */
  readonly functionId: number;
  readonly data: Uint8Array;
}

const MAX_DATA = 0xff;

/** Function id, length, data. */
export const setting: Layout<Setting> = {
  encode({ functionId, data }) {
    if (data.length > MAX_DATA) throw malformed(`${data.length} of at most ${MAX_DATA} bytes`);
    return Uint8Array.of(functionIdByte(functionId), data.length, ...data);
  },
  decode(bytes) {
    const [functionId, length] = bytes;
    if (functionId === undefined || length !== bytes.length - 2) {
      throw malformed(`${length ?? 0} bytes announced, ${Math.max(bytes.length - 2, 0)} there`);
    }
    return { functionId, data: Uint8Array.from(bytes.subarray(2)) };
  },
};

/** The byte of a function id, 0 to 255. @throws ReaderCommandMalformed for any other number */
export function functionIdByte(functionId: number): number {
  if (!Number.isInteger(functionId) || functionId < 0 || functionId > 0xff) throw malformed("function id is no byte");
  return functionId;
}
