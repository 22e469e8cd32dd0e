import { mkdtempSync, rmSync } from "node:fs";
import { chmod } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DaemonConfig } from "@swipewire/daemon/config/config-schema";
import { checkClock } from "@swipewire/daemon/doctor/check-clock";
import { checkDisk, checkFolder } from "@swipewire/daemon/doctor/check-disk";
import { examine } from "@swipewire/daemon/doctor/doctor";
import { type Finding, findingsText } from "@swipewire/daemon/doctor/finding";
import { statusText } from "@swipewire/daemon/doctor/status-text";
import { ReaderNotOpened } from "@swipewire/daemon/errors";
import type { PluggedDevice } from "@swipewire/daemon/readers/device-source";
import { withBuiltIn } from "@swipewire/daemon/readers/profile-match";
import { keepCertificate } from "@swipewire/daemon/state/certificate";
import { type Identity, saveIdentity } from "@swipewire/daemon/state/identity";
import { InProcessTransport } from "@swipewire/daemon/transports/in-process";
import type { ReaderListener } from "@swipewire/daemon/transports/reader-transport";
import { systemRandom } from "@swipewire/protocol/random";
import type { ReaderProfile } from "@swipewire/protocol/readers/profiles";
import { type Clock, Seconds, systemClock } from "@swipewire/protocol/time";
import t, { type Test } from "tap";
import { signingFloor } from "../../gateway/certificates/signing-floor.ts";
import { SimulatedClock } from "../../simulated-clock.ts";
import { PASSWORD, startTerminal } from "../running-terminal.ts";
import { startBroker } from "../test-broker.ts";
import { TestGateway } from "../test-gateway.ts";
import { order } from "../test-identity.ts";

const TERMINAL = "5b1d2c3e-4f5a-4b6c-8d7e-9f0a1b2c3d4e";
const key = "3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08";

const magtek: PluggedDevice = {
  address: "/dev/hidraw3",
  shownAs: "hid",
  vendorId: 0x0801,
  productId: 0x0011,
  usagePage: 0xff00,
  port: "1-2",
};
const keyboard: PluggedDevice = {
  address: "1:7:0",
  shownAs: "keyboard",
  vendorId: 0x0801,
  productId: 0x0001,
  port: "1-3",
};
const mouse: PluggedDevice = { ...magtek, address: "/dev/hidraw0", vendorId: 0x046d, productId: 0xc077, port: "1-4" };
const standard: PluggedDevice = { ...mouse, address: "/dev/hidraw5", usagePage: 0x8e, port: "1-5" };

/** A reader that is there and cannot be opened. */
class ShutReader extends InProcessTransport {
  constructor() {
    super({ family: "ascii", name: "door" });
  }

  override open(listener: ReaderListener): void {
    super.open(listener);
    listener.unavailable(new ReaderNotOpened());
  }
}

async function folder(t: Test, identity?: Pick<Identity, "terminal" | "mqtt">): Promise<string> {
  const path = mkdtempSync(join(tmpdir(), "swipewire-doctor-"));
  t.teardown(() => rmSync(path, { recursive: true }));
  if (identity) {
    await saveIdentity(path, {
      ...identity,
      sealingKeys: [{ kty: "OKP", crv: "X25519", x: key }],
      signingKey: { kty: "OKP", crv: "Ed25519", x: key, d: key },
    });
  }
  return path;
}

/** A path where there is nothing. */
const GONE = "/dev/ttyUSB8";

const configFor = (stateDir: string, more: Partial<DaemonConfig> = {}): DaemonConfig => ({
  stateDir,
  log: { level: "info" },
  localApi: { port: 0, allowedOrigins: [] },
  readers: [],
  profiles: [],
  ...more,
});

const look = (
  config: DaemonConfig,
  devices: readonly PluggedDevice[] = [magtek],
  shut: readonly string[] = [],
  loadLibraries = async () => {},
  clock: Clock = systemClock,
) =>
  examine({
    config,
    devices: async () => devices,
    profiles: withBuiltIn(config.profiles),
    access: async (path) => (shut.includes(path) ? "forbidden" : path === GONE ? "missing" : "allowed"),
    ...(process.getuid && { user: process.getuid() }),
    loadLibraries,
    clock,
    random: systemRandom,
  });

