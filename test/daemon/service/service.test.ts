import { EventEmitter } from "node:events";
import type { DaemonConfig } from "@swipewire/daemon/config/config-schema";
import type { Daemon } from "@swipewire/daemon/daemon";
import { ConfigInvalid, LocalApiNotListening } from "@swipewire/daemon/errors";
import { type Notice, SdNotify } from "@swipewire/daemon/service/sd-notify";
import { Service } from "@swipewire/daemon/service/service";
import type { SessionStep, SessionView } from "@swipewire/protocol/messages/local-session";
import { Seconds } from "@swipewire/protocol/time";
import t from "tap";
import { SimulatedClock, settle } from "../../simulated-clock.ts";
import { capturedLog } from "../captured-log.ts";

const configAt = (port: number): DaemonConfig => ({
  stateDir: "/nowhere",
  log: { level: "info" },
  localApi: { port, allowedOrigins: [] },
  readers: [],
  profiles: [],
});

/** A service whose daemons are known by their port; port 13 cannot be listened at. */
async function begin(env: Record<string, string> = { NOTIFY_SOCKET: "/run/systemd/notify" }) {
  const told: Notice[] = [];
  const running: number[] = [];
  const listeners = new Set<(view: SessionView) => void>();
  let step: SessionStep = "idle";
  let config: DaemonConfig | ConfigInvalid = configAt(1);
  let deaf = false;
  const view = (): SessionView => ({ step, reader: { connected: false }, gateway: true });
  const startOne = async ({ localApi: { port } }: DaemonConfig): Promise<Daemon> => {
    if (port === 13) throw new LocalApiNotListening();
    running.push(port);
    const session = {
      view,
      onChange: (listener: (view: SessionView) => void) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    };
    const close = async () => void running.splice(running.indexOf(port), 1);
    return { session, close } as unknown as Daemon;
  };
  const clock = new SimulatedClock();
  const log = capturedLog();
  const signals = new EventEmitter();
  const sdNotify = new SdNotify({
    env,
    clock,
    logger: log.logger,
    send: async (notices) => {
      if (deaf) throw new Error("ENOENT");
      told.push(...notices);
    },
  });
  const ended = Service.run({
    load: () => {
      if (config instanceof Error) throw config;
      return config;
    },
    begin: startOne,
    sdNotify,
    signals,
    logger: log.logger,
  });
  await settle();
  const codes = () => log.lines().flatMap(({ code }) => (typeof code === "string" ? [code] : []));
  return {
    told,
    running,
    clock,
    codes,
    ended,
    async signal(name: "SIGHUP" | "SIGTERM") {
      signals.emit(name, name);
      await settle();
    },
    async moveTo(next: SessionStep) {
      step = next;
      for (const listener of listeners) listener(view());
      await settle();
    },
    configure: (next: DaemonConfig | ConfigInvalid) => {
      config = next;
    },
    deafen: () => {
      deaf = true;
    },
  };
}

t.test("says that it is ready, that it lives, and that it stops", async (t) => {
  const { told, running, clock, signal, ended } = await begin({
    NOTIFY_SOCKET: "/run/systemd/notify",
    WATCHDOG_USEC: "60000000",
    WATCHDOG_PID: `${process.pid}`,
  });
  t.strictSame(told.splice(0), ["WATCHDOG=1", "READY=1"]);
  await clock.advance(Seconds(90));
  t.strictSame(told.splice(0), ["WATCHDOG=1", "WATCHDOG=1", "WATCHDOG=1"]);
  await signal("SIGTERM");
  await ended;
  t.strictSame(told, ["STOPPING=1"]);
  t.strictSame(running, []);
  t.equal(clock.pending, 0);
});

t.test("tells nobody where no service manager started it, and watches for its own process only", async (t) => {
  const alone = await begin({});
  t.strictSame(alone.told, []);
  await alone.signal("SIGTERM");
  await alone.ended;
  const child = await begin({ NOTIFY_SOCKET: "/run/x", WATCHDOG_USEC: "1000000", WATCHDOG_PID: "1" });
  await child.clock.advance(Seconds(10));
  t.strictSame(child.told, ["READY=1"]);
});

t.test("a service manager that cannot be told is complained of once, and the daemon runs", async (t) => {
  const { deafen, clock, codes, running } = await begin({ NOTIFY_SOCKET: "/run/x", WATCHDOG_USEC: "2000000" });
  deafen();
  await clock.advance(Seconds(20));
  t.strictSame(codes(), ["service_manager_deaf"]);
  t.strictSame(running, [1]);
});

t.test("takes a new config when nobody is at the terminal", async (t) => {
  const { told, running, signal, moveTo, configure } = await begin();
  configure(configAt(2));
  await moveTo("paying");
  await signal("SIGHUP");
  t.strictSame(running, [1], "a payer is there");
  configure(configAt(3));
  await signal("SIGHUP");
  await moveTo("result");
  t.strictSame(running, [1]);
  told.length = 0;
  await moveTo("idle");
  t.strictSame(running, [3], "the newest");
  t.strictSame(told, ["RELOADING=1", "READY=1"]);
  configure(configAt(4));
  await signal("SIGHUP");
  t.strictSame(running, [4]);
});

t.test("goes on with the old config where the new one is wrong or cannot be started", async (t) => {
  const { running, signal, configure, codes, ended } = await begin();
  configure(new ConfigInvalid({ problems: ["log.level: …"] }));
  await signal("SIGHUP");
  t.strictSame(running, [1]);
  configure(configAt(13));
  await signal("SIGHUP");
  t.strictSame(running, [1]);
  t.strictSame(codes(), ["config_invalid", "local_api_not_listening"]);
  await signal("SIGTERM");
  await ended;
  t.strictSame(running, []);
});

t.test("stops while a new config waits for a payer to go", async (t) => {
  const { running, signal, configure, moveTo, ended } = await begin();
  await moveTo("paying");
  configure(configAt(2));
  await signal("SIGHUP");
  await signal("SIGTERM");
  await ended;
  t.strictSame(running, []);
});
