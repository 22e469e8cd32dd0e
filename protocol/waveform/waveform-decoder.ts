import {
  SwipeClipped,
  SwipeNoCard,
  SwipeNoPaymentCard,
  SwipeStopped,
  SwipeTooSlow,
  SwipeTooWeak,
  SwipeUncertain,
  SwipeUnreadable,
  WaveformInput,
} from "../errors.ts";
import type { SwipewireError } from "../failure.ts";
import type { TrackNumber } from "../readers/reader-frame.ts";
import { SensitiveBytes } from "../sensitive-bytes.ts";
import type { Ballot } from "./acceptance.ts";
import { Activity } from "./activity.ts";
import type { TrackRead } from "./read-bits.ts";
import {
  blockPowers,
  EVEN_RUN,
  FEWEST_ONES,
  loudSamples,
  type RegionTrace,
  type RunObserver,
  readRegion,
} from "./read-region.ts";
import type { ReadBasis, WaveformEvent, WaveformTrack } from "./waveform-event.ts";

/** What comes in. */
export interface WaveformInputFormat {
  /** Hz, 8,000 to 192,000. */
  readonly sampleRate: number;
  /** Interleaved where there are two. One unless told. */
  readonly channels?: 1 | 2;
  /** For drawings: sees the runs of a region whose first sample, of this channel, is `origin`. */
  readonly observe?: (channel: number, origin: number, ...seen: Parameters<RunObserver>) => void;
}

const RATES = { min: 8000, max: 192_000 };
/** Noise ahead of a swipe that is kept with it, and behind it at most: what is noise is measured there. */
const LEAD_SECONDS = 0.15;
/** Quiet for so long, a swipe is over. */
const QUIET_SECONDS = 0.045;
/** Where something sounds on, a swipe may be over that ended so long ago. */
const ENDED_SECONDS = { least: 0.03, most: 0.2 };
/** Quiet for more blocks, it is about to be over anyway. */
const STILL_BLOCKS = 2;
/** What falls again sooner is the same fall. */
const FALLING_SECONDS = 0.1;
/** No swipe takes longer. What does is read in pieces that overlap by {@link OVERLAP_SECONDS}. */
const LONGEST_SECONDS = 4;
const OVERLAP_SECONDS = 2;
/** Until the first quiet stretch is known for sure, a stream that begins in the midst of something is waited for. */
const FIRST_SECONDS = 2.2;
/** What rose sooner may have risen over a swipe that the stream began in; it is read again whenever it is so much longer. */
const SURE_SECONDS = 0.07;
const LONGER = 1.25;
/** Comparisons of samples for one answer: of what can be read, nearly all is with a part of them. */
const EFFORT = 7e5;
/** A first swipe waits so long for a second one that agrees. */
const AGREE_SECONDS = 30;
/** ISO/IEC 7811-6: mm. */
const BIT_LENGTH: Readonly<Record<TrackNumber, number>> = { 1: 25.4 / 210, 2: 25.4 / 75, 3: 25.4 / 210 };
/** Longer bits than these are those of a card that crawls: 4 cm/s on track 2. */
const SLOW_CELL_SECONDS = 0.0085;
const SHORTEST_CARD_RUN = 40;
/** Of the loud samples, how many lie at the peak: of a signal that lost its tops, and of one that lost nearly all. */
const CLIPPED_SHARE = 0.08;
const CLIPPED_MOSTLY = 0.3;
/** Longer than any swipe that a hand does in one move. */
const SLOW_SECONDS = 2.7;
/** No card is past a head sooner; clicks are. */
const SHORTEST_SECONDS = 0.03;
/** Times the noise's power that a swipe is, so that it can be made out. */
const AUDIBLE = 2.5;
/** A run that ends where the card still is at the head, for so much less than what is heard of it, was not stopped. */
const WHOLE = 0.5;
/** A failure that follows another without such a pause, beside what is kept around both, is the same one. */
const PAUSE_SECONDS = 0.35;
const WEAK_PEAK = 24 / 32_768;

interface Waiting {
  readonly number: TrackNumber;
  readonly data: SensitiveBytes;
  readonly until: number;
}