const of = (findings: readonly Finding[], subject: string) => findings.filter((finding) => finding.subject === subject);

t.test("a terminal before its first start, whose broker takes it", async (t) => {
  const broker = await startBroker(PASSWORD);
  t.teardown(() => broker.kill());
  const gateway = new TestGateway({ url: broker.url, password: PASSWORD, terminal: TERMINAL, order });
  t.teardown(() => gateway.close());
  const mqtt = { url: broker.url, username: TERMINAL, password: PASSWORD };
  const own: ReaderProfile = { name: "till", vendorId: "1d50", productId: "6018", family: "idtech", quirks: [] };
  const box: ReaderProfile = { ...own, name: "box", productId: "6019", shownAs: "vendor" };
  const config = configFor(await folder(t, { terminal: TERMINAL, mqtt }), { profiles: [own, box] });
  const till = { ...magtek, address: "/dev/hidraw6", vendorId: 0x1d50, productId: 0x6018, port: "1-6" };
  const boxed: PluggedDevice = { ...till, address: "1:12:0", productId: 0x6019, port: "1-7", shownAs: "vendor" };
  const asked = gateway.next("keys.find");
  const told = gateway.next("ack");
  const looking = look(config, [magtek, keyboard, standard, mouse, till, boxed]);
  const answer = gateway.send("refused", { re: (await asked).id, code: "gateway_key_missing" });
  const findings = await looking;
  t.equal((await told).body.of, answer, "so that the gateway does not repeat it");
  t.match(of(findings, "identity"), [{ verdict: "good", says: `enrolled as ${TERMINAL}` }]);
  t.match(of(findings, "daemon"), [{ verdict: "doubtful" }]);
  t.match(of(findings, "broker"), [{ verdict: "good", says: /takes this terminal/ }]);
  t.match(of(findings, "gateway"), [{ verdict: "good", says: "answers" }]);
  t.match(of(findings, "clock"), [{ says: /^agrees with the gateway's; |^1 s (behind|ahead of) the gateway's; / }]);
  t.match(of(findings, "disk"), [{ says: /MB free/ }]);
  t.match(of(findings, "usb 0801:0011"), [
    { verdict: "good", says: /port 1-2: MagTek MagneSafe HID, by its product id/ },
  ]);
  t.match(of(findings, "usb 0801:0001"), [
    { verdict: "good", says: /product id, and asked which format it sends; \/dev\/bus\/usb\/001\/007 can be opened/ },
  ]);
  t.match(of(findings, "usb 046d:c077"), [
    { says: /HID POS magnetic stripe reader, by its usage page/ },
    { verdict: "good", says: /no reader that is known/ },
  ]);
  t.match(of(findings, "usb 1d50:6018"), [{ says: /port 1-6: till, of the config, by its product id/ }]);
  t.match(of(findings, "usb 1d50:6019"), [
    { says: /box, of the config, by its product id; \/dev\/bus\/usb\/001\/012 can/ },
  ]);
  t.strictSame(of(findings, "reader"), []);
});

