import type { BrokerLink, BrokerListener } from "@swipewire/daemon/uplink/broker-link";
import { reader } from "@swipewire/protocol/messages/parse";
import {
  type DownMessage,
  type LinkBody,
  MAX_LINK_MESSAGE,
  UpMessage,
} from "@swipewire/protocol/messages/terminal-link";
import { topics } from "@swipewire/protocol/messages/topics";
import { type Random, randomUuid } from "@swipewire/protocol/random";
import { type Clock, type Duration, isoTime, Millis, Minutes, Seconds } from "@swipewire/protocol/time";
import type { RealWork } from "./real-work.ts";

const readUp = reader(UpMessage, MAX_LINK_MESSAGE);
const utf8 = (text: string) => new TextEncoder().encode(text);

/** Each way. */
const LATENCY = Millis(40);
const CALLING = Seconds(1);
const CHARGING = Seconds(4);
const CHARGED = Seconds(6);
const PRICE = { amount: 1250, currency: "CNY" } as const;

export interface CentreOptions {
  readonly terminal: string;
  /** @throws where the sealed swipe is none of this terminal's */
  readonly open: (sealed: string) => Promise<void>;
  /** A statement of the sealing keys, signed for this question. */
  readonly keys: (question: string) => string;
  readonly work: RealWork;
  readonly clock: Clock;
  readonly random: Random;
}

/** The payment that the gateway was last asked for. */
interface Payment {
  readonly payment: string;
  news: { readonly state: LinkBody<"payment.state">["state"] } | { readonly result: LinkBody<"payment.result"> };
}

/**
 * Broker and gateway for one terminal, in simulated time: every swipe that can be opened is approved. What was on its way
 * when the broker is lost stays lost, and so nothing grows here with the number of swipes.
 */
export class Centre implements BrokerLink {
  problem: string | undefined;
  opened = 0;
  readonly #options: CentreOptions;
  #listener: BrokerListener | undefined;
  #connection: symbol | undefined;
  #payment: Payment | undefined;
  #submitted: () => void = () => {};

  constructor(options: CentreOptions) {
    this.#options = options;
  }

  get connected(): boolean {
    return this.#connection !== undefined;
  }

  open(listener: BrokerListener): void {
    this.#listener = listener;
    this.connect();
  }

  connect(): void {
    this.#connection = Symbol("connection");
    this.problem = undefined;
    this.#listener?.connected();
    this.announce("online");
  }

  lose(): void {
    this.#connection = undefined;
    this.problem = "uplink_broker_unreachable";
    this.#listener?.disconnected();
  }

  reconnect(): void {}

  async close(): Promise<void> {
    this.#connection = undefined;
  }

  announce(state: "online" | "offline"): void {
    const presence = JSON.stringify({ v: 1, state, at: isoTime(this.#options.clock.now()) });
    this.#later(LATENCY, () => this.#listener?.message(topics.gatewayPresence, utf8(presence)));
  }

  /** Something that is no message. */
  babble(): void {
    this.#later(LATENCY, () => this.#listener?.message(topics.down(this.#options.terminal), utf8("{")));
  }

  /** Resolves when the terminal next tries to send a swipe, whether or not it can. */
  nextSubmission(): Promise<void> {
    return new Promise((resolve) => {
      this.#submitted = resolve;
    });
  }

  publish(topic: string, payload: string): boolean {
    const message = topic === topics.up(this.#options.terminal) ? readUp(utf8(payload)) : undefined;
    if (message?.type === "swipe.submit") this.#submitted();
    if (message) this.#later(LATENCY, () => this.#take(message));
    return this.connected;
  }

  #later(delay: Duration, action: () => void): void {
    const connection = this.#connection;
    if (!connection) return;
    this.#options.clock.after(delay, () => {
      if (this.#connection === connection) action();
    });
  }

  #send<T extends DownMessage["type"]>(type: T, body: LinkBody<T>): void {
    const { clock, random, terminal } = this.#options;
    const at = clock.now();
    const message = { v: 1, id: randomUuid(random), type, at: isoTime(at), until: isoTime(at + Minutes(1)), body };
    this.#later(LATENCY, () => this.#listener?.message(topics.down(terminal), utf8(JSON.stringify(message))));
  }

  #take(message: UpMessage): void {
    const { clock, random, keys } = this.#options;
    const { id: re } = message;
    if (message.type !== "ack") this.#send("ack", { of: re });
    switch (message.type) {
      case "order.find": {
        const payableUntil = isoTime(clock.now() + Minutes(30));
        const order = { order: randomUuid(random), merchant: "Tea house", product: "Two teas", ...PRICE, payableUntil };
        this.#send("order.found", { re, order });
        break;
      }
      case "keys.find":
        this.#send("keys.found", { re, statement: keys(re) });
        break;
      case "certificate.find":
        this.#send("refused", { re, code: "certificates_not_signed" });
        break;
      case "swipe.submit":
        if (message.body.payment !== this.#payment?.payment) this.#pay(message.body);
        break;
      case "payment.query":
        if (message.body.payment === this.#payment?.payment) this.#tell(this.#payment);
        else this.#send("refused", { re, code: "payment_unknown" });
        break;
    }
  }

  #pay({ payment, sealed }: LinkBody<"swipe.submit">): void {
    const { work, open, clock, random } = this.#options;
    const current: Payment = { payment, news: { state: "accepted" } };
    this.#payment = current;
    const order = randomUuid(random);
    void work.hold(
      open(sealed).then(() => {
        this.opened++;
        this.#tell(current);
        const become = (delay: Duration, news: Payment["news"]) =>
          clock.after(delay, () => {
            current.news = news;
            this.#tell(current);
          });
        become(CALLING, { state: "calling" });
        become(CHARGING, { state: "charging" });
        become(CHARGED, { result: { payment, order, outcome: "approved", ...PRICE, orderPayable: false } });
      }),
    );
  }

  #tell({ payment, news }: Payment): void {
    if ("result" in news) this.#send("payment.result", news.result);
    else this.#send("payment.state", { payment, state: news.state });
  }
}