/**
 * Reads swipes off the bare head of a cheap reader on a sound input: raw F2F of ISO/IEC 7811. Samples go in in pieces of any
 * size, swipes and the reasons of failed ones come out within 100 ms of a swipe's end. It holds a few seconds of samples at
 * most, which are overwritten when their swipe is over. Runs in browsers as well.
 */
export class WaveformDecoder {
  readonly #rate: number;
  readonly #channels: number;
  readonly #observe: WaveformInputFormat["observe"];
  readonly #activity: Activity[];
  /** Frames since {@link #kept}, interleaved. */
  readonly #buffer: Float32Array;
  #filled = 0;
  /** Number of the buffer's first frame since the start. */
  #origin = 0;
  /** Frames of the buffer that {@link Activity} has seen. */
  #seen = 0;
  #blocks = 0;
  /** The block in which something began, while it goes on. */
  #openedAt: number | undefined;
  /** Since it began, was it above a quiet stretch that is known? And from which block on. */
  #rose = false;
  #roseAt = 0;
  /** On which channels. */
  #wereHot: readonly boolean[] = [];
  /** The block in which something fell last. */
  #fellAt = 0;
  #isFirst = true;
  /** How long it was when it was read last, in samples. */
  #triedAt = 0;
  #reportedTo = 0;
  #failedTo = Number.NEGATIVE_INFINITY;
  #waiting: Waiting[] = [];

  /** @throws WaveformInput for a rate or a number of channels that it does not take */
  constructor({ sampleRate, channels = 1, observe }: WaveformInputFormat) {
    if (!(sampleRate >= RATES.min && sampleRate <= RATES.max) || (channels !== 1 && channels !== 2)) {
      throw new WaveformInput({ detail: `${sampleRate} Hz, ${channels} channels` });
    }
    this.#rate = sampleRate;
    this.#observe = observe;
    this.#channels = channels;
    this.#activity = Array.from({ length: channels }, () => new Activity(sampleRate));
    const block = this.#block;
    const longest = Math.ceil((LONGEST_SECONDS + LEAD_SECONDS) * sampleRate) + 4 * block;
    this.#buffer = new Float32Array(longest * channels);
  }

  get #block(): number {
    return (this.#activity[0] as Activity).block;
  }

