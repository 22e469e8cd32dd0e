import { SmsNotSent } from "../errors.ts";
import type { SimulatedPhoneLink } from "../voice/simulated-phone.ts";
import type { SmsChannel } from "./sms-channel.ts";

/** Texts the phones of the simulator, on the link that calls them. */
export class SimulatedSms implements SmsChannel {
  readonly #link: Pick<SimulatedPhoneLink, "send">;

  constructor(link: Pick<SimulatedPhoneLink, "send">) {
    this.#link = link;
  }

  async send(to: string, text: string): Promise<void> {
    try {
      await this.#link.send({ do: "sms", to, text });
    } catch (cause) {
      throw new SmsNotSent({ cause });
    }
  }

  /** The link is closed by whoever opened it. */
  async close(): Promise<void> {}
}
