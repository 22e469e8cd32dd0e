import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import t from "tap";
import { outliveBroker } from "../../system/broker-death.ts";
import { emptyFolder } from "../../system/stage.ts";

/** What an operator gives Mosquitto: each terminal its own topics, by its user name. */
const ACCESS_LIST = `user gateway
topic readwrite swipewire/#
pattern write swipewire/1/terminals/%u/up
pattern write swipewire/1/terminals/%u/presence
pattern read swipewire/1/terminals/%u/down
pattern read swipewire/1/gateway/presence
`;

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

t.test("Mosquitto is killed in mid-payment: charged once, and the terminal learns the truth", async (t) => {
  const folder = await emptyFolder(t);
  const port = await freePort();
  const config = join(folder, "mosquitto.conf");
  const accessList = join(folder, "access-list");
  await writeFile(accessList, ACCESS_LIST, { mode: 0o600 });
  await writeFile(config, `listener ${port} 127.0.0.1\nallow_anonymous true\nacl_file ${accessList}\nuser root\n`);
  const start = async () => {
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
  };
  let broker = await start();
  const kill = async () => {
    const gone = once(broker, "exit");
    broker.kill("SIGKILL");
    await gone;
  };
  t.teardown(kill);
  await outliveBroker(t, {
    url: `mqtt://127.0.0.1:${port}`,
    username: "gateway",
    password: "only-for-this-test",
    kill,
    restart: async () => {
      broker = await start();
    },
  });
});
