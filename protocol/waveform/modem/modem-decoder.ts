import { ModemFrameCut, ModemFrameDamaged, ModemInput } from "../../errors.ts";
import { SensitiveBytes } from "../../sensitive-bytes.ts";
import { BandPass, STEPS } from "./band-pass.ts";
import { BitCorrelator } from "./bit-correlator.ts";
import { BitTracker } from "./bit-tracker.ts";
import { type FrameHeader, LONGEST_FRAME, readBody, readHeader, SENT_HEADER } from "./frame-layout.ts";
import { ffsk, type LineCode } from "./line-code.ts";
import type { ModemEvent } from "./modem-event.ts";
import { fits, type ModemLine } from "./modem-line.ts";
import { type SyncFound, SyncSearch } from "./sync-search.ts";

/** Above this, what was found is a sync word for sure, and not noise alike. */
const SURELY = 0.8;
const SYNC_BITS = 32;
/** Bits of the tail that are waited for. */
const HEARD_TAIL = 2;

interface Frame {
  readonly sync: SyncFound;
  readonly tracker: BitTracker;
  bits: number;
  /** The last of them. */
  before: number;
  header: FrameHeader | undefined;
}

/**
 * Reads frames of Swipewire's modem off a sound input: samples go in in pieces of any size, frames and the reasons of failed
 * ones come out. What it holds does not grow. It needs nothing of Node.
 */
export class ModemDecoder {
  readonly #code: LineCode;
  readonly #filter: BandPass;
  readonly #correlator: BitCorrelator;
  readonly #bytes = new Uint8Array(LONGEST_FRAME);
  #search: SyncSearch;
  #frame: Frame | undefined;
  #events: ModemEvent[] = [];

  /**
   * @param code for measuring what other line codes would do
   * @throws ModemInput for a line that cannot be
   */
  constructor(line: ModemLine, code: LineCode = ffsk) {
    if (!fits(line)) throw new ModemInput({ detail: `${line.sampleRate} Hz, ${line.baud} Bd` });
    this.#code = code;
    this.#filter = new BandPass(line.sampleRate, line.baud, code.band);
    this.#correlator = new BitCorrelator(code);
    this.#search = new SyncSearch(code);
  }

  /**
   * Takes the next samples, and gives the frames and failures that ended with them, in order.
   * @param samples of one channel; full scale is 1, or 32,768 in an `Int16Array`; the caller's to wipe
   */
  push(samples: Float32Array | Int16Array): ModemEvent[] {
    const scale = samples instanceof Int16Array ? 1 / 32_768 : 1;
    for (const sample of samples) {
      const value = sample * scale;
      // A float stream may hold anything.
      this.#filter.push(value > -1e6 && value < 1e6 ? value : 0, this.#step);
    }
    const events = this.#events;
    this.#events = [];
    return events;
  }

  /** The stream has ended: a frame that is still open was cut. The decoder can go on with another stream. */
  flush(): ModemEvent[] {
    // What the filter still holds back is the end of a frame whose last sample was the stream's last.
    const events = this.push(new Float32Array(Math.ceil(this.#filter.sampleOf(STEPS * 20))));
    if (this.#frame) this.#fail(this.#frame, new ModemFrameCut({ detail: `${this.#frame.bits} bits` }));
    events.push(...this.#events);
    this.wipe();
    return events;
  }

  /** Overwrites all that is held of samples and frames. */
  wipe(): void {
    this.#filter.wipe();
    this.#correlator.wipe();
    this.#forget();
    this.#events = [];
  }

  readonly #step = (value: number): void => {
    this.#correlator.push(value);
    if (this.#frame) this.#read(this.#frame);
    else {
      const sync = this.#search.look(this.#correlator);
      if (sync)
        this.#frame = { sync, tracker: new BitTracker(this.#code, sync), bits: 0, before: 0, header: undefined };
    }
  };

  #read(frame: Frame): void {
    const { tracker } = frame;
    while (this.#frame === frame && tracker.canTake(this.#correlator)) {
      const symbol = tracker.take(this.#correlator);
      if (symbol !== undefined) this.#write(frame, symbol);
      if (frame.bits === 8 * SENT_HEADER && !frame.header) {
        frame.header = readHeader(this.#bytes.subarray(0, SENT_HEADER));
        if (!frame.header) {
          this.#fail(frame, new ModemFrameDamaged({ detail: "header" }));
          return;
        }
      }
      const { header } = frame;
      if (header && tracker.heard === 8 * header.sentLength + HEARD_TAIL) this.#close(frame, header);
      else if (tracker.isGone) this.#fail(frame, new ModemFrameCut({ detail: `${frame.bits} bits` }));
    }
  }

  #write(frame: Frame, symbol: number): void {
    const bit = this.#code.symbol === "bit" ? symbol : frame.before ^ symbol;
    frame.before = bit;
    const at = frame.bits++ >> 3;
    this.#bytes[at] = ((this.#bytes[at] as number) << 1) | bit;
  }

  #close(frame: Frame, header: FrameHeader): void {
    // Of the tail so much was heard that nothing more can change.
    const last = frame.tracker.lastSymbols >>> HEARD_TAIL;
    for (let left = 8 * header.sentLength - frame.bits - 1; left >= 0; left--) this.#write(frame, (last >>> left) & 1);
    const body = readBody(header, this.#bytes.subarray(SENT_HEADER, header.sentLength));
    if (!body) {
      this.#fail(frame, new ModemFrameDamaged({ detail: `${header.payloadBytes} bytes` }));
      return;
    }
    this.#events.push({
      kind: "frame",
      ...this.#extent(frame),
      messageKind: header.kind,
      payload: new SensitiveBytes(body.payload),
      strength: frame.sync.strength,
      corrected: header.corrected + body.corrected,
    });
    this.#forget();
  }

  #fail(frame: Frame, failure: ModemFrameCut | ModemFrameDamaged): void {
    // Without a header it may have been something that is like a sync word.
    const isSure = frame.header !== undefined || frame.sync.strength > SURELY;
    if (isSure) this.#events.push({ kind: "failure", ...this.#extent(frame), failure });
    this.#forget();
  }

  #extent({ sync, tracker }: Frame): { start: number; end: number } {
    const sampleOf = (step: number) => Math.max(0, Math.round(this.#filter.sampleOf(step)));
    return { start: sampleOf(sync.end - SYNC_BITS * STEPS), end: sampleOf(tracker.at) };
  }

  #forget(): void {
    const end = Math.floor(this.#frame?.tracker.at ?? 0);
    this.#frame?.tracker.wipe();
    this.#frame = undefined;
    this.#bytes.fill(0);
    this.#search = new SyncSearch(this.#code, end);
  }
}
