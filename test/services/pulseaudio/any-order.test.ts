import { askStatus } from "@swipewire/daemon/doctor/ask-status";
import { audioTransport } from "@swipewire/daemon/transports/audio";
import { Seconds, sleep, systemClock } from "@swipewire/protocol/time";
import t, { type Test } from "tap";
import { startTerminal } from "../../daemon/running-terminal.ts";
import { seededRandom } from "../../seeded-random.ts";
import { startSoundServer } from "./sound-server.ts";

/** What a terminal's page may be wrong for, at most. */
const TRUTH = Seconds(2);
/** The longest pause between two tries of anything is 30 s; after a short absence it is far less. */
const BACK = Seconds(45);

function shuffled<Item>(items: readonly Item[], random: ReturnType<typeof seededRandom>): Item[] {
  const left = [...items];
  return items.flatMap(() => left.splice((random.bytes(1)[0] ?? 0) % left.length, 1));
}

async function killAndRestart(t: Test, seed: number): Promise<void> {
  const random = seededRandom(seed);
  const sound = await startSoundServer(t);
  let pull = await sound.plug("head");
  const input = { name: "jack", source: "pulse:head.monitor", channels: 1 } as const;
  const terminal = await startTerminal(t, [audioTransport({ ...input, warn: () => {}, clock: systemClock, random })]);
  const { daemon, broker, gateway, session, stateDir } = terminal;
  const up = { broker: true, gateway: true, sound: true, reader: true };
  type Part = keyof typeof up;
  const parts = Object.keys(up) as Part[];

  /** Does the page say what is so? A reader needs its sound server, and a gateway its broker. */
  const truth = () => ({ reader: up.sound && up.reader, gateway: up.broker && up.gateway });
  const told = () => ({ reader: session.view().reader.connected, gateway: session.view().gateway });
  const until = async (limit: number, when: string) => {
    const wanted = JSON.stringify(truth());
    const late = Date.now() + limit;
    while (JSON.stringify(told()) !== wanted && Date.now() < late) await sleep(systemClock, Seconds(0.02));
    t.strictSame(told(), truth(), when);
  };

  const kill: Record<Part, () => unknown> = {
    broker: () => broker.kill(),
    gateway: () => gateway.announce("offline"),
    sound: () => sound.kill(),
    reader: () => (up.sound ? pull() : undefined),
  };
  const restart: Record<Part, () => unknown> = {
    broker: () => broker.restart(),
    gateway: () => gateway.announce("online"),
    sound: () => sound.restart(),
    reader: () => {},
  };
  const plugIn = async () => {
    if (up.sound && up.reader) pull = await sound.plug("head");
  };

  await until(BACK, "at first");
  const order = shuffled(parts, random);
  for (const part of order) {
    await kill[part]();
    up[part] = false;
    await until(TRUTH, `${part} gone`);
  }
  const back = shuffled(parts, random);
  for (const part of back) {
    await restart[part]();
    up[part] = true;
    if (part === "sound" || part === "reader") await plugIn();
    // What is told to be gone while it is back is no lie for as long as it has not been found again.
    t.ok(!told().reader || truth().reader, `${part} back`);
  }
  await until(BACK, "all back");
  const localApi = { port: Number(new URL(daemon.localApi.url).port), allowedOrigins: [] };
  const status = await askStatus({ stateDir, log: { level: "info" }, localApi, readers: [], profiles: [] });
  t.match(status.uplink, { broker: true, gateway: true });
  t.match(status.readers, [{ connected: true, lastDisconnect: { reason: "unplugged" } }]);
}

for (const seed of [1, 2, 3]) {
  t.test(`broker, gateway, sound server and reader go and come back in the order of seed ${seed}`, (t) =>
    killAndRestart(t, seed),
  );
}
