const ROOT = "swipewire/1";

/** Topics of the terminal link. A terminal may publish to `up` and `presence` of its own id and read `down` of it. */
export const topics = {
  /** From the terminal. */
  up: (terminal: string) => `${ROOT}/terminals/${terminal}/up`,
  /** To the terminal. */
  down: (terminal: string) => `${ROOT}/terminals/${terminal}/down`,
  /** Retained, with a last will. */
  presence: (terminal: string) => `${ROOT}/terminals/${terminal}/presence`,
  /** Retained, with a last will; every terminal may read it. */
  gatewayPresence: `${ROOT}/gateway/presence`,
  /** What the gateway subscribes to, as `everyPresence`. */
  everyUp: `${ROOT}/terminals/+/up`,
  everyPresence: `${ROOT}/terminals/+/presence`,
} as const;

const TERMINAL_TOPIC = /^swipewire\/1\/terminals\/([^/+#]+)\/(up|down|presence)$/;

/** The terminal and channel a topic names, or undefined where it names none. */
export function parseTerminalTopic(
  topic: string,
): { terminal: string; channel: "up" | "down" | "presence" } | undefined {
  const match = TERMINAL_TOPIC.exec(topic);
  if (!match?.[1] || !match[2]) return undefined;
  return { terminal: match[1], channel: match[2] as "up" | "down" | "presence" };
}
