import type { DisconnectReason } from "@swipewire/protocol/messages/terminal-status";
import { readerFamilies } from "@swipewire/protocol/readers/families";
import type { FixedFamily, ReaderCodec } from "@swipewire/protocol/readers/reader-frame";
import type { ReaderListener, ReaderTransport } from "./reader-transport.ts";

/** A reader in the same process: the simulator's. What is delivered is a whole frame, as a HID report is. */
export class InProcessTransport implements ReaderTransport {
  readonly codec: ReaderCodec;
  readonly name: string;
  #listener: ReaderListener | undefined;
  #connected = false;

  constructor(options: { readonly family: FixedFamily | ReaderCodec; readonly name: string }) {
    const { family } = options;
    this.codec = typeof family === "string" ? readerFamilies[family] : family;
    this.name = options.name;
  }

  open(listener: ReaderListener): void {
    this.#listener = listener;
    if (this.#connected) listener.connected();
  }

  /** Plugs the reader in, before or after `open`. */
  connect(): void {
    if (this.#connected) return;
    this.#connected = true;
    this.#listener?.connected();
  }

  /** A frame from the reader. Takes a copy; a reader that is not connected delivers nothing. */
  deliver(bytes: Uint8Array): void {
    if (this.#connected) this.#listener?.frame(Uint8Array.from(bytes));
  }

  /** Takes the reader away; `connect` brings it back. */
  disconnect(reason: DisconnectReason = "unplugged"): void {
    if (!this.#connected) return;
    this.#connected = false;
    this.#listener?.disconnected(reason);
  }

  /** Takes the reader away and forgets who listened. */
  async close(reason: DisconnectReason = "closed"): Promise<void> {
    this.disconnect(reason);
    this.#listener = undefined;
  }
}
