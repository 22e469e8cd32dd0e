import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { backoff } from "@swipewire/protocol/backoff";
import { SwipewireError } from "@swipewire/protocol/failure";
import type { Random } from "@swipewire/protocol/random";
import { type Clock, Millis, Minutes, Seconds, sleep } from "@swipewire/protocol/time";
import type { Logger } from "pino";
import { VoiceProcessEnded, VoiceRegistrationRefused } from "../errors.ts";
import { BaresipCall } from "./baresip-call.ts";
import { BaresipControl, type BaresipControlEvents } from "./baresip-control.ts";
import type { BaresipMessage } from "./baresip-message.ts";
import { BaresipProcess, type BaresipSetup, type ControlAddress } from "./baresip-process.ts";
import { RingingForever } from "./ringing-forever.ts";
import { callOf, callUri } from "./sip-account.ts";
import type { Call, CallEvent } from "./voice-channel.ts";

const START_LIMIT = Seconds(10);
const START_POLL = Millis(30);
/** A run this long was a good one: the next failure is the first one again. */
const STEADY = Minutes(1);

export interface BaresipAgentOptions {
  readonly setup: BaresipSetup;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/**
 * Keeps one baresip running and makes calls through it. When it dies its calls end as failed, and another is started
 * after a while; until then calls end as failed at once.
 */
export class BaresipAgent {
  readonly #options: BaresipAgentOptions;
  readonly #ringing: RingingForever;
  readonly #folder: string;
  readonly #closing = new AbortController();
  readonly #ready = Promise.withResolvers<void>();
  readonly #running: Promise<void>;
  /** Those that baresip has not told the end of yet, by the tag in their URI. */
  readonly #calls = new Map<string, BaresipCall>();
  #closed: Promise<void> | undefined;
  #control: BaresipControl | undefined;
  /** baresip's id of the call to {@link RingingForever}, while there is one. */
  #spare: string | undefined;
  /** Ids of calls to hang up as soon as there is a spare call again. */
  #toHangUp: string[] = [];
  #registered = false;
  /** Whether this run of baresip has come so far that calls can be made. */
  #up = false;

  private constructor(options: BaresipAgentOptions, ringing: RingingForever, folder: string) {
    this.#options = options;
    this.#ringing = ringing;
    this.#folder = folder;
    this.#running = this.#run();
  }

  /** @throws the system's error when it gets no folder or no port of its own */
  static async open(options: BaresipAgentOptions): Promise<BaresipAgent> {
    const folder = await mkdtemp(join(tmpdir(), "swipewire-baresip-"));
    return new BaresipAgent(options, await RingingForever.open(), folder);
  }

