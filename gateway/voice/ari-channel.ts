import { backoff } from "@swipewire/protocol/backoff";
import { checker } from "@swipewire/protocol/messages/parse";
import type { Random } from "@swipewire/protocol/random";
import { type Clock, sleep } from "@swipewire/protocol/time";
import type { Logger } from "pino";
import Type from "typebox";
import { VoiceAriRefused, VoiceSoundMissing } from "../errors.ts";
import { AriCall } from "./ari-call.ts";
import { AriConnection, type AriSettings } from "./ari-connection.ts";
import type { AriEvent } from "./ari-event.ts";
import { languageOf, PHONE_NUMBER, type SpokenLanguages } from "./spoken-language.ts";
import type { Call, CallEvent, Prompt, VoiceChannel } from "./voice-channel.ts";

/** Longer than any call may ring: should we be gone, Asterisk gives up by itself. */
const DIAL_SECONDS = 90;
const NUMBER = "{number}";

const checkChannels = checker(Type.Array(Type.Object({ id: Type.String() })));

export interface AriChannelSettings extends AriSettings, SpokenLanguages {
  /** Whom Asterisk dials, with `{number}` in the number's place: `PJSIP/{number}@trunk`. */
  readonly endpoint: string;
  /** What payers see calling. */
  readonly callerId?: string;
  /** Where in Asterisk's sounds the prompts are: `sound:<sounds>/<prompt>`, in the language of the payer. */
  readonly sounds: string;
}

export interface AriChannelOptions {
  readonly settings: AriChannelSettings;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/**
 * Phones payers through an Asterisk, by its REST interface. Channels of ours are told by the beginning of their id; any
 * that no call of this run has is hung up as soon as it is seen, so that nobody's phone rings for nothing.
 */
export class AriChannel implements VoiceChannel {
  readonly #options: AriChannelOptions;
  readonly #connection: AriConnection;
  readonly #connected = Promise.withResolvers<void>();
  readonly #calls = new Map<string, AriCall>();
  /** Channels being hung up, by their id. */
  readonly #removals = new Map<string, Promise<void>>();
  /** Requests to make a channel that were not answered yet, by its id. */
  readonly #originations = new Map<string, Promise<unknown>>();
  readonly #closing = new AbortController();