  /**
   * Takes the next samples, and gives what ended with them, in order.
   * @param samples full scale is 1, or 32,768 in an `Int16Array`; interleaved, whole frames; the caller's to wipe
   * @throws WaveformInput for a piece that ends within a frame
   */
  push(samples: Float32Array | Int16Array): WaveformEvent[] {
    if (samples.length % this.#channels !== 0) throw new WaveformInput({ detail: "a piece ends within a frame" });
    const scale = samples instanceof Int16Array ? 1 / 32_768 : 1;
    const events: WaveformEvent[] = [];
    const buffer = this.#buffer;
    for (let at = 0; at < samples.length; ) {
      const start = this.#filled * this.#channels;
      const block = this.#block * this.#channels;
      const take = Math.min(samples.length - at, block, buffer.length - start);
      for (let n = 0; n < take; n++) {
        const value = (samples[at + n] as number) * scale;
        // A float stream may hold anything.
        buffer[start + n] = value > -1e6 && value < 1e6 ? value : 0;
      }
      at += take;
      this.#filled += take / this.#channels;
      while (this.#filled - this.#seen >= this.#block) this.#takeBlock(events);
    }
    return events;
  }

  /** The stream has ended: what is still open is read as it is. The decoder can go on with another stream. */
  flush(): WaveformEvent[] {
    const events: WaveformEvent[] = [];
    if (this.#openedAt !== undefined) this.#read(this.#filled, events, this.#rose || this.#wasHot());
    this.#drop(this.#filled);
    this.#openedAt = undefined;
    return events;
  }

  /** Overwrites all that is held of samples and tracks. */
  wipe(): void {
    this.#buffer.fill(0);
    this.#filled = 0;
    this.#seen = 0;
    this.#openedAt = undefined;
    for (const { data } of this.#waiting) data.wipe();
    this.#waiting = [];
  }

  #takeBlock(events: WaveformEvent[]): void {
    for (const [channel, activity] of this.#activity.entries()) {
      activity.push(this.#buffer, this.#seen * this.#channels + channel, this.#channels);
    }
    this.#seen += this.#block;
    this.#blocks++;
    const block = this.#block;
    const hot = this.#activity.map((activity) => activity.isHot(0));
    const isHot = hot.includes(true);
    if (this.#openedAt === undefined) {
      const begins = isHot || (this.#isFirst && this.#activity.some(({ isSilent }) => !isSilent));
      if (begins) {
        this.#open(1);
        this.#rose = isHot;
        this.#wereHot = hot;
      } else {
        this.#drop(this.#seen - Math.ceil(LEAD_SECONDS * this.#rate));
      }
      return;
    }
    this.#wereHot = hot.map((is, channel) => is || this.#wereHot[channel] === true);
    if (isHot && !this.#rose) this.#roseAt = this.#blocks - 1;
    this.#rose ||= isHot;
    const age = (this.#blocks - this.#openedAt) * block;
    const quietFor = Math.min(age, ...this.#activity.map((activity) => activity.quietFor * block));
    const quiet = quietFor > QUIET_SECONDS * this.#rate;
    const rose = !this.#isFirst || this.#rose || (quiet && this.#wasHot());
    const isKnown = age > FIRST_SECONDS * this.#rate;
    const mayGoOn = this.#isFirst && !isKnown && (!this.#rose || this.#roseAt * block < SURE_SECONDS * this.#rate);
    if (quiet && rose && mayGoOn) {
      this.#readAgain(age, quietFor, events);
    } else if (quiet && (rose || isKnown)) {
      const behind = Math.max(0, quietFor - Math.ceil(LEAD_SECONDS * this.#rate));
      // What a stream begins with is steady noise, as is known by now, and long to read.
      if (rose) this.#read(this.#seen - behind, events, rose);
      this.#close();
    } else if (age > LONGEST_SECONDS * this.#rate) {
      this.#isFirst = false;
      this.#read(this.#seen, events, rose);
      this.#drop(this.#seen - Math.ceil(OVERLAP_SECONDS * this.#rate));
      this.#open(Math.ceil((OVERLAP_SECONDS * this.#rate) / block));
    } else if (quietFor <= STILL_BLOCKS * block && this.#hasFallen() && this.#isPromising()) {
      const told = events.length;
      this.#read(this.#seen, events, false);
      if (events.length === told) return;
      this.#drop(this.#reportedTo - this.#origin);
      this.#open(Math.ceil(this.#seen / block));
    }
  }

  #close(): void {
    this.#isFirst = false;
    this.#openedAt = undefined;
    this.#drop(this.#seen - Math.ceil(LEAD_SECONDS * this.#rate));
  }

  /** What may be the whole of what the stream began with; ages in samples. */
  #readAgain(age: number, quietFor: number, events: WaveformEvent[]): void {
    const wasLoud = age - quietFor > this.#triedAt;
    if (!wasLoud && age < LONGER * this.#triedAt) return;
    this.#triedAt = age;
    const told = events.length;
    this.#read(this.#seen, events, false);
    if (events.length > told) this.#close();
  }

  /** Something began so many blocks ago. */
  #open(blocks: number): void {
    this.#openedAt = this.#blocks - blocks;
    this.#roseAt = this.#openedAt;
    this.#wereHot = [];
  }

  /** Told once each time. */
  #hasFallen(): boolean {
    const isNew = (this.#blocks - this.#fellAt) * this.#block > FALLING_SECONDS * this.#rate;
    if (!isNew || !this.#activity.some(({ hasFallen }) => hasFallen)) return false;
    this.#fellAt = this.#blocks;
    return true;
  }

  /** Is there a swipe that is believed without a search, or did what looks like one just end? On each channel: tracks may end apart. */
  #isPromising(): boolean {
    let isPromising = true;
    for (const [channel, signal] of this.#signals(this.#seen).entries()) {
      const { ballots, trace } = readRegion(signal, this.#rate, 0);
      const counted = ballots.count();
      const isSure = counted.some(({ read, basis }) => basis && this.#origin + read.start >= this.#reportedTo);
      const since = (this.#seen - trace.end) / this.#rate;
      const isNew = isCard(trace) && since < ENDED_SECONDS.most;
      isPromising &&= this.#isIdle(channel) || (since > ENDED_SECONDS.least && (isSure || isNew));
      ballots.wipeOthers([]);
      signal.fill(0);
    }
    return isPromising;
  }

  /** Now that a quiet stretch is known: was there anything above it since the stream began? */
  #wasHot(): boolean {
    for (let back = 1; back < this.#blocks; back++) {
      if (this.#activity.some((activity) => activity.isHot(back))) return true;
    }
    return false;
  }

  /** Overwrites the frames before `frame` of the buffer. */
  #drop(frame: number): void {
    if (frame <= 0) return;
    const buffer = this.#buffer;
    const end = this.#filled * this.#channels;
    const at = frame * this.#channels;
    buffer.copyWithin(0, at, end);
    buffer.fill(0, end - at, end);
    this.#filled -= frame;
    this.#seen = Math.max(0, this.#seen - frame);
    this.#origin += frame;
  }

  /** A channel that nothing is plugged into has nothing to be searched for. */
  #isIdle(channel: number): boolean {
    return this.#wereHot.includes(true) && !this.#wereHot[channel];
  }

  /** Each channel's part of the buffer's first frames. */
  #signals(to: number): Float64Array[] {
    return Array.from({ length: this.#channels }, (_, channel) => {
      const signal = new Float64Array(to);
      for (let n = 0; n < to; n++) signal[n] = this.#buffer[n * this.#channels + channel] as number;
      return signal;
    });
  }

  /** @param rose above the quiet, so that it is told why nothing can be read */
  #read(to: number, events: WaveformEvent[], rose: boolean): void {
    const found: { channel: number; ballot: Ballot }[] = [];
    const traces: RegionTrace[] = [];
    const signals = this.#signals(to);
    const busy = signals.filter((_, channel) => !this.#isIdle(channel));
    for (const [channel, signal] of signals.entries()) {
      const effort = this.#isIdle(channel) ? 0 : EFFORT / busy.length;
      const { ballots, trace } = readRegion(signal, this.#rate, effort, (...seen) =>
        this.#observe?.(channel, this.#origin, ...seen),
      );
      traces.push(trace);
      const counted = ballots.count();
      ballots.wipeOthers(counted.map(({ read }) => read));
      for (const ballot of counted) {
        // What lies in the overlap of two pieces was told with the first.
        const isNew = this.#origin + ballot.read.start >= this.#reportedTo;
        if (isNew) found.push({ channel, ballot });
        else ballot.read.data.fill(0);
      }
    }
    found.sort((a, b) => a.ballot.read.start - b.ballot.read.start);
    if (found.length === 0 && rose && this.#origin + to > this.#reportedTo) {
      // What goes on without a pause is told once.
      const goesOn = this.#origin < this.#failedTo + PAUSE_SECONDS * this.#rate;
      const failure = goesOn ? undefined : this.#whyNot(busy, traces);
      if (goesOn || failure) this.#failedTo = this.#origin + to;
      if (failure) events.push({ kind: "failure", start: this.#origin, end: this.#failedTo, failure });
    }
    for (let first = 0; first < found.length; ) {
      // Reads of both channels that overlap are one swipe.
      let end = found[first]?.ballot.read.end ?? 0;
      let behind = first + 1;
      while (behind < found.length && (found[behind]?.ballot.read.start ?? 0) < end) {
        end = Math.max(end, found[behind++]?.ballot.read.end ?? 0);
      }
      events.push(this.#decide(found.slice(first, behind), end));
      this.#reportedTo = Math.ceil(this.#origin + end);
      this.#failedTo = this.#reportedTo;
      first = behind;
    }
    for (const signal of signals) signal.fill(0);
  }

  #decide(found: readonly { channel: number; ballot: Ballot }[], end: number): WaveformEvent {
    const start = this.#origin + Math.min(...found.map(({ ballot }) => ballot.read.start));
    const at = { start, end: this.#origin + end };
    const now = this.#origin + this.#filled;
    for (const waiting of this.#waiting) if (waiting.until < now) waiting.data.wipe();
    this.#waiting = this.#waiting.filter(({ data }) => !data.wiped);

    const tracks: WaveformTrack[] = [];
    for (const { channel, ballot } of found) {
      const { read, votes, isConfirmable } = ballot;
      const basis = ballot.basis ?? (isConfirmable && this.#isWaitedFor(read) ? "second-swipe" : undefined);
      if (basis && !tracks.some(({ number }) => number === read.number)) {
        tracks.push(this.#track(read, channel, basis, votes));
      } else {
        if (!basis && isConfirmable) {
          this.#waiting.push({
            number: read.number,
            data: SensitiveBytes.copyOf(read.data),
            until: now + AGREE_SECONDS * this.#rate,
          });
        }
        read.data.fill(0);
      }
    }
    if (tracks.length === 0)
      return { kind: "failure", ...at, failure: whyNotBelieved(found.map(({ ballot }) => ballot)) };
    for (const { data } of this.#waiting) data.wipe();
    this.#waiting = [];
    return { kind: "swipe", ...at, tracks: tracks.sort((a, b) => a.number - b.number) };
  }

  #isWaitedFor(read: TrackRead): boolean {
    return this.#waiting.some(
      ({ number, data }) =>
        number === read.number &&
        data.use((bytes) => bytes.length === read.data.length && bytes.every((byte, n) => byte === read.data[n])),
    );
  }

  #track(read: TrackRead, channel: number, basis: ReadBasis, votes: number): WaveformTrack {
    const { number, data, direction, residual, cells } = read;
    const speeds = Array.from(cells, (cell) => Math.round((BIT_LENGTH[number] / 10 / (cell / this.#rate)) * 10) / 10);
    return { number, data: new SensitiveBytes(data), channel, direction, basis, residual, votes, speeds };
  }

  /** @returns nothing where it was no swipe for sure */
  #whyNot(signals: readonly Float64Array[], traces: readonly RegionTrace[]): SwipewireError | undefined {
    let peak = 0;
    for (const signal of signals) for (const sample of signal) peak = Math.max(peak, Math.abs(sample));
    let atPeak = 0;
    let count = 0;
    for (const signal of signals) {
      for (const sample of signal) {
        if (Math.abs(sample) >= 0.995 * peak) atPeak++;
        if (Math.abs(sample) >= 0.1 * peak) count++;
      }
    }
    const heard = Math.max(...signals.map((signal) => loudSamples(signal, this.#rate)));
    if (heard < SHORTEST_SECONDS * this.#rate) return undefined;
    if (peak > 0.5 && atPeak > CLIPPED_MOSTLY * count) return new SwipeClipped();
    const loudness = Math.max(...signals.map((signal) => overQuiet(signal, this.#rate)));
    if (peak < WEAK_PEAK || loudness < AUDIBLE) return new SwipeTooWeak();
    const best = traces.reduce((a, b) => (b.longestRun > a.longestRun ? b : a));
    if (!isCard(best)) return new SwipeNoCard();
    const seconds = (signals[0]?.length ?? 0) / this.#rate;
    if (best.cell > SLOW_CELL_SECONDS * this.#rate || seconds > SLOW_SECONDS) return new SwipeTooSlow();
    if (peak > 0.5 && atPeak > CLIPPED_SHARE * count) return new SwipeClipped();
    const isPart = best.longestRun * best.cell < WHOLE * heard;
    return best.ended || isPart ? new SwipeUnreadable() : new SwipeStopped();
  }
}

const isCard = ({ longestRun, residual, ones }: RegionTrace): boolean =>
  longestRun >= SHORTEST_CARD_RUN && residual <= EVEN_RUN && ones >= FEWEST_ONES;

/** Why none of what was read whole is believed. */
function whyNotBelieved(ballots: readonly Ballot[]): SwipewireError {
  if (ballots.some(({ read }) => read.form !== "foreign")) return new SwipeUncertain();
  return ballots.some(({ isForeign }) => isForeign) ? new SwipeNoPaymentCard() : new SwipeUnreadable();
}

/** How many times the power of its quiet stretches a signal's loud ones have. */
function overQuiet(signal: Float64Array, sampleRate: number): number {
  const powers = blockPowers(signal, Math.round(0.02 * sampleRate)).sort((a, b) => a - b);
  const at = (share: number) => powers[Math.floor(share * powers.length)] ?? 0;
  return at(0.92) / Math.max(at(0.1), Number.MIN_VALUE);
}
