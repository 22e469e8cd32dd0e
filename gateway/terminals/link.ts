import { MessageInvalid } from "@swipewire/protocol/errors";
import { SwipewireError } from "@swipewire/protocol/failure";
import { Uuid } from "@swipewire/protocol/messages/fields";
import { reader } from "@swipewire/protocol/messages/parse";
import { type GatewayPresence, TerminalPresence } from "@swipewire/protocol/messages/presence";
import {
  type DownMessage,
  type LinkBody,
  MAX_LINK_MESSAGE,
  UpMessage,
} from "@swipewire/protocol/messages/terminal-link";
import { parseTerminalTopic, topics } from "@swipewire/protocol/messages/topics";
import { type Random, randomUuid } from "@swipewire/protocol/random";
import { type Clock, type Duration, Hours, isoTime, Minutes, Seconds, sleep } from "@swipewire/protocol/time";
import mqtt, { type MqttClient } from "mqtt";
import type { Logger } from "pino";
import Type from "typebox";
import type { MqttCredentials } from "../broker/embedded-broker.ts";
import type { TerminalCertificates } from "../certificates/terminal-certificates.ts";
import { CertificatesNotSigned, LinkFault, LinkMessageExpired, LinkTopicUnknown, TerminalRevoked } from "../errors.ts";
import type { Orders } from "../orders/orders.ts";
import type { PaymentNotice, Payments, Reception } from "../payments/payments.ts";
import { whereabouts } from "../whereabouts.ts";
import type { KeyQuestions } from "./key-questions.ts";
import type { Terminals } from "./terminals.ts";
import { UnacknowledgedMessages } from "./unacknowledged.ts";

/** By how much a terminal's clock may be slow. */
const CLOCK_SKEW = Seconds(30);
/** How long the broker has to take the goodbye. */
const FAREWELL = Seconds(1);
const ANSWER_LIFETIME = Minutes(1);
const STATE_LIFETIME = Minutes(2);
/** A terminal that comes back after longer asks. */
const RESULT_LIFETIME = Hours(24);
/** Answers that are kept for the case that the question is repeated. */
const KEPT_ANSWERS = 1_000;

const readUp = reader(UpMessage, MAX_LINK_MESSAGE);
const readPresence = reader(TerminalPresence, MAX_LINK_MESSAGE);
/** What can still be made out of a message that breaks its schema. */
const readId = reader(Type.Object({ id: Uuid }), MAX_LINK_MESSAGE);
const readPayment = reader(Type.Object({ body: Type.Object({ payment: Uuid }) }), MAX_LINK_MESSAGE);

type DownContent = {
  [T in DownMessage["type"]]: { readonly type: T; readonly body: LinkBody<T> };
}[DownMessage["type"]];
type AnsweredOnce = Extract<UpMessage, { type: "order.find" | "certificate.find" }>;
type PaymentMessage = Extract<UpMessage, { type: "swipe.submit" | "payment.query" | "payment.cancel" }>;

export interface TerminalLinkOptions {
  /** Of the broker, `mqtt://` or `mqtts://`. */
  readonly url: string;
  readonly credentials: MqttCredentials;
  readonly terminals: Pick<Terminals, "signingKey">;
  /** A revoked terminal is still there. */
  readonly revokedHeard?: (terminal: string) => void;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** Who acts on what terminals send. */
export interface TerminalServices {
  readonly orders: Pick<Orders, "findByCode">;
  readonly payments: Pick<Payments, "submit" | "query" | "cancel" | "refuse">;
  readonly keys: Pick<KeyQuestions, "answer">;
  /** Where the gateway signs certificates. */
  readonly certificates?: Pick<TerminalCertificates, "answer"> | undefined;
}

/**
 * The gateway's end of the terminal link, an ordinary client of whatever broker there is. A PUBACK proves nothing, so
 * each message that was acted on is acknowledged by a message, and each message to a terminal is repeated until the
 * terminal did the same.
 */
export class TerminalLink {
  readonly #options: TerminalLinkOptions;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #owed: UnacknowledgedMessages;
  readonly #failures = new Map<string, number>();
  readonly #presence = new Map<string, TerminalPresence>();
  /** Messages being acted on, by terminal and id: a repeat that comes meanwhile is left to the first. */
  readonly #underWay = new Map<string, Promise<void>>();
  /**
   * Answers by terminal and id of the question: a repeat must not count as another guess at a code, nor make another
   * certificate.
   */
  readonly #answers = new Map<string, DownMessage>();
  #client: MqttClient | undefined;

  constructor(options: TerminalLinkOptions) {
    this.#options = options;
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#owed = new UnacknowledgedMessages(options.clock, (terminal, message) => this.#publish(terminal, message));
  }

  /** How many messages were refused or dropped, by the failure's code. */
  get failures(): ReadonlyMap<string, number> {
    return this.#failures;
  }

  /** What each terminal last said of itself. */
  get presence(): ReadonlyMap<string, TerminalPresence> {
    return this.#presence;
  }

