import { parseTerminalTopic, topics } from "@swipewire/protocol/messages/topics";

/**
 * Who may use which topic. A terminal publishes to its own `up` and `presence` and reads its own `down` and the gateway's
 * presence, each by its whole name: no wildcards. Only presence may be retained.
 */
export const terminalAccess = {
  mayPublish(terminal: string, topic: string, retain: boolean): boolean {
    const named = parseTerminalTopic(topic);
    if (named?.terminal !== terminal) return false;
    return named.channel === "presence" || (named.channel === "up" && !retain);
  },
  maySubscribe: (terminal: string, topic: string): boolean =>
    topic === topics.down(terminal) || topic === topics.gatewayPresence,
};

const EVERY_DOWN = /^swipewire\/1\/terminals\/[^/+#]+\/down$/;

export const gatewayAccess = {
  mayPublish: (topic: string, retain: boolean): boolean =>
    topic === topics.gatewayPresence || (EVERY_DOWN.test(topic) && !retain),
  maySubscribe: (topic: string): boolean => topic === topics.everyUp || topic === topics.everyPresence,
};
