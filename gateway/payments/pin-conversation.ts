import { SensitiveBytes } from "@swipewire/protocol/sensitive-bytes";
import { type Clock, type Duration, Seconds, type Timer } from "@swipewire/protocol/time";
import { PinAbandoned, PinMalformed, PinNoAnswer, PinPhoneBusy, PinPhoneUnreachable } from "../errors.ts";
import type { Call, CallEndCause, CallEvent, Prompt, VoiceChannel } from "../voice/voice-channel.ts";

/** ISO 9564-1 8.1: a PIN has 4 to 12 digits. */
const SHORTEST = 4;
const LONGEST = 12;
const TRIES = 3;

const limits = {
  ring: Seconds(40),
  firstKey: Seconds(30),
  nextKey: Seconds(15),
  /** A PIN that could be complete is taken as complete after this much silence. */
  silence: Seconds(5),
  whole: Seconds(120),
};

const HASH = 0x23;
const STAR = 0x2a;

export interface PinConversationOptions {
  readonly voice: VoiceChannel;
  readonly clock: Clock;
  /** E.164. */
  readonly phone: string;
  /** What the payer hears; `enter-pin` unless told. */
  readonly prompt?: Prompt;
  /** Makes the PIN block; `pin` (ASCII digits) is wiped when it returns. */
  readonly encrypt: (pin: SensitiveBytes) => Uint8Array;
  /** Ends the call; both promises then reject with its reason. */
  readonly signal: AbortSignal;
}

export interface PinConversation {
  /** Resolves when the payer picks up. @throws PinNoAnswer | PinPhoneBusy | PinPhoneUnreachable */
  readonly answered: Promise<void>;
  /** The encrypted PIN block. @throws as `answered`, and PinAbandoned | PinMalformed */
  readonly pinBlock: Promise<Uint8Array>;
}

/**
 * Phones the payer and takes a PIN: 4 to 12 digits closed by `#`, or by silence; `*` starts over. Digits are bytes in one
 * buffer from the first key on, and are overwritten as soon as they are a PIN block or the call is over.
 */
export function startPinConversation(options: PinConversationOptions): PinConversation {
  const conversation = new Conversation(options);
  return { answered: conversation.answered, pinBlock: conversation.pinBlock };
}

class Conversation {
  readonly answered: Promise<void>;
  readonly pinBlock: Promise<Uint8Array>;
  readonly #answered = Promise.withResolvers<void>();
  readonly #pinBlock = Promise.withResolvers<Uint8Array>();
  readonly #options: PinConversationOptions;
  readonly #call: Call;
  readonly #digits = new SensitiveBytes(new Uint8Array(LONGEST));
  /** Digits typed; more than {@link LONGEST} are counted but not kept. */
  #typed = 0;
  #malformed = 0;
  #isAnswered = false;
  #over = false;
  /** Until the next thing that must happen: an answer, a key. */
  #step: Timer;
  #whole: Timer | undefined;

  constructor(options: PinConversationOptions) {
    this.#options = options;
    this.answered = this.#answered.promise;
    this.pinBlock = this.#pinBlock.promise;
    // Whoever awaits only one of them hears of the failure there.
    this.answered.catch(() => {});
    this.pinBlock.catch(() => {});
    this.#step = options.clock.after(limits.ring, () => this.#fail(new PinNoAnswer()));
    this.#call = options.voice.call(options.phone, options.prompt ?? "enter-pin", (event) => this.#on(event));
    options.signal.addEventListener("abort", this.#abort, { once: true });
    if (options.signal.aborted) this.#abort();
  }

  readonly #abort = () => this.#fail(this.#options.signal.reason);

  #on(event: CallEvent): void {
    if (this.#over) return;
    if (event.kind === "ended") this.#fail(this.#endedBy(event.cause));
    else if (event.kind === "answered") this.#pickUp();
    else if (event.kind === "key" && this.#isAnswered) this.#press(event.key);
  }

  #endedBy(cause: CallEndCause): Error {
    if (this.#isAnswered) return new PinAbandoned();
    if (cause === "busy") return new PinPhoneBusy();
    if (cause === "no-answer" || cause === "hangup") return new PinNoAnswer();
    return new PinPhoneUnreachable();
  }

  #pickUp(): void {
    if (this.#isAnswered) return;
    this.#isAnswered = true;
    this.#whole = this.#options.clock.after(limits.whole, () => this.#fail(new PinAbandoned()));
    this.#startOver();
    this.#answered.resolve();
  }

  #press(key: number): void {
    if (key === HASH) this.#close();
    else if (key === STAR) this.#startOver();
    else {
      const at = this.#typed++;
      if (at < LONGEST) {
        this.#digits.use((digits) => {
          digits[at] = key;
        });
      }
      if (this.#typed >= SHORTEST) this.#expect(limits.silence, () => this.#close());
      else this.#expect(limits.nextKey, () => this.#fail(new PinAbandoned()));
    }
  }

  #startOver(): void {
    this.#digits.use((digits) => digits.fill(0));
    this.#typed = 0;
    this.#expect(limits.firstKey, () => this.#fail(new PinAbandoned()));
  }

  #close(): void {
    if (this.#typed >= SHORTEST && this.#typed <= LONGEST) this.#succeed();
    else if (++this.#malformed === TRIES) this.#fail(new PinMalformed());
    else this.#startOver();
  }

  #succeed(): void {
    try {
      using pin = this.#digits.use((digits) => SensitiveBytes.copyOf(digits.subarray(0, this.#typed)));
      this.#pinBlock.resolve(this.#options.encrypt(pin));
    } catch (failure) {
      this.#pinBlock.reject(failure);
    }
    this.#end();
  }

  #fail(failure: unknown): void {
    if (this.#over) return;
    this.#answered.reject(failure);
    this.#pinBlock.reject(failure);
    this.#end();
  }

  #end(): void {
    this.#over = true;
    this.#digits.wipe();
    this.#step.cancel();
    this.#whole?.cancel();
    this.#options.signal.removeEventListener("abort", this.#abort);
    this.#call.hangup();
  }

  #expect(within: Duration, otherwise: () => void): void {
    this.#step.cancel();
    this.#step = this.#options.clock.after(within, otherwise);
  }
}
