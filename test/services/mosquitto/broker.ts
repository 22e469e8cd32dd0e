import { type ChildProcess, spawn } from "node:child_process";

/** What an operator gives Mosquitto: each terminal its own topics, by its user name. */
export const ACCESS_LIST = `user gateway
topic readwrite swipewire/#
pattern write swipewire/1/terminals/%u/up
pattern write swipewire/1/terminals/%u/presence
pattern read swipewire/1/terminals/%u/down
pattern read swipewire/1/gateway/presence
`;

/** Starts it, and waits until it says that it runs. */
export async function startMosquitto(config: string): Promise<ChildProcess> {
  const mosquitto = spawn("mosquitto", ["-c", config], {
    stdio: ["ignore", "ignore", "pipe"],
    env: { ...process.env, PATH: `${process.env["PATH"]}:/usr/sbin` },
  });
  for await (const line of mosquitto.stderr.setEncoding("utf8").iterator({ destroyOnReturn: false })) {
    if (line.includes(" running")) break;
  }
  mosquitto.stderr.resume();
  // Also where the test itself is killed.
  process.once("exit", () => mosquitto.kill("SIGKILL"));
  return mosquitto;
}
