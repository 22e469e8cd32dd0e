import type { Random } from "@swipewire/protocol/random";
import type { Clock } from "@swipewire/protocol/time";
import type { Logger } from "pino";
import { BaresipAgent } from "./baresip-agent.ts";
import { LONGEST_CALL } from "./baresip-call.ts";
import { promptForCall, readPrompt, SHIPPED_PROMPTS } from "./prompt-files.ts";
import type { SipTrunk } from "./sip-account.ts";
import type { Call, CallEvent, Prompt, VoiceChannel } from "./voice-channel.ts";

/** E.164 6.2.1, with the plus sign. It becomes part of a command to baresip, so nothing else may be in it. */
const PHONE_NUMBER = /^\+[1-9][0-9]{6,14}$/;

/** One for UDP and TCP, the next for TLS. */
const SIP_PORTS = 2;

export interface BaresipSettings extends SipTrunk {
  /** The IPv4 address to call from; without one, the system's choice. */
  readonly address?: string;
  /** Of the first language, which takes this one and the next; the others take two more each. 0 takes any free ones. */
  readonly sipPort: number;
  readonly rtpPorts: { readonly from: number; readonly to: number };
  /** The operator's own recordings, `<language>/<prompt>.wav`; without it, ours. */
  readonly prompts?: string;
  /** Spoken to numbers that no prefix in `languages` is the beginning of. */
  readonly language: string;
  readonly languages: readonly { readonly prefix: string; readonly language: string }[];
}

export interface BaresipChannelOptions {
  readonly settings: BaresipSettings;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** Phones payers over a SIP trunk, by a baresip for each language. */
export class BaresipChannel implements VoiceChannel {
  readonly #settings: BaresipSettings;
  readonly #agents: ReadonlyMap<string, BaresipAgent>;

  private constructor(settings: BaresipSettings, agents: ReadonlyMap<string, BaresipAgent>) {
    this.#settings = settings;
    this.#agents = agents;
  }

  /** @throws VoicePromptUnusable, and the system's error when there is no room for baresip's folder */
  static async open({ settings, clock, random, logger }: BaresipChannelOptions): Promise<BaresipChannel> {
    warnOfTransport(settings, logger);
    const prompt: Prompt = "enter-pin";
    const languages = new Set([settings.language, ...settings.languages.map(({ language }) => language)]);
    const recordings = new Map<string, Buffer>();
    for (const language of languages) {
      const samples = await readPrompt(settings.prompts ?? SHIPPED_PROMPTS, language, prompt);
      recordings.set(language, promptForCall(samples, LONGEST_CALL));
    }
    await using opening = new AsyncDisposableStack();
    const agents = new Map<string, BaresipAgent>();
    for (const [language, recording] of recordings) {
      const { address, rtpPorts } = settings;
      const setup = {
        trunk: settings,
        ...(address === undefined ? {} : { address }),
        sipPort: settings.sipPort === 0 ? 0 : settings.sipPort + agents.size * SIP_PORTS,
        rtpPorts,
        prompt: recording,
      };
      const agent = await BaresipAgent.open({ setup, clock, random, logger: logger.child({ language }) });
      opening.defer(() => agent.close());
      agents.set(language, agent);
    }
    opening.move();
    return new BaresipChannel(settings, agents);
  }

  /** Resolves when every language can be called in for the first time. */
  get connected(): Promise<void> {
    return Promise.all([...this.#agents.values()].map(({ ready }) => ready)).then(() => {});
  }

  call(to: string, _prompt: Prompt, on: (event: CallEvent) => void): Call {
    const agent = this.#agents.get(this.#languageOf(to));
    if (agent && PHONE_NUMBER.test(to)) return agent.call(to, on);
    queueMicrotask(() => on({ kind: "ended", cause: "unreachable" }));
    return { hangup: () => {} };
  }

  async close(): Promise<void> {
    await Promise.all([...this.#agents.values()].map((agent) => agent.close()));
  }

  #languageOf(phone: string): string {
    const [closest] = this.#settings.languages
      .filter(({ prefix }) => phone.startsWith(prefix))
      .sort((a, b) => b.prefix.length - a.prefix.length);
    return closest?.language ?? this.#settings.language;
  }
}

function warnOfTransport({ transport, srtp }: SipTrunk, logger: Logger): void {
  if (transport === "tls") {
    logger.warn(
      "baresip 1.0.0 does not verify the certificate of the SIP trunk: TLS keeps listeners out, not an impostor",
    );
  }
  if (!srtp) logger.warn("voice.srtp is off: the digits of PINs are in clear on the way to the SIP trunk");
}