t.test("each thing that is wrong is said, with what to do", async (t) => {
  const nothing = await look(configFor(await folder(t)), []);
  t.match(of(nothing, "identity"), [{ verdict: "bad", todo: /swipewire-daemon enrol/ }]);
  t.match(of(nothing, "reader"), [{ verdict: "bad", todo: /Plug one in.*unknown-reader\.md/ }]);
  t.strictSame(of(nothing, "broker"), [], "whose broker?");

  const broker = await startBroker(PASSWORD);
  t.teardown(() => broker.kill());
  const refused = { url: broker.url, username: TERMINAL, password: "another-password-0123" };
  const config = configFor(await folder(t, { terminal: TERMINAL, mqtt: refused }), {
    readers: [
      { transport: "serial", name: "counter", path: "/dev/ttyUSB9", baudRate: 9600, family: "ascii" },
      { transport: "serial", name: "door", path: GONE, baudRate: 9600, family: "ascii" },
      { transport: "audio", name: "jack", source: "hw:CARD=Nowhere", channels: 1 },
    ],
  });
  const shut = ["/dev/ttyUSB9", "/dev/hidraw3"];
  const findings = await look(config, [magtek], shut, () => Promise.reject(new Error("no libudev.so.1")));
  t.match(of(findings, "broker"), [{ verdict: "bad", says: /refuses this terminal/, todo: /enrol it again/ }]);
  t.match(of(findings, "usb 0801:0011"), [{ verdict: "bad", todo: /udev-rules/ }]);
  t.match(of(findings, "serial reader"), [
    { verdict: "bad", says: /^counter: \/dev\/ttyUSB9 may not be opened/, todo: /group of that file/ },
    { verdict: "bad", says: /^door: there is no \/dev\/ttyUSB8/, todo: /by-id/ },
  ]);
  // Without arecord, or without the card.
  t.match(of(findings, "sound input"), [{ verdict: "bad", says: /^jack: / }]);
  t.match(of(findings, "usb libraries"), [{ verdict: "doubtful", todo: /libudev1/ }]);
  const text = findingsText(findings);
  t.match(text, /^WRONG +broker +127\.0\.0\.1:\d+ refuses this terminal\n {8,}It was revoked/m);
  t.notMatch(text, /another-password/);

  await broker.kill();
  const away = await look(config);
  t.match(of(away, "broker"), [
    { verdict: "bad", says: /cannot be reached \(ECONNREFUSED\)/, todo: /nothing listens at that port/ },
  ]);
  const nameless = { ...refused, url: "mqtt://no-such-broker.invalid:1883" };
  const lost = await look(configFor(await folder(t, { terminal: TERMINAL, mqtt: nameless })));
  t.match(of(lost, "broker"), [{ verdict: "bad", says: /\((ENOTFOUND|EAI_AGAIN)\)/, todo: /names are found/ }]);
});