  /** Resolves when calls can be made for the first time; where we register, not before that. */
  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  /** @param phone E.164, checked */
  call(phone: string, on: (event: CallEvent) => void): Call {
    const { clock, random, setup } = this.#options;
    const tag = Buffer.from(random.bytes(8)).toString("hex");
    const call = new BaresipCall({ clock, on, hangUp: (id) => this.#hangUp(id) });
    this.#calls.set(tag, call);
    const dialled =
      this.#control?.send({ command: "dial", params: callUri(setup.trunk, phone, tag) }) ?? Promise.resolve(undefined);
    void dialled.then((answer) => {
      if (answer !== undefined) return;
      this.#calls.delete(tag);
      call.end("failed");
    });
    return { hangup: () => call.hangup() };
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#closing.abort();
    await this.#running;
    await this.#ringing.close();
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #run(): Promise<void> {
    const { clock, random, logger } = this.#options;
    const { signal } = this.#closing;
    for (let failures = 0; !signal.aborted; failures++) {
      const began = clock.now();
      try {
        await this.#live();
      } catch (error) {
        const code = error instanceof SwipewireError ? error.code : (error as NodeJS.ErrnoException).code;
        const detail = error instanceof SwipewireError ? error.message : undefined;
        logger.error({ code, detail }, "baresip is down and will be started again");
      }
      if (clock.now() - began > STEADY) failures = 0;
      await sleep(clock, backoff(failures, random), signal).catch(() => {});
    }
  }

  /** One run of baresip, from its start to its end. @throws VoiceProcessEnded, unless we are closing */
  async #live(): Promise<void> {
    const { clock, setup } = this.#options;
    const { signal } = this.#closing;
    const address = this.#controlAddress();
    const over = Promise.withResolvers<unknown>();
    const process = await BaresipProcess.start(setup, address, this.#folder);
    const closing = () => over.resolve(undefined);
    signal.addEventListener("abort", closing, { once: true });
    if (signal.aborted) closing();
    void process.exited.then((status) => over.resolve(new VoiceProcessEnded({ detail: `ended with ${status}` })));
    const limit = clock.after(START_LIMIT, () => over.resolve(new VoiceProcessEnded({ detail: "does not come up" })));
    try {
      const control = await Promise.race([over.promise, this.#reach(address, over.promise, over.resolve)]);
      limit.cancel();
      if (!(control instanceof BaresipControl)) {
        if (control) throw control;
        return;
      }
      this.#control = control;
      await process.forgetAccount();
      await this.#askRegistration();
      await this.#dialSpare();
      const why = await over.promise;
      if (why) throw why;
    } finally {
      limit.cancel();
      signal.removeEventListener("abort", closing);
      this.#letGo();
      await process.quit(clock);
    }
  }

  /**
   * Somewhere on loopback, one in 10^12: nobody else's baresip is talked to by accident, and nobody finds this one by
   * chance. ctrl_tcp knows no password.
   */
  #controlAddress(): ControlAddress {
    const [a = 0, b = 0, c = 0, high = 0, low = 0] = this.#options.random.bytes(5);
    const host = `127.${a}.${b}.${1 + (c % 254)}`;
    return { host, port: 1_024 + (((high << 8) | low) % 64_512) };
  }

  /** Tries until baresip listens; what becomes of the connection then goes to `end`. */
  async #reach(address: ControlAddress, over: Promise<unknown>, end: (why: unknown) => void) {
    const { clock, logger } = this.#options;
    let given = false;
    void over.then(() => {
      given = true;
    });
    const on: BaresipControlEvents = {
      message: (message) => this.#take(message),
      unreadable: (error) =>
        logger.warn({ code: error instanceof SwipewireError ? error.code : undefined }, "message of baresip dropped"),
      closed: (cause) =>
        end(cause instanceof SwipewireError ? cause : new VoiceProcessEnded({ detail: "connection lost", cause })),
    };
    while (!given) {
      const control = await BaresipControl.connect(address, clock, on).catch(() => undefined);
      if (control && !given) return control;
      control?.close();
      await sleep(clock, START_POLL);
    }
    return undefined;
  }

  #take(message: Exclude<BaresipMessage, { kind: "response" }>): void {
    switch (message.kind) {
      case "registered":
        this.#setRegistered(true);
        break;
      case "registration-failed":
        this.#setRegistered(false, message.status);
        break;
      case "incoming":
        this.#hangUp(message.id);
        break;
      case "call":
        this.#takeCall(message);
    }
  }

  /** What came of the registration before anybody listened. */
  async #askRegistration(): Promise<void> {
    if (!this.#options.setup.trunk.register) return;
    const info = (await this.#control?.send({ command: "reginfo" })) ?? "";
    // In green and in red.
    if (info.includes("[32mOK")) this.#setRegistered(true);
    else if (info.includes("[31mERR")) this.#setRegistered(false);
  }

  #setRegistered(registered: boolean, status?: number): void {
    this.#registered = registered;
    if (registered) this.#checkReady();
    else {
      const { code } = VoiceRegistrationRefused;
      this.#options.logger.warn({ code, status }, "the SIP trunk does not accept the registration");
    }
  }

  #takeCall({ peer, id, event }: Extract<BaresipMessage, { kind: "call" }>): void {
    const tag = callOf(peer);
    if (tag === undefined) {
      this.#takeSpare(id, event.kind === "closed");
      return;
    }
    const call = this.#calls.get(tag);
    if (event.kind === "closed") {
      this.#calls.delete(tag);
      this.#options.logger.info({ call: tag, status: event.status }, "call ended");
    }
    call?.take(id, event);
  }

  #takeSpare(id: string, closed: boolean): void {
    if (closed) {
      this.#spare = undefined;
      void this.#dialSpare();
      return;
    }
    this.#spare = id;
    for (const waiting of this.#toHangUp.splice(0)) this.#hangUp(waiting);
    this.#checkReady();
  }

  async #dialSpare(): Promise<void> {
    await this.#control?.send({ command: "dial", params: this.#ringing.uri });
  }

  #checkReady(): void {
    const { setup, logger } = this.#options;
    if (this.#up || this.#spare === undefined || (setup.trunk.register && !this.#registered)) return;
    this.#up = true;
    this.#ready.resolve();
    logger.info("baresip is up");
  }

  /**
   * `hangup` ends whichever call is the current one, and `callfind` makes none the current one when its call has just
   * ended by itself. So the spare call becomes the current one first, to be hit then.
   */
  #hangUp(id: string): void {
    if (this.#spare === undefined) {
      this.#toHangUp.push(id);
      return;
    }
    void this.#control?.send(
      { command: "callfind", params: this.#spare },
      { command: "callfind", params: id },
      { command: "hangup" },
    );
  }

  #letGo(): void {
    this.#control?.close();
    this.#control = undefined;
    this.#spare = undefined;
    this.#toHangUp = [];
    this.#registered = false;
    this.#up = false;
    for (const call of this.#calls.values()) call.end("failed");
    this.#calls.clear();
  }
}
