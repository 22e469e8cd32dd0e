import type { Duplex } from "node:stream";
import { backoff } from "@swipewire/protocol/backoff";
import { ReaderFrameEnd } from "@swipewire/protocol/errors";
import type { SwipewireError } from "@swipewire/protocol/failure";
import type { DisconnectReason } from "@swipewire/protocol/messages/terminal-status";
import type { Random } from "@swipewire/protocol/random";
import { readerFamilies } from "@swipewire/protocol/readers/families";
import type { StreamEvent } from "@swipewire/protocol/readers/frame-stream";
import { frameStream, type StreamFamily } from "@swipewire/protocol/readers/frame-streams";
import type { ReaderFraming } from "@swipewire/protocol/readers/profiles";
import type { ReaderCodec } from "@swipewire/protocol/readers/reader-frame";
import { nativeIdentity, type ReaderQuestion } from "@swipewire/protocol/readers/reader-questions";
import { type Clock, Millis, Seconds, type Timer } from "@swipewire/protocol/time";
import { ReaderLineTooLong, ReaderNotOpened } from "../errors.ts";
import { type Asked, askReader } from "./ask-reader.ts";
import { Isolation } from "./isolation.ts";
import { LineSplitter } from "./line-splitter.ts";
import { NativeLink } from "./native-link.ts";
import type { ReaderListener, ReaderTransport } from "./reader-transport.ts";
import { SerialAnswers } from "./serial-answers.ts";
import { serialPort } from "./serial-port.ts";

/** Track 1 has 79 characters, track 3 has 107 (ISO 7813, ISO 4909); readers that send all in one line stay under 240. */
const LONGEST_LINE = 256;
const LONGEST_FRAME = 512;
/** A reader may send each track as a line of its own; a pause this long ends the frame. */
const QUIET = Millis(100);
/** A line or frame that nothing is added to for this long was cut off: it is no use, and may hold a card. */
const CUT_OFF = Seconds(1);

/** What is used of a port of `serialport`'s, unopened. */
export interface SerialLine extends Duplex {
  readonly isOpen: boolean;
  open(opened: (error: Error | null) => void): void;
  close(closed?: () => void): void;
}

export interface SerialOptions {
  readonly path: string;
  readonly baudRate: number;
  readonly name: string;
  /** What the reader sends, or is taken to send where it is asked and does not answer. */
  readonly family: StreamFamily;
  /** Its frames come in Swipewire's own, with messages both ways; bare where it is absent. */
  readonly framing?: ReaderFraming;
  /** Asked each time the port was opened; a reader with the native frame is asked who it is. */
  readonly question?: ReaderQuestion;
  /** What came of asking. */
  readonly told?: (asked: Asked) => void;
  readonly clock: Clock;
  readonly random: Random;
  /** Makes the port, unopened; the system's unless given. */
  readonly port?: (options: { path: string; baudRate: number; autoOpen: false }) => SerialLine;
}

/** A reader on a serial port or a pty. Opens the port again, with growing pauses, whenever it goes away. */
export class SerialTransport implements ReaderTransport {
  readonly name: string;
  readonly #options: SerialOptions;
  #family: StreamFamily;
  #listener: ReaderListener | undefined;
  #port: SerialLine | undefined;
  #lines: Buffer[] = [];
  #quiet: Timer | undefined;
  #cutOff: Timer | undefined;
  #retry: Timer | undefined;
  #failures = 0;
  #connected = false;
  readonly #isolation: Isolation;

  constructor(options: SerialOptions) {
    this.#options = options;
    this.#isolation = new Isolation(options);
    this.name = options.name;
    this.#family = options.family;
  }

