import { SwipewireError } from "@swipewire/protocol/failure";
import { reader } from "@swipewire/protocol/messages/parse";
import { GatewayPresence, type ReaderPresence, type TerminalPresence } from "@swipewire/protocol/messages/presence";
import {
  DownMessage,
  type LinkBody,
  MAX_LINK_MESSAGE,
  type UpMessage,
} from "@swipewire/protocol/messages/terminal-link";
import type { TerminalStatus } from "@swipewire/protocol/messages/terminal-status";
import { topics } from "@swipewire/protocol/messages/topics";
import { type Random, randomUuid } from "@swipewire/protocol/random";
import { type Clock, type Duration, type Instant, isoTime, Seconds } from "@swipewire/protocol/time";
import type { Logger } from "pino";
import { UplinkBrokerRefused, UplinkCertificateRefused, UplinkClockOff, UplinkMessageExpired } from "../errors.ts";
import type { FindOutcome, QueryOutcome, SessionUplink, Submission, SubmitOutcome } from "../session/session-uplink.ts";
import type { BrokerLink } from "./broker-link.ts";
import { clockOffsetText } from "./clock-offset.ts";
import { RepeatingSender } from "./repeating-sender.ts";

/** How long each message may be acted on by the gateway. */
const lifetimes: { readonly [Type in UpMessage["type"]]: Duration } = {
  ack: Seconds(60),
  "order.find": Seconds(15),
  "swipe.submit": Seconds(45),
  "payment.query": Seconds(15),
  "payment.cancel": Seconds(45),
  "keys.find": Seconds(15),
  "certificate.find": Seconds(15),
};

/** How far the gateway's clock may be from this one. */
const CLOCK_SKEW = Seconds(30);
/** What was answered more slowly tells too little of the gateway's clock. */
const PROMPT = Seconds(2);

const readDown = reader(DownMessage, MAX_LINK_MESSAGE);
const readGatewayPresence = reader(GatewayPresence, 512);

/** What became of a question for the gateway's sealing keys. The answer is not verified yet. */
export type KeysOutcome =
  | { readonly kind: "found"; readonly answer: LinkBody<"keys.found"> }
  /** `code` is the gateway's. */
  | { readonly kind: "refused"; readonly code: string }
  | { readonly kind: "unanswered" };

/** What became of a question for a certificate. The answer is not verified yet. */
export type CertificateOutcome =
  | { readonly kind: "found"; readonly answer: LinkBody<"certificate.found"> }
  /** `code` is the gateway's. */
  | { readonly kind: "refused"; readonly code: string }
  | { readonly kind: "unanswered" };

export interface UplinkListener {
  reachChanged(): void;
  paymentState(news: LinkBody<"payment.state">, at: Instant): void;
  paymentResult(news: LinkBody<"payment.result">): void;
}

export interface UplinkOptions {
  readonly terminal: string;
  readonly link: BrokerLink;
  readonly version: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** The last will of a terminal's connection. */
export function offlinePresence(at: Instant): string {
  return JSON.stringify({ v: 1, state: "offline", at: isoTime(at) } satisfies TerminalPresence);
}

/** The terminal's end of the link: what it sends up, what it takes in, its own presence and the gateway's. */
export class Uplink implements SessionUplink {
  readonly #options: UplinkOptions;
  readonly #sender: RepeatingSender;
  readonly #dropped = new Map<string, number>();
  #listener: UplinkListener | undefined;
  #reader: ReaderPresence = { connected: false };
  #gatewayOnline = false;
  #clockOffset: number | undefined;

  constructor(options: UplinkOptions) {
    this.#options = options;
    this.#sender = new RepeatingSender({ clock: options.clock, publish: (message) => this.#publish(message) });
  }

  /** The topics that the link has to subscribe to. */
  static subscriptions(terminal: string): readonly string[] {
    return [topics.down(terminal), topics.gatewayPresence];
  }

  get withinReach(): boolean {
    return this.#options.link.connected && this.#gatewayOnline;
  }

  get refused(): boolean {
    const { problem } = this.#options.link;
    return problem === UplinkBrokerRefused.code || problem === UplinkCertificateRefused.code;
  }

  get status(): TerminalStatus["uplink"] {
    const { connected, problem } = this.#options.link;
    return {
      broker: connected,
      gateway: this.withinReach,
      ...(problem !== undefined && { problem }),
      ...(this.#clockOffset !== undefined && { clockOffset: this.#clockOffset }),
    };
  }

  /** How many messages from the gateway were dropped so far, by failure code. */
  get dropped(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#dropped);
  }

  open(listener: UplinkListener): void {
    this.#listener = listener;
    this.#options.link.open({
      connected: () => {
        this.#announce();
        this.#sender.repeatAll();
        // The gateway's presence is retained: a broker may send it before it confirms the subscription.
        if (this.#gatewayOnline) listener.reachChanged();
      },
      disconnected: () => {
        this.#gatewayOnline = false;
        listener.reachChanged();
      },
      message: (topic, payload) => this.#take(topic, payload),
    });
  }

  readerChanged(reader: ReaderPresence): void {
    this.#reader = reader;
    this.#announce();
  }

  async find(code: string, signal: AbortSignal): Promise<FindOutcome> {
    const sent = await this.#sender.send(this.#message("order.find", { code }), "answer", signal);
    if (sent.kind === "refused") return sent;
    if (sent.kind === "answered" && sent.by.type === "order.found") return { kind: "found", order: sent.by.body.order };
    return { kind: "unanswered" };
  }

