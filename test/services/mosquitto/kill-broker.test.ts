import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import t from "tap";
import { freePort } from "../../free-port.ts";
import { outliveBroker } from "../../system/broker-death.ts";
import { emptyFolder } from "../../system/stage.ts";
import { ACCESS_LIST, startMosquitto } from "./broker.ts";

t.test("Mosquitto is killed in mid-payment: charged once, and the terminal learns the truth", async (t) => {
  const folder = await emptyFolder(t);
  const port = await freePort();
  const config = join(folder, "mosquitto.conf");
  const accessList = join(folder, "access-list");
  await writeFile(accessList, ACCESS_LIST, { mode: 0o600 });
  await writeFile(config, `listener ${port} 127.0.0.1\nallow_anonymous true\nacl_file ${accessList}\nuser root\n`);
  const start = () => startMosquitto(config);
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
