import type { SwipewireError } from "../failure.ts";

/** What came of some bytes: a whole frame, which is the listener's to overwrite, or what was lost. */
export type StreamEvent =
  | { readonly frame: Uint8Array; readonly failure?: never }
  | { readonly frame?: never; readonly failure: SwipewireError };

/** What the first bytes of a stream are. */
export type Scan =
  /** So many are a frame. */
  | { readonly frame: number; readonly skip?: never }
  /** So many are none. `inStep`: what follows begins anew, so that its failures are told again. */
  | { readonly skip: number; readonly failure?: SwipewireError; readonly inStep?: true; readonly frame?: never };

/**
 * How one family's frames are found. What it says of some bytes must hold whatever follows them, and may depend on the
 * first `window` bytes only.
 */
export interface FrameScanner {
  readonly window: number;
  /**
   * Says what the bytes begin with.
   * @param bytes at least one
   * @param lost bytes were skipped as a failure, and no frame has begun since
   * @returns undefined when more bytes are needed, which it may be only for fewer than `window`
   */
  scan(bytes: Uint8Array, lost: boolean): Scan | undefined;
  /** As `scan`, when no more bytes will come and `scan` wanted more. */
  settle(bytes: Uint8Array): Scan;
}

/**
 * Finds frames in a stream of bytes that comes in pieces of any size: however it is cut, the same frames come out. It
 * goes on after noise, tells each run of noise once, keeps no more than its scanner's window, and overwrites what it is
 * done with.
 */
export class FrameStream {
  readonly #scanner: FrameScanner;
  readonly #buffer: Uint8Array;
  #length = 0;
  #lost = false;

  constructor(scanner: FrameScanner) {
    this.#scanner = scanner;
    this.#buffer = new Uint8Array(scanner.window);
  }

  /** Takes copies; the bytes stay the caller's to overwrite. Gives what they completed or lost, in order. */
  push(bytes: Uint8Array): StreamEvent[] {
    const events: StreamEvent[] = [];
    for (let at = 0; at < bytes.length; ) {
      const piece = bytes.subarray(at, at + this.#buffer.length - this.#length);
      this.#buffer.set(piece, this.#length);
      this.#length += piece.length;
      at += piece.length;
      this.#drain(events, (unread, lost) => this.#scanner.scan(unread, lost));
    }
    return events;
  }

  /** Nothing more will come of what was begun: the line went quiet, or was closed. */
  flush(): StreamEvent[] {
    const events: StreamEvent[] = [];
    this.#drain(events, (unread, lost) => this.#scanner.scan(unread, lost) ?? this.#scanner.settle(unread));
    this.#lost = false;
    return events;
  }

  /** Forgets what was begun, and tells nobody. */
  wipe(): void {
    this.#buffer.fill(0);
    this.#length = 0;
    this.#lost = false;
  }

  #drain(events: StreamEvent[], look: (unread: Uint8Array, lost: boolean) => Scan | undefined): void {
    while (this.#length > 0) {
      const unread = this.#buffer.subarray(0, this.#length);
      const scan = look(unread, this.#lost);
      if (!scan) return;
      if (scan.frame !== undefined) {
        events.push({ frame: unread.slice(0, scan.frame) });
        this.#lost = false;
        this.#drop(scan.frame);
      } else {
        if (scan.failure && !this.#lost) events.push({ failure: scan.failure });
        this.#lost = scan.inStep ? false : this.#lost || scan.failure !== undefined;
        this.#drop(scan.skip);
      }
    }
  }

  #drop(count: number): void {
    this.#buffer.copyWithin(0, count, this.#length);
    this.#buffer.fill(0, this.#length - count, this.#length);
    this.#length -= count;
  }
}
