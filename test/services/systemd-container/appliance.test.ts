import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import t from "tap";
import { startBroker } from "../../daemon/test-broker.ts";
import { TestGateway } from "../../daemon/test-gateway.ts";
import { enrolInto, order, PASSWORD, TERMINAL } from "../../daemon/test-identity.ts";
import { freePort } from "../../free-port.ts";
import { bootContainer } from "./container.ts";

const UNIT = "swipewire-daemon.service";
const STATE = "/var/lib/swipewire-daemon";

const shared = mkdtempSync(join(tmpdir(), "swipewire-appliance-"));
t.teardown(() => rmSync(shared, { recursive: true }));
const inside = (path: string) => join("/mnt", path.slice(shared.length));

const script = join(import.meta.dirname, "../../../packaging/build.ts");
const built = execFileSync(process.execPath, [script, "--out", shared], { encoding: "utf8", stdio: "pipe" });
const older = built.trim().split("\n").at(-1) ?? "";
const newer = join(shared, "newer.deb");
/** The same package, called a newer one. */
const RENUMBER = `dpkg-deb --raw-extract "$1" "$3/tree"
sed -i 's/^Version: .*/Version: 99.0.0/' "$3/tree/DEBIAN/control"
dpkg-deb -Zgzip -z1 --build "$3/tree" "$2"`;
execFileSync("sh", ["-e", "-c", RENUMBER, "sh", older, newer, shared], { stdio: "pipe" });

const broker = await startBroker(PASSWORD);
t.teardown(() => broker.kill());
const gateway = new TestGateway({ url: broker.url, password: PASSWORD, terminal: TERMINAL, order });
t.teardown(() => gateway.close());

const { run } = await bootContainer(t, shared);
// Images of containers forbid that packages start services.
await run("rm", "-f", "/usr/sbin/policy-rc.d");
const property = (name: string) => run("systemctl", "show", "--value", `--property=${name}`, UNIT);
const asService = (...args: string[]) => run("runuser", "-u", "swipewire", "--", ...args);
const configure = (file: string, config: object) => {
  writeFileSync(join(shared, file), JSON.stringify(config));
  return run("install", "-m", "644", `/mnt/${file}`, "/etc/swipewire-daemon/daemon.json");
};
const identityKept = () => run("stat", "--format=%U %a", `${STATE}/identity.json`);

t.test("installs, and waits for a terminal to be enrolled", async (t) => {
  await run("dpkg", "--install", inside(older));
  t.equal(await run("systemctl", "is-enabled", UNIT), "enabled");
  t.equal(await property("ActiveState"), "inactive");
  t.match(await run("systemd-analyze", "verify", UNIT), "");
  const licences = await run("cat", "/usr/share/doc/swipewire-daemon/third-party-licences");
  for (const carried of ["Node.js is licensed", "fastify", "mqtt", "usb"]) t.ok(licences.includes(carried), carried);
  const rating = await run("systemd-analyze", "security", "--threshold=20", "--no-pager", UNIT);
  t.match(rating, /Overall exposure level for swipewire-daemon\.service: 1\.\d OK/);
});

t.test("runs as a user of its own, says when it is ready, and is asked how it stands", async (t) => {
  await enrolInto(shared, broker.url);
  await run("install", "-d", "-o", "swipewire", "-g", "swipewire", "-m", "700", STATE);
  await run("install", "-o", "swipewire", "-g", "swipewire", "-m", "600", "/mnt/identity.json", STATE);
  const port = await freePort();
  await configure("first.json", { localApi: { port } });
  const online = gateway.nextPresence("online");
  await run("systemctl", "start", UNIT);
  t.equal(await property("ActiveState"), "active", "systemctl waited for READY=1");
  await online;
  const status = JSON.parse(
    await asService("swipewire-daemon", "status", "--json", "--config", "/etc/swipewire-daemon/daemon.json"),
  );
  t.match(status, { terminal: TERMINAL, uplink: { broker: true, gateway: true } });
  t.match(await run("ps", "-o", "user=", "-p", await property("MainPID")), "swipewi");
  // Its own memory; how many pages of Node's program file are counted beside it is the kernel's affair.
  const memory = await run("cat", `/proc/${await property("MainPID")}/status`);
  const own = Number(/RssAnon:\s+(\d+) kB/.exec(memory)?.[1]);
  t.ok(own < 50_000, `${own} KiB`);
  t.equal(await run("sh", "-c", "ls /run/swipewire-daemon"), "", "no addon is left lying about");
});

