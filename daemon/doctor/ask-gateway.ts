import { reader } from "@swipewire/protocol/messages/parse";
import { GatewayPresence } from "@swipewire/protocol/messages/presence";
import { DownMessage, MAX_LINK_MESSAGE } from "@swipewire/protocol/messages/terminal-link";
import { topics } from "@swipewire/protocol/messages/topics";
import { type Random, randomUuid } from "@swipewire/protocol/random";
import { type Clock, isoTime, Seconds, sleep } from "@swipewire/protocol/time";
import type { MqttClient } from "mqtt";

const PATIENCE = Seconds(5);
const LIFETIME = Seconds(15);
const readDown = reader(DownMessage, MAX_LINK_MESSAGE);
const readPresence = reader(GatewayPresence, 512);

/** What the gateway behind a broker did when it was asked. */
export type GatewayReply =
  /** It answered. `clockOffset`: how far its clock is ahead of this machine's, in milliseconds. */
  | { readonly kind: "answered"; readonly clockOffset: number }
  /** It said goodbye, or its connection was cut. */
  | { readonly kind: "offline" }
  | { readonly kind: "silent" };

export interface GatewayQuestion {
  /** Connected as this terminal. */
  readonly client: MqttClient;
  readonly terminal: string;
  readonly clock: Clock;
  readonly random: Random;
}

/** Asks for the gateway's sealing keys, to see that it answers and what its clock says. The keys are not taken. */
export async function askGateway({ client, terminal, clock, random }: GatewayQuestion): Promise<GatewayReply> {
  const message = (type: "keys.find" | "ack", body: object) => {
    const at = clock.now();
    return { v: 1, id: randomUuid(random), type, at: isoTime(at), until: isoTime(at + LIFETIME), body };
  };
  const reply = Promise.withResolvers<GatewayReply>();
  // A PUBACK that does not come is no reason to wait for ever.
  const publish = (sent: object, done = () => {}) =>
    client.publish(topics.up(terminal), JSON.stringify(sent), { qos: 1 }, done);

  const question = message("keys.find", {});
  client.on("message", (topic, payload) => {
    try {
      if (topic === topics.gatewayPresence) {
        if (readPresence(payload).state === "offline") reply.resolve({ kind: "offline" });
        return;
      }
      const down = readDown(payload);
      if (!("re" in down.body) || down.body.re !== question.id) return;
      const clockOffset = Math.round(Date.parse(down.at) - (Date.parse(question.at) + clock.now()) / 2);
      // Until it is told so, the gateway repeats its answer.
      publish(message("ack", { of: down.id }), () => reply.resolve({ kind: "answered", clockOffset }));
    } catch {
      // What cannot be read is no answer.
    }
  });
  const patience = new AbortController();
  const silence = sleep(clock, PATIENCE, patience.signal).then(
    () => ({ kind: "silent" }) as const,
    () => ({ kind: "silent" }) as const,
  );
  client.subscribe([topics.gatewayPresence, topics.down(terminal)], { qos: 1 }, () => {
    question.at = isoTime(clock.now());
    publish(question);
  });
  return Promise.race([reply.promise, silence]).finally(() => patience.abort());
}
