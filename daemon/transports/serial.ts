import { backoff } from "@swipewire/protocol/backoff";
import { ReaderFrameEnd } from "@swipewire/protocol/errors";
import type { Random } from "@swipewire/protocol/random";
import { asciiLines } from "@swipewire/protocol/readers/ascii-lines";
import { type Clock, Millis, Seconds, type Timer } from "@swipewire/protocol/time";
import { SerialPort, type SerialPortMock } from "serialport";
import { ReaderLineTooLong, ReaderNotOpened } from "../errors.ts";
import { LineSplitter } from "./line-splitter.ts";
import type { ReaderListener, ReaderTransport } from "./reader-transport.ts";

/** Track 1 has 79 characters, track 3 has 107 (ISO 7813, ISO 4909); readers that send all in one line stay under 240. */
const LONGEST_LINE = 256;
const LONGEST_FRAME = 512;
/** A reader may send each track as a line of its own; a pause this long ends the frame. */
const QUIET = Millis(100);
/** A line that nothing is added to for this long was cut off: it is no use, and may hold a card. */
const CUT_OFF = Seconds(1);

type Port = SerialPort | SerialPortMock;

export interface SerialOptions {
  readonly path: string;
  readonly baudRate: number;
  readonly name: string;
  readonly clock: Clock;
  readonly random: Random;
  /** Makes the port, unopened; the system's unless given. */
  readonly port?: (options: { path: string; baudRate: number; autoOpen: false }) => Port;
}

/** A line reader on a serial port or a pty. Opens the port again, with growing pauses, whenever it goes away. */
export class SerialTransport implements ReaderTransport {
  readonly codec = asciiLines;
  readonly name: string;
  readonly #options: SerialOptions;
  #listener: ReaderListener | undefined;
  #port: Port | undefined;
  #lines: Buffer[] = [];
  #quiet: Timer | undefined;
  #cutOff: Timer | undefined;
  #retry: Timer | undefined;
  #failures = 0;

  constructor(options: SerialOptions) {
    this.#options = options;
    this.name = options.name;
  }

  open(listener: ReaderListener): void {
    this.#listener = listener;
    this.#tryOpen();
  }

  async close(): Promise<void> {
    this.#retry?.cancel();
    const port = this.#port;
    this.#port = undefined;
    if (port?.isOpen) {
      await new Promise<void>((resolve) => port.close(() => resolve()));
      this.#listener?.disconnected("closed");
    }
    this.#forgetLines();
    this.#listener = undefined;
  }

  #tryOpen(): void {
    const { path, baudRate, port: make = (options) => new SerialPort(options) } = this.#options;
    const port = make({ path, baudRate, autoOpen: false });
    this.#port = port;
    port.open((error) => {
      if (this.#port !== port) {
        // Closed while it was being opened.
        if (port.isOpen) port.close();
        return;
      }
      if (error) {
        if (this.#failures === 0) this.#listener?.unavailable(new ReaderNotOpened({ detail: this.name }));
        this.#openLater();
        return;
      }
      this.#failures = 0;
      this.#listener?.connected();
    });
    // Without a listener for data the package reports no close either. Errors are followed by a close.
    const splitter = new LineSplitter({
      longest: LONGEST_LINE,
      onTooLong: () => this.#tooLong(`${LONGEST_LINE} bytes a line`),
    });
    port.pipe(splitter).on("data", (line: Buffer) => this.#line(line));
    port.on("data", () => {
      this.#cutOff?.cancel();
      this.#cutOff = this.#options.clock.after(CUT_OFF, () => {
        if (splitter.forget()) this.#listener?.misread(new ReaderFrameEnd({ detail: "a line without its end" }));
      });
    });
    port.on("error", () => {});
    port.on("close", () => {
      this.#cutOff?.cancel();
      splitter.destroy();
      this.#forgetLines();
      if (this.#port !== port) return;
      this.#listener?.disconnected("unplugged");
      this.#openLater();
    });
  }

  #openLater(): void {
    this.#port = undefined;
    this.#retry = this.#options.clock.after(backoff(this.#failures++, this.#options.random), () => this.#tryOpen());
  }

  #line(line: Buffer): void {
    this.#lines.push(line);
    if (this.#lines.reduce((sum, { length }) => sum + length + 1, 0) > LONGEST_FRAME) {
      this.#tooLong(`${LONGEST_FRAME} bytes a frame`);
      return;
    }
    this.#quiet?.cancel();
    this.#quiet = this.#options.clock.after(QUIET, () => {
      const frame = Buffer.concat(this.#lines.flatMap((each) => [each, Buffer.from("\r")]));
      this.#forgetLines();
      this.#listener?.frame(frame);
    });
  }

  #tooLong(detail: string): void {
    this.#forgetLines();
    this.#listener?.misread(new ReaderLineTooLong({ detail: `more than ${detail}` }));
  }

  #forgetLines(): void {
    this.#quiet?.cancel();
    for (const line of this.#lines) line.fill(0);
    this.#lines = [];
  }
}
