import { CutOff } from "@swipewire/gateway/broker/cut-off";
import { Seconds } from "@swipewire/protocol/time";
import { connectAsync } from "mqtt";
import { pino } from "pino";
import t, { type Test } from "tap";
import { startBroker } from "../daemon/test-broker.ts";
import { SimulatedClock } from "../simulated-clock.ts";

const PASSWORD = "of-this-test-only";
const TERMINAL = "5b1d2c3e-4f5a-4b6c-8d7e-9f0a1b2c3d4e";

async function open(t: Test) {
  const broker = await startBroker(PASSWORD);
  let down = false;
  const kill = async () => {
    if (!down) await broker.kill();
    down = true;
  };
  t.teardown(kill);
  const clock = new SimulatedClock();
  const warned = Promise.withResolvers<Record<string, unknown>>();
  const logger = pino({ level: "warn" }, { write: (line: string) => warned.resolve(JSON.parse(line)) });
  const credentials = { username: "gateway", password: PASSWORD };
  const cutOff = new CutOff({ url: broker.url, credentials, clock, logger });
  t.teardown(() => cutOff.close());
  /** A terminal at the broker, and what resolves when it is thrown out. */
  const enter = async () => {
    const options = { clientId: TERMINAL, username: TERMINAL, password: PASSWORD, reconnectPeriod: 0 };
    const client = await connectAsync(broker.url, { ...options, protocolVersion: 4 });
    t.teardown(() => client.endAsync(true));
    return { client, gone: new Promise<void>((resolve) => client.once("close", () => resolve())) };
  };
  return { clock, warned: warned.promise, cutOff, enter, kill };
}

t.test("a terminal is cut off at once, and again as often as it is back, with a pause", async (t) => {
  const { clock, cutOff, enter } = await open(t);
  const first = await enter();
  cutOff.cut(TERMINAL);
  await first.gone;
  const second = await enter();
  cutOff.cut(TERMINAL);
  cutOff.cut(TERMINAL);
  await clock.advance(Seconds(1));
  t.equal(clock.pending, 1, "once, whoever often it is heard");
  t.ok(second.client.connected);
  await clock.advance(Seconds(1));
  await second.gone;
  t.equal(clock.pending, 0);
});

t.test("a broker that is away is told, and nothing else comes of it", async (t) => {
  const { warned, cutOff, kill, clock } = await open(t);
  await kill();
  cutOff.cut(TERMINAL);
  t.match(await warned, { level: 40, terminal: TERMINAL, msg: "a revoked terminal could not be cut off" });
  cutOff.cut(TERMINAL);
  cutOff.close();
  t.equal(clock.pending, 0);
});