  /** Connects, and keeps connecting again. Resolves when terminals are listened to for the first time. */
  start(services: TerminalServices): Promise<void> {
    const { url, credentials } = this.#options;
    const listening = Promise.withResolvers<void>();
    const client = mqtt.connect(url, {
      clientId: credentials.username,
      ...credentials,
      protocolVersion: 4,
      clean: true,
      resubscribe: false,
      reconnectOnConnackError: true,
      keepalive: 30,
      will: { topic: topics.gatewayPresence, payload: this.#ownPresence("offline"), qos: 1, retain: true },
    });
    this.#client = client;
    client.on("message", (topic, payload) => this.#receive(services, topic, payload));
    client.on("error", () => this.#count(new LinkFault({ detail: "broker connection" })));
    client.on("connect", () => {
      client.subscribe({ [topics.everyUp]: { qos: 1 }, [topics.everyPresence]: { qos: 1 } }, (failure) => {
        if (failure) {
          this.#count(new LinkFault({ detail: "subscription" }));
          // Connected and deaf is worse than away: the next connection asks again.
          client.stream.destroy();
          return;
        }
        client.publish(topics.gatewayPresence, this.#ownPresence("online"), { qos: 1, retain: true });
        this.#owed.sendAgain();
        listening.resolve();
      });
    });
    return listening.promise;
  }

  /** Tells a terminal where its payment stands, until it has acknowledged it. May be called before {@link start}. */
  tell(terminal: string, notice: PaymentNotice): void {
    this.#send(terminal, notice, notice.type === "payment.result" ? RESULT_LIFETIME : STATE_LIFETIME);
  }

  /** Says goodbye and leaves. What is owed to terminals is forgotten; they ask. */
  async close(): Promise<void> {
    const client = this.#client;
    client?.removeAllListeners("message");
    await Promise.allSettled(this.#underWay.values());
    this.#owed.close();
    // Without a PUBACK the client would wait for one; cut off, it leaves its last will, which says the same.
    if (client) await client.endAsync(!(client.connected && (await this.#sayGoodbye(client))));
  }

  /** Whether the broker took it. What was sent before is acknowledged by then too (MQTT 3.1.1 4.6). */
  async #sayGoodbye(client: MqttClient): Promise<boolean> {
    const patience = new AbortController();
    const said = await Promise.race([
      client.publishAsync(topics.gatewayPresence, this.#ownPresence("offline"), { qos: 1, retain: true }).then(
        () => true,
        () => false,
      ),
      sleep(this.#clock, FAREWELL, patience.signal).then(
        () => false,
        () => false,
      ),
    ]);
    patience.abort();
    return said;
  }

  #receive(services: TerminalServices, topic: string, payload: Uint8Array): void {
    const named = parseTerminalTopic(topic);
    if (!named || named.channel === "down") {
      this.#count(new LinkTopicUnknown());
      return;
    }
    const { terminal } = named;
    const acted =
      named.channel === "up" ? this.#readUp(services, terminal, payload) : this.#readPresence(terminal, payload);
    void acted.catch((failure) => this.#count(failure));
  }

  async #readPresence(terminal: string, payload: Uint8Array): Promise<void> {
    await this.#known(terminal);
    const presence = readPresence(payload);
    this.#presence.set(terminal, presence);
    if (presence.state === "online") this.#owed.sendAgain(terminal);
  }

  async #known(terminal: string): Promise<void> {
    try {
      await this.#options.terminals.signingKey(terminal);
    } catch (failure) {
      if (failure instanceof TerminalRevoked) this.#options.revokedHeard?.(terminal);
      throw failure;
    }
  }

  async #readUp(services: TerminalServices, terminal: string, payload: Uint8Array): Promise<void> {
    await this.#known(terminal);
    let message: UpMessage;
    try {
      message = readUp(payload);
    } catch (failure) {
      this.#count(failure, terminal);
      if (failure instanceof MessageInvalid) await this.#refuseUnread(services, terminal, payload, failure.code);
      return;
    }
    if (message.type === "ack") {
      this.#owed.acknowledge(terminal, message.body.of);
      return;
    }
    const key = `${terminal}/${message.id}`;
    if (this.#underWay.has(key)) return;
    const acted = this.#act(services, terminal, message).finally(() => this.#underWay.delete(key));
    this.#underWay.set(key, acted);
    await acted;
  }

  async #act(
    services: TerminalServices,
    terminal: string,
    message: Exclude<UpMessage, { type: "ack" }>,
  ): Promise<void> {
    const expired = Date.parse(message.until) + CLOCK_SKEW < this.#clock.now();
    if (expired) this.#count(new LinkMessageExpired(), terminal);
    if (message.type === "order.find" || message.type === "keys.find" || message.type === "certificate.find") {
      if (expired) this.#refuse(terminal, message.id, LinkMessageExpired.code);
      else if (message.type === "keys.find") await this.#findKeys(services, terminal, message);
      else await this.#answerOnce(services, terminal, message);
      return;
    }
    // A payment that is known is told as it stands, however late its message comes.
    const reception = expired
      ? await services.payments.refuse(terminal, message.body.payment, LinkMessageExpired.code)
      : await actOnPayment(services, terminal, message);
    this.#answer(terminal, message.id, reception);
  }

  async #answerOnce(services: TerminalServices, terminal: string, message: AnsweredOnce): Promise<void> {
    const { id } = message;
    const key = `${terminal}/${id}`;
    const answer = this.#answers.get(key) ?? (await this.#search(services, terminal, message));
    this.#answers.set(key, answer);
    for (const oldest of this.#answers.keys()) {
      if (this.#answers.size <= KEPT_ANSWERS) break;
      this.#answers.delete(oldest);
    }
    this.#owed.add(terminal, answer);
    if (answer.type !== "refused") this.#acknowledge(terminal, id);
  }

  async #search(services: TerminalServices, terminal: string, message: AnsweredOnce): Promise<DownMessage> {
    const { id } = message;
    try {
      return this.#message(await this.#found(services, terminal, message), ANSWER_LIFETIME);
    } catch (failure) {
      if (!(failure instanceof SwipewireError)) throw failure;
      // Not a fault: terminals ask whether there are any.
      if (!(failure instanceof CertificatesNotSigned)) this.#count(failure, terminal);
      return this.#message({ type: "refused", body: { re: id, code: failure.code } }, ANSWER_LIFETIME);
    }
  }

  async #found(
    { orders, certificates }: TerminalServices,
    terminal: string,
    { type, id, body }: AnsweredOnce,
  ): Promise<DownContent> {
    if (type === "order.find") {
      return { type: "order.found", body: { re: id, order: await orders.findByCode(terminal, body.code) } };
    }
    if (!certificates) throw new CertificatesNotSigned();
    const signingKey = await this.#options.terminals.signingKey(terminal);
    return { type: "certificate.found", body: await certificates.answer(terminal, id, body, signingKey) };
  }

  async #findKeys(
    { keys }: TerminalServices,
    terminal: string,
    { id, body }: Extract<UpMessage, { type: "keys.find" }>,
  ): Promise<void> {
    try {
      this.#send(terminal, { type: "keys.found", body: await keys.answer(terminal, id, body) }, ANSWER_LIFETIME);
    } catch (failure) {
      if (!(failure instanceof SwipewireError)) throw failure;
      this.#count(failure, terminal);
      this.#refuse(terminal, id, failure.code);
    }
  }

  /** A message that breaks its schema is refused where it can be told which it is; so is the payment that it names. */
  async #refuseUnread(
    { payments }: TerminalServices,
    terminal: string,
    payload: Uint8Array,
    code: string,
  ): Promise<void> {
    const id = unlessUnreadable(() => readId(payload).id);
    if (id === undefined) return;
    const payment = unlessUnreadable(() => readPayment(payload).body.payment);
    if (payment === undefined) this.#refuse(terminal, id, code);
    else this.#answer(terminal, id, await payments.refuse(terminal, payment, code));
  }

