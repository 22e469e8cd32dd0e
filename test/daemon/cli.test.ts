import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import t, { type Test } from "tap";
import { startBroker } from "./test-broker.ts";
import { TestGateway } from "./test-gateway.ts";
import { enrolInto, order, PASSWORD, TERMINAL } from "./test-identity.ts";

const BIN = join(import.meta.dirname, "../../daemon/bin/swipewire-daemon.js");

function stateFolder(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), "swipewire-cli-"));
  t.teardown(() => rmSync(folder, { recursive: true }));
  return folder;
}

function start(t: Test, args: string[], env: Record<string, string>) {
  const child: ChildProcess = spawn(process.execPath, [BIN, ...args], { env: { PATH: process.env["PATH"], ...env } });
  t.teardown(() => child.kill("SIGKILL"));
  const output = { stdout: "", stderr: "" };
  child.stdout?.on("data", (chunk) => {
    output.stdout += chunk;
  });
  child.stderr?.on("data", (chunk) => {
    output.stderr += chunk;
  });
  const ended = once(child, "close").then(([code]) => ({ code, ...output }));
  return { child, output, ended };
}

t.test("a wrong config is named line by line, without a stack trace, and exits 2", async (t) => {
  const folder = stateFolder(t);
  const file = join(folder, "daemon.json");
  writeFileSync(file, '{"log":{"level":"loud"}}');
  const env = { SWIPEWIRE_DAEMON_LOCAL_API_PORT: "none" };
  const { code, stdout, stderr } = await start(t, ["run", "--config", file], env).ended;
  t.equal(code, 2);
  t.equal(stdout, "");
  t.strictSame(
    stderr.trim().split("\n").sort(),
    [
      `${file}: log.level: got "loud"; allowed: fatal, error, warn, info, debug or silent`,
      'SWIPEWIRE_DAEMON_LOCAL_API_PORT: localApi.port: got "none"; allowed: a port from 0 (any free one) to 65535',
    ].sort(),
  );
});

t.test("a terminal that is not enrolled says so in three lines", async (t) => {
  const { code, stderr } = await start(t, ["run"], { SWIPEWIRE_DAEMON_STATE_DIR: stateFolder(t) }).ended;
  t.equal(code, 1);
  const lines = stderr.trim().split("\n");
  t.equal(lines.length, 3);
  t.match(lines[2], /swipewire-daemon enrol/);
});

t.test("the config's profiles are checked, listed before the built-in ones, and have udev rules", async (t) => {
  const file = join(stateFolder(t), "daemon.json");
  const profile = { name: "till", vendorId: "1d50", productId: "6018", family: "ascii" };
  writeFileSync(file, JSON.stringify({ profiles: [profile] }));
  const list = await start(t, ["profiles", "--config", file], {}).ended;
  t.equal(list.code, 0);
  const rows = list.stdout.trim().split("\n");
  t.equal(rows[1], "1d50    6018     any   keyboard/serial      ascii             config    till");
  t.match(
    rows[2],
    /^0801 +0001 +any +keyboard +magtek-keyboard +built in +MagTek keyboard emulation \(sureswipe-text\)$/,
  );
  const rules = await start(t, ["udev-rules", "--config", file], {}).ended;
  t.match(rules.stdout, /SUBSYSTEM=="tty", ATTRS\{idVendor\}=="1d50", ATTRS\{idProduct\}=="6018", GROUP="swipewire"/);
  t.match(rules.stdout, /ATTRS\{idVendor\}=="0801"/);
  writeFileSync(file, JSON.stringify({ profiles: [profile, { ...profile, name: "other" }] }));
  const wrong = await start(t, ["profiles", "--config", file], {}).ended;
  t.strictSame(wrong, {
    code: 2,
    stdout: "",
    stderr: `${file}: profiles.1: fits the same readers as profiles.0; leave one of them out\n`,
  });
});

t.test("runs until SIGTERM, and is offline before it ends", async (t) => {
  const folder = stateFolder(t);
  const broker = await startBroker(PASSWORD);
  t.teardown(() => broker.kill());
  const gateway = new TestGateway({ url: broker.url, password: PASSWORD, terminal: TERMINAL, order });
  t.teardown(() => gateway.close());
  const d = await enrolInto(folder, broker.url);
  const online = gateway.nextPresence("online");
  const env = {
    SWIPEWIRE_DAEMON_STATE_DIR: folder,
    SWIPEWIRE_DAEMON_LOCAL_API_PORT: "0",
    SWIPEWIRE_DAEMON_READERS: '[{"transport":"audio","name":"jack","source":"hw:CARD=Jack"}]',
    // Where no program is found, least of all one that records.
    PATH: folder,
  };
  const { child, output, ended } = start(t, ["run"], env);
  await online;
  while (!output.stdout.includes("audio_program_missing")) await once(child.stdout ?? child, "data");
  const offline = gateway.nextPresence("offline");
  child.kill("SIGTERM");
  await offline;
  const { code, stdout, stderr } = await ended;
  t.equal(code, 0);
  t.equal(stderr, "");
  const lines = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  t.match(lines[0], { terminal: TERMINAL, localApi: /^http:\/\/127\.0\.0\.1:/, msg: "daemon started" });
  t.match(lines.at(-1), { frames: {}, messages: {}, msg: /daemon stopped/ });
  t.notMatch(stdout, PASSWORD);
  t.notMatch(stdout, d);
});

t.test("on a disk that is full no token is spent", async (t) => {
  const folder = stateFolder(t);
  let asked = 0;
  const server = createServer((_request, reply) => {
    asked++;
    reply.writeHead(404).end();
  }).listen(0, "127.0.0.1");
  t.teardown(() => server.close());
  await once(server, "listening");
  const gateway = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const enrol = ["enrol", "--gateway", gateway, "--token", "0123456789abcdefghijkl", "--name", "Counter"];
  // A disk of 32 KB that only the program sees.
  const small = 'mount -t tmpfs -o size=32k tmpfs "$0" && exec "$@"';
  const program = ["--map-root-user", "--mount", "sh", "-c", small, folder, process.execPath, BIN, ...enrol];
  const env = { ...process.env, SWIPEWIRE_DAEMON_STATE_DIR: folder };
  const child = spawn("unshare", program, { env, stdio: ["ignore", "ignore", "pipe"] });
  let stderr = "";
  child.stderr.on("data", (piece) => {
    stderr += piece;
  });
  const [status] = await once(child, "close");
  t.equal(status, 1);
  t.match(stderr, /^The daemon's state folder cannot be read or written\. \(.*: ENOSPC\)\n/);
  t.equal(asked, 0);
  const room = await start(t, enrol, { SWIPEWIRE_DAEMON_STATE_DIR: folder }).ended;
  t.match(room.stderr, /^The gateway refused/);
  t.strictSame(readdirSync(folder), [], "the trial is gone");
  t.ok(asked > 0);
});
