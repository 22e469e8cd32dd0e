import type { CallEndCause, PhoneEvent } from "@swipewire/protocol/messages/simulated-phone";
import { type Clock, sleep } from "@swipewire/protocol/time";
import type { PayerScript, PayerStep } from "./payer.ts";

export type PhoneState = "idle" | "ringing" | "talking";

export interface Sms {
  readonly text: string;
  readonly at: number;
}

const KEYS = new Set(new TextEncoder().encode("0123456789*#"));

/** One phone of the simulator: it rings, is answered and typed on, by a script or by hand. */
export class Phone {
  /** E.164. */
  readonly number: string;
  /** Texts it got, oldest first. */
  readonly inbox: Sms[] = [];
  readonly #clock: Clock;
  #script: PayerScript | undefined;
  #ringListeners: (() => void)[] = [];
  #changeListeners: (() => void)[] = [];
  #call:
    | { readonly id: string; readonly tell: (event: PhoneEvent) => void; readonly over: AbortController }
    | undefined;
  #state: PhoneState = "idle";

  constructor(number: string, clock: Clock) {
    this.number = number;
    this.#clock = clock;
  }

  get state(): PhoneState {
    return this.#state;
  }

  /** How calls are taken from now on; undefined hands the phone back to whoever holds it. */
  set script(script: PayerScript | undefined) {
    this.#script = script;
  }

  onRing(listener: () => void): void {
    this.#ringListeners.push(listener);
  }

  /** Calls `listener` whenever the state changes or a text arrives. */
  onChange(listener: () => void): void {
    this.#changeListeners.push(listener);
  }

  /** Picks up. Does nothing unless it rings. */
  answer(): void {
    if (!this.#call || this.#state !== "ringing") return;
    this.#enter("talking");
    this.#call.tell({ call: this.#call.id, event: "answered" });
  }

  /** @param key ASCII, 0 to 9, `*` or `#`; ignored unless on the phone */
  press(key: number): void {
    if (!KEYS.has(key)) throw new RangeError("not a key of a phone");
    if (!this.#call || this.#state !== "talking") return;
    this.#call.tell({ call: this.#call.id, event: "key", key: String.fromCharCode(key) });
  }

  /** Hangs up, or rejects the call that rings. */
  hangup(): void {
    this.#end("hangup");
  }

  /** The network's side: a call comes in. */
  ring(id: string, tell: (event: PhoneEvent) => void): void {
    const script = this.#script;
    if (this.#call || script?.answer === "busy" || script?.answer === "unreachable") {
      tell({ call: id, event: "ended", cause: script?.answer === "unreachable" ? "unreachable" : "busy" });
      return;
    }
    const over = new AbortController();
    this.#call = { id, tell, over };
    this.#enter("ringing");
    tell({ call: id, event: "ringing" });
    for (const listener of this.#ringListeners) listener();
    // Whatever the script still wanted to do ends with the call.
    if (script) this.#play(script, over.signal).catch(() => {});
  }

  /** The network's side: the caller hung up, or the line is gone. */
  disconnect(id: string): void {
    if (this.#call?.id === id) this.#end("hangup");
  }

  /** The network's side: a text arrives. */
  deliver(text: string): void {
    this.inbox.push({ text, at: this.#clock.now() });
    this.#changed();
  }

  #end(cause: CallEndCause): void {
    const call = this.#call;
    if (!call) return;
    this.#call = undefined;
    call.over.abort();
    this.#enter("idle");
    call.tell({ call: call.id, event: "ended", cause });
  }

  async #play(script: Exclude<PayerScript, { answer: "busy" | "unreachable" }>, over: AbortSignal): Promise<void> {
    await sleep(this.#clock, script.after, over);
    if (script.answer === "never") {
      this.#end("no-answer");
      return;
    }
    this.answer();
    for (const step of script.steps) await this.#do(step, over);
  }

  async #do(step: PayerStep, over: AbortSignal): Promise<void> {
    if ("wait" in step) await sleep(this.#clock, step.wait, over);
    else if ("hangup" in step) this.hangup();
    else {
      for (const key of step.type) {
        await sleep(this.#clock, step.every, over);
        this.press(key);
      }
    }
  }

  #enter(state: PhoneState): void {
    this.#state = state;
    this.#changed();
  }

  #changed(): void {
    for (const listener of this.#changeListeners) listener();
  }
}