  constructor(options: AriChannelOptions) {
    this.#options = options;
    const { settings, clock, random, logger } = options;
    warnOfTransport(settings.url, logger);
    this.#connection = new AriConnection({
      settings,
      clock,
      random,
      logger,
      on: {
        event: (event) => this.#take(event),
        up: () => {
          this.#connected.resolve();
          void this.#sweep();
        },
        // Keys may have been pressed that nobody tells us of any more.
        down: () => this.#leaveAll(),
      },
    });
  }

  /** Resolves when the first connection is made. */
  get connected(): Promise<void> {
    return this.#connected.promise;
  }

  call(to: string, prompt: Prompt, on: (event: CallEvent) => void): Call {
    const { clock, random } = this.#options;
    if (!PHONE_NUMBER.test(to) || !this.#connection.isUp) {
      const cause = this.#connection.isUp ? "unreachable" : "failed";
      queueMicrotask(() => on({ kind: "ended", cause }));
      return { hangup: () => {} };
    }
    const id = this.#prefix + Buffer.from(random.bytes(8)).toString("hex");
    const call = new AriCall({
      clock,
      on,
      play: () => void this.#play(id, to, prompt),
      hangUp: () => this.#remove(id),
    });
    this.#calls.set(id, call);
    void this.#originate(id, to, call);
    return { hangup: () => call.hangup() };
  }

  async close(): Promise<void> {
    this.#leaveAll();
    this.#closing.abort();
    await Promise.all(this.#removals.values());
    await this.#connection.close();
  }

  get #prefix(): string {
    return `${this.#options.settings.app}.call.`;
  }

  async #originate(id: string, to: string, call: AriCall): Promise<void> {
    const { settings, logger } = this.#options;
    const { endpoint, app, callerId } = settings;
    const asked = this.#connection.request("POST", `channels/${id}`, {
      endpoint: endpoint.replace(NUMBER, to),
      app,
      timeout: DIAL_SECONDS,
      ...(callerId === undefined ? {} : { callerId }),
    });
    this.#originations.set(id, asked);
    const answer = await asked;
    this.#originations.delete(id);
    if (answer && answer.status < 300) return;
    logger.warn({ code: VoiceAriRefused.code, status: answer?.status }, "Asterisk made no channel");
    // Without an answer it may have been made.
    if (!answer) call.leave("failed");
    else this.#end(id, () => call.end("failed"));
  }

  #take(event: AriEvent): void {
    if (event.kind === "replaced") {
      this.#options.logger.error("another program has taken voice.app: each gateway needs one of its own");
      return;
    }
    if (!event.channel.startsWith(this.#prefix)) return;
    const call = this.#calls.get(event.channel);
    if (event.kind === "destroyed") {
      this.#options.logger.info({ call: event.channel, cause: event.cause }, "call ended");
      this.#end(event.channel, () => call?.take(event));
      return;
    }
    if (event.kind === "played" && event.failed) {
      this.#options.logger.warn({ code: VoiceSoundMissing.code }, "a prompt was not played");
    }
    if (call) call.take(event);
    else if (event.kind === "ringing" || event.kind === "answered") this.#remove(event.channel);
  }

  #end(id: string, tell: () => void): void {
    this.#calls.delete(id);
    tell();
  }

  #leaveAll(): void {
    for (const call of [...this.#calls.values()]) call.leave("failed");
  }

  async #play(id: string, to: string, prompt: Prompt): Promise<void> {
    const { settings, logger } = this.#options;
    const answer = await this.#connection.request("POST", `channels/${id}/play`, {
      media: `sound:${settings.sounds}/${prompt}`,
      lang: languageOf(to, settings),
    });
    // Without the channel there is nobody to hear it, which another event tells.
    if (answer && answer.status >= 400 && answer.status !== 404) {
      logger.warn({ code: VoiceSoundMissing.code, status: answer.status }, "a prompt was not played");
    }
  }

  /** Hangs up, and does not rest before Asterisk has said that there is no such channel any more. */
  #remove(id: string): void {
    this.#calls.delete(id);
    if (this.#removals.has(id)) return;
    const { clock, random } = this.#options;
    const removal = async () => {
      // A channel that is still being made would be made after all.
      await this.#originations.get(id);
      for (let failures = 0; ; failures++) {
        const answer = await this.#connection.request("DELETE", `channels/${id}`);
        if (answer && (answer.status < 300 || answer.status === 404)) break;
        // The next run finds what is left, and Asterisk itself gives up ringing.
        if (this.#closing.signal.aborted) break;
        await sleep(clock, backoff(failures, random), this.#closing.signal).catch(() => {});
      }
      this.#removals.delete(id);
    };
    this.#removals.set(id, removal());
  }

  /** Hangs up what an earlier run has left, or a connection that broke. */
  async #sweep(): Promise<void> {
    const answer = await this.#connection.request("GET", "channels");
    if (answer?.status !== 200) return;
    let channels: readonly { readonly id: string }[];
    try {
      channels = checkChannels(JSON.parse(answer.text));
    } catch {
      return;
    }
    for (const { id } of channels) if (id.startsWith(this.#prefix) && !this.#calls.has(id)) this.#remove(id);
  }
}

function warnOfTransport(url: string, logger: Logger): void {
  const { protocol, hostname } = new URL(url);
  if (protocol === "http:" && !/^(?:127\.|localhost$|\[::1\]$)/.test(hostname)) {
    logger.warn("voice.url is http: the digits of PINs are in clear on the way from Asterisk");
  }
}
