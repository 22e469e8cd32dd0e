import { backoff } from "@swipewire/protocol/backoff";
import { SwipewireError } from "@swipewire/protocol/failure";
import type { DisconnectReason } from "@swipewire/protocol/messages/terminal-status";
import type { Random } from "@swipewire/protocol/random";
import type { StreamEvent } from "@swipewire/protocol/readers/frame-stream";
import type { ReaderCodec } from "@swipewire/protocol/readers/reader-frame";
import { type Clock, type Instant, Millis, Seconds, sleep, type Timer } from "@swipewire/protocol/time";
import { ReaderNotOpened } from "../errors.ts";
import { Isolation } from "./isolation.ts";
import type { ReaderListener, ReaderTransport } from "./reader-transport.ts";
import type { ReportFrames } from "./report-frames.ts";

/** An open device that sends reports, or packets. */
export interface ReportDevice {
  close(): Promise<void>;
  /** Sends a command in a feature report. @returns the device's answer; rejects where it has no such reports, or refuses */
  exchange?(request: Uint8Array): Promise<Uint8Array>;
}

/** What a reader sends, and how its reports become frames. */
export interface Speech {
  readonly codec: ReaderCodec;
  readonly frames: ReportFrames;
}

/** Who hears of a device. The report is the listener's, to overwrite. `failed` is told once, and nothing after it. */
export interface ReportListener {
  report(bytes: Uint8Array): void;
  failed(): void;
}

/** A frame that nothing is added to for this long was cut off: it is no use, and may hold a card. */
const CUT_OFF = Seconds(1);
/** The system shows a device for a moment more when nothing can be read of it any longer. */
const LEAVING = Millis(400);
/** A reader that stayed for less is opened more slowly each time. */
const STAYED = Seconds(10);

export interface ReportOptions extends Speech {
  readonly name: string;
  /** Asks a device that was opened what it sends, where that may be another thing than the options say. */
  readonly ask?: (device: ReportDevice, signal: AbortSignal) => Promise<Speech>;
  /** May take long, as where an input gives nothing; it ends soon after the signal, by a device or a failure. */
  readonly open: (listener: ReportListener, signal: AbortSignal) => Promise<ReportDevice>;
  /** Is the device still plugged in? Asked when it fails. */
  readonly present: () => Promise<boolean>;
  readonly clock: Clock;
  readonly random: Random;
}

/** A USB reader that is read by reports or packets: HID, or an endpoint that no driver of the system claims. */
export class ReportTransport implements ReaderTransport {
  readonly name: string;
  readonly #options: ReportOptions;
  #speech: Speech;
  /** It is being asked: what it sends meanwhile is of a kind that is not known yet. */
  #asking = false;
  #listener: ReaderListener | undefined;
  #device: ReportDevice | undefined;
  #opening: { readonly withdrawal: AbortController; readonly over: Promise<void> } | undefined;
  /** Of the opening or the device that events may come from; an older one's are nobody's. */
  #spell = 0;
  #connectedAt: Instant | undefined;
  #cutOff: Timer | undefined;
  #retry: Timer | undefined;
  #failures = 0;
  #told = false;
  readonly #isolation: Isolation;

  constructor(options: ReportOptions) {
    this.#options = options;
    this.#isolation = new Isolation(options);
    this.name = options.name;
    this.#speech = options;
  }

  get codec(): ReaderCodec {
    return this.#speech.codec;
  }

  open(listener: ReaderListener): void {
    this.#listener = listener;
    this.#tryOpen();
  }

  async close(reason: DisconnectReason = "closed"): Promise<void> {
    this.#retry?.cancel();
    const listener = this.#listener;
    const closed = this.#letGo();
    this.#tell(listener, reason);
    this.#listener = undefined;
    await closed;
  }

  isolate(failure: SwipewireError): void {
    if (this.#connectedAt === undefined) return;
    void this.#letGo();
    this.#tell(this.#listener, "isolated");
    this.#listener?.unavailable(failure);
    this.#retry = this.#options.clock.after(this.#isolation.next(), () => this.#tryOpen());
  }

  #tryOpen(): void {
    const withdrawal = new AbortController();
    this.#opening = { withdrawal, over: this.#openOnce(withdrawal.signal) };
  }

  async #openOnce(signal: AbortSignal): Promise<void> {
    const spell = ++this.#spell;
    const isCurrent = () => this.#spell === spell;
    const { ask } = this.#options;
    this.#asking = ask !== undefined;
    let device: ReportDevice;
    try {
      const listener: ReportListener = {
        report: (bytes) => {
          if (isCurrent() && !this.#asking) this.#take(bytes);
          bytes.fill(0);
        },
        failed: () => {
          if (isCurrent()) void this.#failed();
        },
      };
      device = await this.#options.open(listener, signal);
    } catch (cause) {
      if (!isCurrent()) return;
      // Its file may come a moment before udev's rules let this user open it.
      if (this.#failures > 0 && !this.#told) {
        this.#told = true;
        const isKnown = cause instanceof SwipewireError;
        this.#listener?.unavailable(isKnown ? cause : new ReaderNotOpened({ detail: this.name, cause }));
      }
      this.#openLater();
      return;
    }
    const speech = ask && isCurrent() ? await ask(device, signal) : this.#speech;
    if (!isCurrent()) {
      // Closed, or failed, while it was being opened or asked.
      await device.close();
      return;
    }
    this.#speech = speech;
    this.#asking = false;
    this.#device = device;
    this.#told = false;
    this.#connectedAt = this.#options.clock.now();
    this.#listener?.connected();
  }

  #openLater(): void {
    const { clock, random } = this.#options;
    this.#retry = clock.after(backoff(this.#failures++, random), () => this.#tryOpen());
  }

  async #failed(): Promise<void> {
    const stayed = this.#options.clock.now() - (this.#connectedAt ?? 0) >= STAYED;
    const closed = this.#letGo();
    const spell = this.#spell;
    await closed;
    const present = await this.#isPresent();
    // Whoever closed it meanwhile has told why.
    if (this.#spell !== spell) return;
    this.#tell(this.#listener, present ? "failed" : "unplugged");
    if (stayed) this.#failures = 0;
    this.#openLater();
  }

  async #isPresent(): Promise<boolean> {
    const { present, clock } = this.#options;
    if (!(await present())) return false;
    await sleep(clock, LEAVING);
    return present();
  }

  /** What comes of the device from now on is nobody's. */
  async #letGo(): Promise<void> {
    this.#spell++;
    this.#cutOff?.cancel();
    this.#speech.frames.wipe();
    const device = this.#device;
    this.#device = undefined;
    this.#opening?.withdrawal.abort();
    await Promise.all([device?.close(), this.#opening?.over]);
  }

  #tell(listener: ReaderListener | undefined, reason: DisconnectReason): void {
    if (this.#connectedAt === undefined) return;
    this.#connectedAt = undefined;
    listener?.disconnected(reason);
  }

  #take(report: Uint8Array): void {
    const { clock } = this.#options;
    const { frames } = this.#speech;
    this.#cutOff?.cancel();
    this.#cutOff = clock.after(CUT_OFF, () => this.#hand(frames.flush()));
    this.#hand(frames.push(report));
  }

  #hand(events: readonly StreamEvent[]): void {
    const spell = this.#spell;
    for (const { frame, failure } of events) {
      // One of those before may have been too much, and the reader was let go of.
      if (this.#spell !== spell) frame?.fill(0);
      else if (frame) this.#listener?.frame(frame);
      else this.#listener?.misread(failure);
    }
  }
}