  async submit(submission: Submission, signal: AbortSignal): Promise<SubmitOutcome> {
    const sent = await this.#sender.send(this.#message("swipe.submit", submission), "acknowledgement", signal);
    switch (sent.kind) {
      case "refused":
        return sent;
      case "acknowledged":
      case "answered":
        return { kind: "accepted" };
      case "expired":
      case "withdrawn":
        return { kind: sent.left ? "unanswered" : "unsent" };
    }
  }

  async query(payment: string, signal: AbortSignal): Promise<QueryOutcome> {
    const sent = await this.#sender.send(this.#message("payment.query", { payment }), "answer", signal);
    if (sent.kind === "refused") return { kind: "unknown", code: sent.code };
    return { kind: sent.kind === "answered" ? "answered" : "unanswered" };
  }

  cancel(payment: string): void {
    void this.#sender.send(this.#message("payment.cancel", { payment }), "acknowledgement");
  }

  /** Never rejects. */
  async findKeys(question: LinkBody<"keys.find">): Promise<KeysOutcome> {
    const sent = await this.#sender.send(this.#message("keys.find", question), "answer");
    if (sent.kind === "refused") return sent;
    if (sent.kind === "answered" && sent.by.type === "keys.found") return { kind: "found", answer: sent.by.body };
    return { kind: "unanswered" };
  }

  /** Never rejects. */
  async findCertificate(question: LinkBody<"certificate.find">): Promise<CertificateOutcome> {
    const sent = await this.#sender.send(this.#message("certificate.find", question), "answer");
    if (sent.kind === "refused") return sent;
    if (sent.kind === "answered" && sent.by.type === "certificate.found")
      return { kind: "found", answer: sent.by.body };
    return { kind: "unanswered" };
  }

  /** Says that the terminal is offline, and disconnects. */
  async close(): Promise<void> {
    const { terminal, link, clock } = this.#options;
    this.#listener = undefined;
    this.#sender.close();
    await link.close({ topic: topics.presence(terminal), payload: offlinePresence(clock.now()) });
  }

  #message<T extends UpMessage["type"]>(type: T, body: LinkBody<T>): Extract<UpMessage, { type: T }> {
    const { clock, random } = this.#options;
    const at = clock.now();
    return {
      v: 1,
      id: randomUuid(random),
      type,
      at: isoTime(at),
      until: isoTime(at + lifetimes[type]),
      body,
    } as Extract<UpMessage, { type: T }>;
  }

  #publish(message: UpMessage): boolean {
    return this.#options.link.publish(topics.up(this.#options.terminal), JSON.stringify(message));
  }

  #announce(): void {
    const { terminal, link, clock, version } = this.#options;
    const presence: TerminalPresence = {
      v: 1,
      state: "online",
      at: isoTime(clock.now()),
      version,
      reader: this.#reader,
    };
    link.publish(topics.presence(terminal), JSON.stringify(presence), { retain: true });
  }

  #take(topic: string, payload: Uint8Array): void {
    try {
      if (topic === topics.gatewayPresence) this.#takeGatewayPresence(payload);
      else if (topic === topics.down(this.#options.terminal)) this.#takeDown(readDown(payload));
    } catch (error) {
      if (!(error instanceof SwipewireError)) throw error;
      const count = (this.#dropped.get(error.code) ?? 0) + 1;
      this.#dropped.set(error.code, count);
      this.#options.logger.warn({ code: error.code, dropped: count }, error.message);
    }
  }

  #takeGatewayPresence(payload: Uint8Array): void {
    const online = readGatewayPresence(payload).state === "online";
    if (online === this.#gatewayOnline) return;
    this.#gatewayOnline = online;
    this.#listener?.reachChanged();
    if (online) this.#sender.repeatAll();
  }

  /** Before anything is dropped as late: with a clock that is far off, everything is. */
  #compareClocks(message: DownMessage): void {
    const { clock, logger } = this.#options;
    const question = answered(message);
    const asked = question === undefined ? undefined : this.#sender.waiting(question);
    if (!asked) return;
    const sent = Date.parse(asked.at);
    const now = clock.now();
    if (now - sent > PROMPT) return;
    const before = this.#clockOffset ?? 0;
    const offset = Math.round(Date.parse(message.at) - (sent + now) / 2);
    this.#clockOffset = offset;
    if (Math.abs(offset) <= CLOCK_SKEW || Math.abs(before) > CLOCK_SKEW) return;
    const { code, message: text } = new UplinkClockOff({ detail: clockOffsetText(offset) });
    logger.warn({ code, clockOffset: offset }, text);
  }

  #takeDown(message: DownMessage): void {
    this.#compareClocks(message);

    if (!(Date.parse(message.until) + CLOCK_SKEW >= this.#options.clock.now())) {
      throw new UplinkMessageExpired({ detail: message.type });
    }
    switch (message.type) {
      case "ack":
        this.#sender.acknowledge(message.body.of);
        return;
      case "order.found":
      case "keys.found":
      case "certificate.found":
        this.#sender.answer(message.body.re, message);
        break;
      case "refused":
        this.#sender.refuse(message.body.re, message.body.code);
        break;
      case "payment.state":
        this.#listener?.paymentState(message.body, Date.parse(message.at));
        this.#sender.heardOf(message.body.payment, message);
        break;
      case "payment.result":
        this.#listener?.paymentResult(message.body);
        this.#sender.heardOf(message.body.payment, message);
        break;
    }
    // Sent for repeats too, and for what concerns nobody here: otherwise the gateway would go on repeating.
    this.#publish(this.#message("ack", { of: message.id }));
  }
}

/** The question that a message answers. */
function answered({ type, body }: DownMessage): string | undefined {
  switch (type) {
    case "ack":
      return body.of;
    case "order.found":
    case "keys.found":
    case "refused":
      return body.re;
    default:
      return undefined;
  }
}