  get codec(): ReaderCodec {
    return readerFamilies[this.#family];
  }

  open(listener: ReaderListener): void {
    this.#listener = listener;
    this.#tryOpen();
  }

  async close(reason: DisconnectReason = "closed"): Promise<void> {
    this.#retry?.cancel();
    await this.#letGo(reason);
    this.#forgetLines();
    this.#listener = undefined;
  }

  isolate(failure: SwipewireError): void {
    if (!this.#port?.isOpen) return;
    void this.#letGo("isolated");
    this.#listener?.unavailable(failure);
    this.#retry = this.#options.clock.after(this.#isolation.next(), () => this.#tryOpen());
  }

  async #letGo(reason: DisconnectReason): Promise<void> {
    const port = this.#port;
    this.#port = undefined;
    if (!port?.isOpen) return;
    const listener = this.#connected ? this.#listener : undefined;
    this.#connected = false;
    const closed = new Promise<void>((resolve) => port.close(() => resolve()));
    if (reason === "isolated") listener?.disconnected(reason);
    await closed;
    if (reason !== "isolated") listener?.disconnected(reason);
  }

  #tryOpen(): void {
    const { path, baudRate, family, framing, port: make = serialPort } = this.#options;
    const question = framing === "native" ? nativeIdentity(family) : this.#options.question;
    const port = make({ path, baudRate, autoOpen: false });
    this.#port = port;
    // Without a listener for data the package reports no close either. Errors are followed by a close.
    const answers = question && new SerialAnswers(port, question);
    const asking = new AbortController();
    const endAsking = () => {
      asking.abort();
      answers?.end().fill(0);
    };
    let forget = answers ? endAsking : this.#take(port);
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
      if (!question || !answers) {
        this.#connect();
        return;
      }
      void this.#ask(question, answers, asking.signal).then((asked) => {
        if (this.#port !== port || !port.isOpen) return;
        const early = answers.end();
        forget = this.#take(port);
        this.#options.told?.(asked);
        this.#connect();
        // What was no answer may be a card.
        if (asked.outcome !== "answered" && early.length > 0) port.emit("data", early);
      });
    });
    port.on("error", () => {});
    port.on("close", () => {
      this.#cutOff?.cancel();
      forget();
      if (this.#port !== port) return;
      if (this.#connected) this.#listener?.disconnected("unplugged");
      this.#connected = false;
      this.#openLater();
    });
  }

  async #ask(question: ReaderQuestion, answers: SerialAnswers, signal: AbortSignal): Promise<Asked> {
    const asked = await askReader(question, (request) => answers.exchange(request), this.#options.clock, signal);
    this.#family = asked.outcome === "answered" ? asked.family : this.#options.family;
    return asked;
  }

  #connect(): void {
    this.#connected = true;
    this.#listener?.connected();
  }

  /** @returns what forgets the line or frame that was begun */
  #take(port: SerialLine): () => void {
    const family = this.#family;
    if (this.#options.framing === "native") return this.#takeNative(port);
    return family === "ascii" ? this.#takeLines(port) : this.#takeFrames(port, family);
  }

  #openLater(): void {
    this.#port = undefined;
    this.#retry = this.#options.clock.after(backoff(this.#failures++, this.#options.random), () => this.#tryOpen());
  }

  /** @returns what forgets the line or frame that was begun */
  #takeLines(port: SerialLine): () => void {
    const splitter = new LineSplitter({
      longest: LONGEST_LINE,
      onTooLong: () => {
        if (this.#port === port) this.#tooLong(`${LONGEST_LINE} bytes a line`);
      },
    });
    port.pipe(splitter).on("data", (line: Buffer) => {
      if (this.#port === port) this.#line(line);
      else line.fill(0);
    });
    port.on("data", () =>
      this.#afterCutOff(() => {
        if (splitter.forget()) this.#listener?.misread(new ReaderFrameEnd({ detail: "a line without its end" }));
      }),
    );
    return () => {
      splitter.destroy();
      this.#forgetLines();
    };
  }

  /** @returns what forgets the line or frame that was begun */
  #takeFrames(port: SerialLine, family: StreamFamily): () => void {
    const stream = frameStream(family);
    this.#takeFrom(port, stream);
    return () => stream.wipe();
  }

  /** @returns as {@link #takeFrames} */
  #takeNative(port: SerialLine): () => void {
    const link = new NativeLink((bytes) => void port.write(Buffer.from(bytes)), this.#options.clock);
    this.#takeFrom(port, link);
    link.begin();
    return () => link.end();
  }

  #takeFrom(port: SerialLine, stream: Pick<NativeLink, "push" | "flush">): void {
    const tell = (events: readonly StreamEvent[]) => {
      for (const { frame, failure } of events) {
        // One of those before may have been too much, and the reader was let go of.
        if (this.#port !== port) frame?.fill(0);
        else if (frame) this.#listener?.frame(frame);
        else this.#listener?.misread(failure);
      }
    };
    port.on("data", (piece: Buffer) => {
      tell(stream.push(piece));
      piece.fill(0);
      this.#afterCutOff(() => tell(stream.flush()));
    });
  }

  #afterCutOff(action: () => void): void {
    this.#cutOff?.cancel();
    this.#cutOff = this.#options.clock.after(CUT_OFF, action);
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