t.test("a certificate that is not this terminal's, or that others may read, is said", async (t) => {
  const mqtt = { url: "mqtt://127.0.0.1:1", username: TERMINAL, password: PASSWORD };
  const stateDir = await folder(t, { terminal: TERMINAL, mqtt });
  const floor = await signingFloor(t, new SimulatedClock());
  const other = await floor.enrol();
  await keepCertificate(stateDir, { ...other.certificate, key: other.key, taken: true });
  const findings = await look(configFor(stateDir));
  t.match(of(findings, "own certificate"), [{ verdict: "bad", says: /another terminal's/ }]);
  t.match(of(findings, "broker"), [{ says: /^127\.0\.0\.1:1 cannot be reached/ }], "looked at as it would be gone to");
  await chmod(join(stateDir, "certificate.json"), 0o644);
  t.match(of(await look(configFor(stateDir)), "own certificate"), [{ verdict: "bad", says: /certificate\.json/ }]);
});

t.test("a running terminal is asked, and its connection left alone", async (t) => {
  const reader = new InProcessTransport({ family: "ascii", name: "counter reader" });
  const { daemon, broker, stateDir, until, terminal, gateway } = await startTerminal(t, [reader]);
  await until(({ gateway }) => gateway);
  await saveIdentity(stateDir, {
    terminal,
    mqtt: { url: broker.url, username: terminal, password: PASSWORD },
    sealingKeys: [{ kty: "OKP", crv: "X25519", x: key }],
    signingKey: { kty: "OKP", crv: "Ed25519", x: key, d: key },
  });
  const localApi = { port: Number(new URL(daemon.localApi.url).port), allowedOrigins: [] };
  const config = configFor(stateDir, { localApi });
  const well = await look(config);
  t.match(of(well, "daemon"), [{ verdict: "good", says: /at step idle/ }]);
  t.match(of(well, "broker"), [{ verdict: "good", says: "connected" }]);
  t.match(of(well, "gateway"), [{ verdict: "good" }]);
  t.ok(daemon.status().uplink.broker);

  gateway.announce("offline");
  await until(({ gateway }) => !gateway);
  t.match(of(await look(config), "gateway"), [{ verdict: "bad", says: /out of reach/ }]);
  await broker.kill();
  t.match(of(await look(config), "broker"), [{ verdict: "bad", says: /uplink_broker_unreachable/ }]);
});

t.test("a state folder that is another user's", async (t) => {
  const path = await folder(t);
  t.match(of(await look(configFor(path)), "state folder"), []);
  const own = process.getuid?.() ?? 0;
  const [finding] = await checkFolder(path, own + 1);
  t.match(finding, { verdict: "doubtful", says: /another user/, todo: /runuser -u swipewire/ });
  t.strictSame(await checkFolder(join(path, "not yet"), own), [], "enrolment makes it");
  t.match(await checkDisk(join(path, "not", "yet")), { says: /MB free/ });
  // On the kernel's own file system nobody makes anything.
  const nowhere = await checkFolder("/proc/self", own);
  if (own !== 0) t.match(nowhere, [{ verdict: "bad", says: /may not be written/, todo: /chown/ }]);
});

t.test("a reader that a running daemon cannot read is told with what to do", async (t) => {
  const shut = new ShutReader();
  const { daemon, stateDir, until } = await startTerminal(t, [shut]);
  await until(({ gateway }) => gateway);
  const localApi = { port: Number(new URL(daemon.localApi.url).port), allowedOrigins: [] };
  const findings = await look(configFor(stateDir, { localApi }));
  t.match(of(findings, "reader"), [
    { verdict: "bad", says: /^door: A reader could not be opened\. \(reader_not_opened\)/, todo: /group dialout/ },
  ]);
  t.match(
    statusText(daemon.status()),
    /door \(ascii\)\n {4}reader_not_opened\n {4}A reader could not be opened\. Check/,
  );
});

t.test("a gateway behind its broker that is not there, or does not answer", async (t) => {
  const broker = await startBroker(PASSWORD);
  t.teardown(() => broker.kill());
  const mqtt = { url: broker.url, username: TERMINAL, password: PASSWORD };
  const config = configFor(await folder(t, { terminal: TERMINAL, mqtt }));
  // Nobody waits for its patience to be over.
  const hasty: Clock = { now: () => systemClock.now(), after: (_, action) => systemClock.after(Seconds(0), action) };
  const silent = await look(config, [], [], undefined, hasty);
  t.match(of(silent, "broker"), [{ verdict: "good" }]);
  t.match(of(silent, "gateway"), [{ verdict: "bad", says: /does not answer/, todo: /gateway's people/ }]);
  t.notMatch(of(silent, "clock")[0]?.says, /gateway/);

  const gateway = new TestGateway({ url: broker.url, password: PASSWORD, terminal: TERMINAL, order });
  t.teardown(() => gateway.close());
  const patient = look(config);
  await gateway.next("keys.find");
  gateway.announce("offline");
  t.match(of(await patient, "gateway"), [{ verdict: "bad", says: /not connected to the broker/ }]);
});

t.test("says who keeps the clock, and how it stands to the gateway's", async (t) => {
  t.match(checkClock("yes", undefined), { verdict: "good" });
  t.match(checkClock("no", undefined), { verdict: "doubtful", todo: /set-ntp/ });
  t.match(checkClock(undefined, undefined), { verdict: "doubtful" });
  t.match(checkClock("yes", -400), { verdict: "good", says: "agrees with the gateway's; kept by a time service" });
  t.match(checkClock("no", 400), { verdict: "doubtful", says: /^agrees with the gateway's; no time service/ });
  t.match(checkClock("no", 12_000), { verdict: "doubtful", says: /^12 s behind the gateway's/, todo: /set-ntp/ });
  t.match(checkClock("no", -30_001), { verdict: "bad", says: /^30 s ahead of the gateway's/, todo: /set-ntp/ });
  t.match(checkClock("yes", 86_400_000), { verdict: "bad", says: /^86400 s behind/, todo: /gateway's people/ });
});
