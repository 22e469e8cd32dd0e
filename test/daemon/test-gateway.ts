import { reader } from "@swipewire/protocol/messages/parse";
import type { TerminalPresence } from "@swipewire/protocol/messages/presence";
import {
  type DownMessage,
  type LinkBody,
  MAX_LINK_MESSAGE,
  type OrderView,
  UpMessage,
} from "@swipewire/protocol/messages/terminal-link";
import { topics } from "@swipewire/protocol/messages/topics";
import { randomUuid, systemRandom } from "@swipewire/protocol/random";
import { connect, type MqttClient } from "mqtt";

const readUp = reader(UpMessage, MAX_LINK_MESSAGE);

/** The gateway's end of the link, as a test wants it: it hears everything and answers only what it is told to. */
export class TestGateway {
  readonly heard: UpMessage[] = [];
  readonly presence: TerminalPresence[] = [];
  readonly #client: MqttClient;
  readonly #terminal: string;
  readonly #order: OrderView;
  readonly #waiting: { matches: (message: UpMessage) => boolean; done: (message: UpMessage) => void }[] = [];
  readonly #waitingForPresence: { state: string; done: () => void }[] = [];
  /** Types of messages that are acknowledged as soon as they come; searches are answered with the order. */
  readonly acknowledges = new Set<UpMessage["type"]>(["order.find", "swipe.submit", "payment.cancel"]);

  constructor(options: { url: string; password: string; terminal: string; order: OrderView }) {
    this.#terminal = options.terminal;
    this.#order = options.order;
    this.#client = connect(options.url, {
      username: "gateway",
      password: options.password,
      protocolVersion: 4,
      reconnectPeriod: 50,
    });
    this.#client.on("error", () => {});
    this.#client.on("connect", () => {
      this.#client.subscribe([topics.everyUp, topics.everyPresence], { qos: 1 }, () => {
        this.announce("online");
      });
    });
    this.#client.on("message", (topic, payload) => {
      if (topic === topics.presence(this.#terminal)) this.#takePresence(JSON.parse(String(payload)));
      else this.#take(readUp(payload));
    });
  }

  /** The next message of a type that matches. */
  next<T extends UpMessage["type"]>(type: T, matches: (message: UpMessage) => boolean = () => true) {
    return new Promise<Extract<UpMessage, { type: T }>>((resolve) => {
      this.#waiting.push({
        matches: (message) => message.type === type && matches(message),
        done: (message) => resolve(message as Extract<UpMessage, { type: T }>),
      });
    });
  }

  nextPresence(state: "online" | "offline"): Promise<void> {
    return new Promise((done) => this.#waitingForPresence.push({ state, done }));
  }

  /** @returns the message's id */
  send<T extends DownMessage["type"]>(type: T, body: LinkBody<T>, id = randomUuid(systemRandom)): string {
    const at = new Date();
    const until = new Date(at.getTime() + 60_000);
    this.sendRaw(JSON.stringify({ v: 1, id, type, at: at.toISOString(), until: until.toISOString(), body }));
    return id;
  }

  sendRaw(payload: string): void {
    this.#client.publish(topics.down(this.#terminal), payload, { qos: 1 });
  }

  announce(state: "online" | "offline"): void {
    const presence = { v: 1, state, at: new Date().toISOString() };
    this.#client.publish(topics.gatewayPresence, JSON.stringify(presence), { qos: 1, retain: true });
  }

  async close(): Promise<void> {
    await this.#client.endAsync(true);
  }

  #takePresence(presence: TerminalPresence): void {
    this.presence.push(presence);
    for (const each of this.#waitingForPresence) if (each.state === presence.state) each.done();
  }

  #take(message: UpMessage): void {
    this.heard.push(message);
    if (this.acknowledges.has(message.type)) {
      this.send("ack", { of: message.id });
      if (message.type === "order.find") this.send("order.found", { re: message.id, order: this.#order });
    }
    for (const each of [...this.#waiting]) {
      if (!each.matches(message)) continue;
      this.#waiting.splice(this.#waiting.indexOf(each), 1);
      each.done(message);
    }
  }
}
