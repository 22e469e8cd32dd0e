import { startEmbeddedBroker } from "@swipewire/gateway/broker/embedded-broker";
import t from "tap";
import { outliveBroker } from "./broker-death.ts";
import { recordingLogger } from "./stage.ts";

t.test("the embedded broker dies in mid-payment: charged once, and the terminal learns the truth", async (t) => {
  const gateway = { username: "gateway", password: "only-for-this-test" };
  const start = (port: number) =>
    startEmbeddedBroker({
      host: "127.0.0.1",
      port,
      // Whose credentials these are is tested elsewhere; the access list is the real one.
      authenticate: async () => true,
      gateway,
      logger: recordingLogger().logger,
    });
  let broker = await start(0);
  t.teardown(() => broker.close());
  await outliveBroker(t, {
    url: broker.url,
    ...gateway,
    kill: () => broker.close(),
    restart: async () => {
      broker = await start(broker.port);
    },
  });
});