t.test("takes a new config without being stopped", async (t) => {
  const pid = await property("MainPID");
  const port = await freePort();
  await configure("second.json", { localApi: { port }, log: { level: "debug" } });
  const online = gateway.nextPresence("online");
  await run("systemctl", "reload", UNIT);
  await online;
  t.match(
    await asService("swipewire-daemon", "status", "--config", "/etc/swipewire-daemon/daemon.json"),
    /session {3}idle/,
  );
  await configure("third.json", { localApi: { port }, log: { level: "loud" } });
  await run("systemctl", "reload", UNIT);
  await run("sh", "-c", `until journalctl -u ${UNIT} | grep -q config_invalid; do sleep 0.1; done`);
  t.equal(await property("MainPID"), pid);
  t.equal(await property("ActiveState"), "active");
  await configure("fourth.json", { localApi: { port } });
});

t.test("hears a sound input through a sound server of the system, once its user may", async (t) => {
  const input = { transport: "audio", name: "jack", source: "pulse:head.monitor" };
  const port = await freePort();
  await configure("sound.json", { localApi: { port }, readers: [input] });
  const sound = ["--system", "--daemonize=no", "--exit-idle-time=-1", "-n", "-L", "module-native-protocol-unix"];
  const head = "module-null-sink sink_name=head format=s16le rate=44100 channels=1";
  await run("systemd-run", "--unit=pulseaudio-system", "pulseaudio", ...sound, "-L", head);
  await run("sh", "-c", "until test -S /run/pulse/native; do sleep 0.1; done");
  await t.rejects(asService("pactl", "info"), { message: /Access denied/ }, "its user is not let in yet");
  await run("systemctl", "reload", UNIT);
  await run("sh", "-c", `until journalctl -u ${UNIT} | grep -q audio_server_unreachable; do sleep 0.1; done`);
  await run("adduser", "swipewire", "pulse-access");
  await run(
    "sh",
    "-c",
    `until journalctl -u ${UNIT} | grep -q '"reader":"jack".*reader connected'; do sleep 0.1; done`,
  );
  const status = await asService("swipewire-daemon", "status", "--config", "/etc/swipewire-daemon/daemon.json");
  t.match(status, /jack \(ascii\)\n {4}connected since/);
  await configure("silent.json", { localApi: { port } });
  await run("systemctl", "reload", UNIT);
});

t.test("is started anew when it is killed, and when it hangs", async (t) => {
  await run("mkdir", "-p", `/run/systemd/system/${UNIT}.d`);
  writeFileSync(join(shared, "fast.conf"), "[Service]\nWatchdogSec=2\nRestartSec=100ms\n");
  await run("cp", "/mnt/fast.conf", `/run/systemd/system/${UNIT}.d/`);
  await run("systemctl", "daemon-reload");
  for (const signal of ["KILL", "STOP"]) {
    const online = gateway.nextPresence("online");
    const pid = await property("MainPID");
    await run("kill", `-${signal}`, pid);
    await online;
    t.not(await property("MainPID"), pid, signal);
  }
  t.match(await run("journalctl", "-u", UNIT), /Watchdog timeout/);
});

t.test("an upgrade and a downgrade keep its state, a purge does not", async (t) => {
  for (const file of [newer, older]) {
    const online = gateway.nextPresence("online");
    await run("dpkg", "--install", inside(file));
    await online;
    t.equal(await identityKept(), "swipewire 600", file);
    t.equal(await property("ActiveState"), "active");
  }
  const offline = gateway.nextPresence("offline");
  await run("dpkg", "--remove", "swipewire-daemon");
  await offline;
  t.equal(await identityKept(), "swipewire 600", "removed");
  await run("dpkg", "--purge", "swipewire-daemon");
  await t.rejects(identityKept(), "purged");
  await t.rejects(run("test", "-e", "/etc/swipewire-daemon/daemon.json"));
});
