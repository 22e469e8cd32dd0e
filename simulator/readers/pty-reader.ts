import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Writable } from "node:stream";
import { type Clock, Seconds, sleep } from "@swipewire/protocol/time";
import { SocatFailed } from "../errors.ts";
import type { CommandSide } from "./command-side.ts";

export interface PtyReaderOptions {
  /** Path of the symbolic link to make; what the daemon opens as its serial port. */
  readonly link: string;
  readonly clock: Clock;
  /** A pseudo-terminal has no speed of its own, so frames are paced as at this one. */
  readonly baud: number;
  /** What hears the host; without it nothing does. */
  readonly commands?: CommandSide;
}

const PIECE = 16;
/** Start bit, eight data bits, stop bit. */
const BITS_A_BYTE = 10;

/** The cable end of a virtual serial reader: what is sent comes out of a pseudo-terminal, at the speed of a real line. */
export class PtyReader {
  readonly link: string;
  readonly #options: PtyReaderOptions;
  readonly #socat: ChildProcess;
  readonly #line: Writable;

  private constructor(options: PtyReaderOptions, socat: ChildProcess, line: Writable) {
    this.link = options.link;
    this.#options = options;
    this.#socat = socat;
    this.#line = line;
  }

  /** @throws SocatFailed when socat is missing or cannot make the link */
  static async open(options: PtyReaderOptions): Promise<PtyReader> {
    const socat = spawn("socat", ["-d", "-d", "STDIO", `PTY,raw,echo=0,link=${options.link}`], {
      stdio: ["pipe", "pipe", "pipe"],
    });
    const started = Promise.withResolvers<void>();
    socat.once("error", (cause) => started.reject(new SocatFailed({ cause })));
    socat.once("exit", (status) => started.reject(new SocatFailed({ detail: `exit status ${status}` })));
    // The pipe breaks when socat dies; `send` tells.
    socat.stdin.on("error", () => {});
    createInterface(socat.stderr).on("line", (line) => {
      if (line.includes("starting data transfer loop")) started.resolve();
    });
    await started.promise;
    const reader = new PtyReader(options, socat, socat.stdin);
    socat.stdout.on("data", (bytes: Buffer) => {
      const reply = options.commands?.hear(bytes)?.reply;
      // A line that is gone tells whoever sends a frame.
      if (reply) void reader.send(reply).catch(() => {});
    });
    return reader;
  }

  /**
   * Sends one frame; resolves when the last of it is on the line.
   * @throws SocatFailed when the line is gone
   */
  async send(frame: Uint8Array): Promise<void> {
    const { baud, clock } = this.#options;
    for (let at = 0; at < frame.length; at += PIECE) {
      const piece = frame.subarray(at, at + PIECE);
      await new Promise<void>((resolve, reject) => {
        this.#line.write(piece, (cause) => (cause ? reject(new SocatFailed({ cause })) : resolve()));
      });
      await sleep(clock, Seconds((piece.length * BITS_A_BYTE) / baud));
    }
  }

  /** Unplugs the reader: the link is gone when this resolves. */
  async close(): Promise<void> {
    if (this.#socat.exitCode !== null || this.#socat.signalCode !== null) return;
    const gone = once(this.#socat, "exit");
    this.#socat.kill();
    await gone;
  }
}