  #answer(terminal: string, id: string, { refused }: Reception): void {
    if (refused === undefined) this.#acknowledge(terminal, id);
    else this.#refuse(terminal, id, refused);
  }

  #refuse(terminal: string, id: string, code: string): void {
    this.#send(terminal, { type: "refused", body: { re: id, code } }, ANSWER_LIFETIME);
  }

  /** Is itself not acknowledged: where it is lost, the terminal repeats what it is for. */
  #acknowledge(terminal: string, id: string): void {
    this.#publish(terminal, this.#message({ type: "ack", body: { of: id } }, ANSWER_LIFETIME));
  }

  #send(terminal: string, content: DownContent, lifetime: Duration): void {
    this.#owed.add(terminal, this.#message(content, lifetime));
  }

  #message(content: DownContent, lifetime: Duration): DownMessage {
    const now = this.#clock.now();
    return { v: 1, id: randomUuid(this.#options.random), at: isoTime(now), until: isoTime(now + lifetime), ...content };
  }

  #publish(terminal: string, message: DownMessage): void {
    // Without a connection the client would queue it, and every repeat behind it.
    if (this.#client?.connected) this.#client.publish(topics.down(terminal), JSON.stringify(message), { qos: 1 });
  }

  #ownPresence(state: GatewayPresence["state"]): string {
    return JSON.stringify({ v: 1, state, at: isoTime(this.#clock.now()) } satisfies GatewayPresence);
  }

  /** @param terminal only where it is known to be one of ours */
  #count(failure: unknown, terminal?: string): void {
    const { code, message } = failure instanceof SwipewireError ? failure : new LinkFault({ cause: failure });
    this.#failures.set(code, (this.#failures.get(code) ?? 0) + 1);
    this.#logger.warn({ code, terminal, ...whereabouts(failure) }, message);
  }
}

function actOnPayment({ payments }: TerminalServices, terminal: string, message: PaymentMessage): Promise<Reception> {
  switch (message.type) {
    case "swipe.submit":
      return payments.submit(terminal, message.body);
    case "payment.query":
      return payments.query(terminal, message.body.payment);
    case "payment.cancel":
      return payments.cancel(terminal, message.body.payment);
  }
}

function unlessUnreadable<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
