import type { Random } from "@swipewire/protocol/random";
import type { Clock } from "@swipewire/protocol/time";
import type { Logger } from "pino";
import { BaresipAgent } from "./baresip-agent.ts";
import { LONGEST_CALL } from "./limited-call.ts";
import { promptForCall, readPrompt, SHIPPED_PROMPTS } from "./prompt-files.ts";
import type { SipTrunk } from "./sip-account.ts";
import { languageOf, PHONE_NUMBER, type SpokenLanguages } from "./spoken-language.ts";
import { type Call, type CallEvent, PROMPTS, type Prompt, type VoiceChannel } from "./voice-channel.ts";

/** One for UDP and TCP, the next for TLS. */
const SIP_PORTS = 2;

export interface BaresipSettings extends SipTrunk, SpokenLanguages {
  /** The IPv4 address to call from; without one, the system's choice. */
  readonly address?: string;
  /** Of the first baresip, which takes this one and the next; the others take two more each. 0 takes any free ones. */
  readonly sipPort: number;
  readonly rtpPorts: { readonly from: number; readonly to: number };
  /** The operator's own recordings, `<language>/<prompt>.wav`; without it, ours. */
  readonly prompts?: string;
}

export interface BaresipChannelOptions {
  readonly settings: BaresipSettings;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** Phones payers over a SIP trunk, by a baresip for each language and prompt: one baresip knows one sound. */
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
    const languages = new Set([settings.language, ...settings.languages.map(({ language }) => language)]);
    const recordings: { readonly language: string; readonly prompt: Prompt; readonly sound: Buffer }[] = [];
    for (const language of languages) {
      for (const prompt of PROMPTS) {
        const samples = await readPrompt(settings.prompts ?? SHIPPED_PROMPTS, language, prompt);
        recordings.push({ language, prompt, sound: promptForCall(samples, LONGEST_CALL) });
      }
    }
    await using opening = new AsyncDisposableStack();
    const agents = new Map<string, BaresipAgent>();
    for (const { language, prompt, sound } of recordings) {
      const { address, rtpPorts } = settings;
      const setup = {
        trunk: settings,
        ...(address === undefined ? {} : { address }),
        sipPort: settings.sipPort === 0 ? 0 : settings.sipPort + agents.size * SIP_PORTS,
        rtpPorts,
        prompt: sound,
      };
      const agent = await BaresipAgent.open({ setup, clock, random, logger: logger.child({ language, prompt }) });
      opening.defer(() => agent.close());
      agents.set(agentFor(language, prompt), agent);
    }
    opening.move();
    return new BaresipChannel(settings, agents);
  }

  /** Resolves when calls can be made in every language, with every prompt, for the first time. */
  get connected(): Promise<void> {
    return Promise.all([...this.#agents.values()].map(({ ready }) => ready)).then(() => {});
  }

  call(to: string, prompt: Prompt, on: (event: CallEvent) => void): Call {
    const agent = this.#agents.get(agentFor(languageOf(to, this.#settings), prompt));
    if (agent && PHONE_NUMBER.test(to)) return agent.call(to, on);
    queueMicrotask(() => on({ kind: "ended", cause: "unreachable" }));
    return { hangup: () => {} };
  }

  async close(): Promise<void> {
    await Promise.all([...this.#agents.values()].map((agent) => agent.close()));
  }
}

const agentFor = (language: string, prompt: Prompt) => `${language}/${prompt}`;

function warnOfTransport({ transport, srtp }: SipTrunk, logger: Logger): void {
  if (transport === "tls") {
    logger.warn(
      "baresip 1.0.0 does not verify the certificate of the SIP trunk: TLS keeps listeners out, not an impostor",
    );
  }
  if (!srtp) logger.warn("voice.srtp is off: the digits of PINs are in clear on the way to the SIP trunk");
}
