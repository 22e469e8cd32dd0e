import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DaemonConfig } from "@swipewire/daemon/config/config-schema";
import { askStatus } from "@swipewire/daemon/doctor/ask-status";
import { statusText } from "@swipewire/daemon/doctor/status-text";
import { InProcessTransport } from "@swipewire/daemon/transports/in-process";
import t, { type Test } from "tap";
import { startTerminal } from "../running-terminal.ts";
import { asciiFrame, bytesOf, TRACK_2 } from "../test-swipes.ts";

const configFor = (stateDir: string, port: number): DaemonConfig => ({
  stateDir,
  log: { level: "info" },
  localApi: { port, allowedOrigins: [] },
  readers: [],
  profiles: [],
});

/** A server that is no daemon. */
async function stranger(t: Test, status: number, body: string): Promise<number> {
  const server = createServer((_request, reply) => void reply.writeHead(status).end(body)).listen(0, "127.0.0.1");
  t.teardown(() => server.close());
  await new Promise((resolve) => server.once("listening", resolve));
  return (server.address() as AddressInfo).port;
}

function folder(t: Test): string {
  const path = mkdtempSync(join(tmpdir(), "swipewire-status-"));
  t.teardown(() => rmSync(path, { recursive: true }));
  return path;
}

t.test("says how a running terminal stands, and why a reader went", async (t) => {
  const counter = new InProcessTransport({ family: "ascii", name: "counter reader" });
  const spare = new InProcessTransport({ family: "idtech", name: "spare reader" });
  const { daemon, terminal, broker, stateDir, until } = await startTerminal(t, [counter, spare]);
  await until(({ gateway }) => gateway);
  const config = configFor(stateDir, Number(new URL(daemon.localApi.url).port));
  counter.connect();
  spare.connect();
  spare.disconnect("failed");
  counter.deliver(bytesOf(TRACK_2.slice(1)));
  counter.deliver(asciiFrame());

  const status = await askStatus(config);
  t.match(status, {
    terminal,
    step: "idle",
    uplink: { broker: true, gateway: true },
    readers: [
      { name: "counter reader", connected: true, since: /Z$/ },
      { name: "spare reader", connected: false, lastDisconnect: { reason: "failed", at: /Z$/ } },
    ],
    dropped: { frames: { reader_frame_start: 1 }, messages: {} },
  });
  t.match(
    statusText(status),
    new RegExp(
      [
        `terminal {2}${terminal}, version .*`,
        "session {3}idle",
        "broker {4}connected",
        "gateway {3}within reach",
        "readers",
        " {2}counter reader \\(ascii\\)",
        " {4}connected since .*",
        " {2}spare reader \\(idtech\\)",
        " {4}not connected",
        " {4}last went at .*: failed",
        "dropped",
        " {2}reader_frame_start: 1",
      ].join("\\n"),
    ),
  );

  await broker.kill();
  await until(({ gateway }) => !gateway);
  t.match(await askStatus(config), { uplink: { broker: false, gateway: false, problem: "uplink_broker_unreachable" } });

  await t.rejects(askStatus({ ...config, stateDir: folder(t) }), {
    code: "local_api_refused",
    message: /local_token_wrong/,
  });
});

t.test("says why a terminal cannot be asked", async (t) => {
  await t.rejects(askStatus(configFor(folder(t), 0)), { code: "local_api_out_of_reach" });
  await t.rejects(askStatus(configFor(folder(t), await stranger(t, 200, "hello"))), { code: "local_api_refused" });
  await t.rejects(askStatus(configFor(folder(t), await stranger(t, 502, "Bad gateway"))), {
    code: "local_api_refused",
  });
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  await t.rejects(askStatus(configFor(folder(t), port)), { code: "daemon_not_running" });
});
