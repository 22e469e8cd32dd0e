import type { SwipewireError } from "@swipewire/protocol/failure";
import type { DisconnectReason } from "@swipewire/protocol/messages/terminal-status";
import type { ReaderCodec } from "@swipewire/protocol/readers/reader-frame";

/** Who hears of a transport's events. Called from {@link ReaderTransport.open} on, never after `close` has resolved. */
export interface ReaderListener {
  connected(): void;
  disconnected(reason: DisconnectReason): void;
  /** One whole frame. The bytes are the listener's, to overwrite when it has read them. */
  frame(bytes: Uint8Array): void;
  /** Bytes came that were not a frame. */
  misread(failure: SwipewireError): void;
  /** The reader is not there, or cannot be opened; told once until it was. */
  unavailable(failure: SwipewireError): void;
}

/** A way that frames reach the daemon. It does its own framing, and its own reconnecting. */
export interface ReaderTransport {
  /** What takes its frames apart; of a HID POS reader made from that reader's own descriptor. */
  readonly codec: ReaderCodec;
  /** For people: what the reader is called here. */
  readonly name: string;
  /** Begins; returns at once, whether or not a reader is there yet. Once per transport. */
  open(listener: ReaderListener): void;
  /**
   * Lets go of a reader that misbehaves, and comes back to it after a pause that grows each time. Absent where the reader
   * is part of this program.
   */
  isolate?(failure: SwipewireError): void;
  /** @param reason what the listener is told, where a reader was connected; "closed" unless given */
  close(reason?: DisconnectReason): Promise<void>;
}
