import { idtechCommand, malformed, nothing } from "./message.ts";

/** Of the reader's firmware, as it prints it. */
export const version = idtechCommand<void, { readonly version: string }>("version report", 0x39, nothing, {
  encode({ version }) {
    const data = new TextEncoder().encode(version);
    checkPrintable(data);
    return data;
  },
  decode(data) {
    checkPrintable(data);
    return { version: String.fromCharCode(...data) };
  },
});

function checkPrintable(data: Uint8Array): void {
  if (data.some((byte) => byte < 0x20 || byte > 0x7e)) throw malformed("version is not printable");
}
