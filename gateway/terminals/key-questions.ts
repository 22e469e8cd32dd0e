import { answerChallenge } from "@swipewire/protocol/envelope/sealing-keys";
import type { LinkBody } from "@swipewire/protocol/messages/terminal-link";
import type { KeyStore } from "../keys/key-store.ts";
import type { Terminals } from "./terminals.ts";

export interface KeyQuestionsOptions {
  readonly keys: Pick<KeyStore, "gatewayKey" | "signSealingKeys" | "decryptEnvelope">;
  readonly terminals: Pick<Terminals, "sealsTo">;
}

/** Tells terminals which keys to seal to, so that a rotated envelope key reaches them. */
export class KeyQuestions {
  readonly #options: KeyQuestionsOptions;

  constructor(options: KeyQuestionsOptions) {
    this.#options = options;
  }

  /**
   * @param question its id
   * @throws GatewayKeyMissing | what opening its challenge throws: EnvelopeKeyUnknown | EnvelopeUnreadable |
   * SealingKeysRefused
   */
  async answer(
    terminal: string,
    question: string,
    { sealsTo, challenge }: LinkBody<"keys.find">,
  ): Promise<LinkBody<"keys.found">> {
    const { keys, terminals } = this.#options;
    if (sealsTo !== undefined) await terminals.sealsTo(terminal, sealsTo);
    const answer = { re: question, statement: keys.signSealingKeys(question) };
    if (challenge === undefined) return answer;
    using opened = await keys.decryptEnvelope(challenge);
    return { ...answer, gatewayKey: await answerChallenge(opened, keys.gatewayKey()) };
  }
}
