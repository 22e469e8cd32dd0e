import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadConfig } from "@swipewire/daemon/config/load-config";
import { ConfigInvalid } from "@swipewire/daemon/errors";
import t from "tap";

const folder = mkdtempSync(join(tmpdir(), "swipewire-config-"));
t.teardown(() => rmSync(folder, { recursive: true }));

function fileOf(content: unknown): string {
  const file = join(folder, "daemon.json");
  writeFileSync(file, typeof content === "string" ? content : JSON.stringify(content));
  return file;
}

function problemsOf(load: () => unknown): readonly string[] {
  try {
    load();
  } catch (error) {
    if (error instanceof ConfigInvalid) return error.problems;
    throw error;
  }
  return [];
}

t.test("without file and variables all is as usual", async (t) => {
  t.strictSame(loadConfig({ env: { PATH: "/bin" } }), {
    stateDir: "/var/lib/swipewire-daemon",
    log: { level: "info" },
    localApi: { port: 7373, allowedOrigins: [] },
    findReaders: true,
    readers: [],
    profiles: [],
  });
});

t.test("variables have the last word over the file", async (t) => {
  const reader = { transport: "serial", name: "counter", path: "/dev/ttyUSB0" };
  const file = fileOf({ stateDir: "state", localApi: { port: 8000 }, readers: [reader], log: { level: "warn" } });
  const env = {
    SWIPEWIRE_DAEMON_CONFIG: file,
    SWIPEWIRE_DAEMON_LOCAL_API_PORT: "9000",
    SWIPEWIRE_DAEMON_LOCAL_API_ALLOWED_ORIGINS: "https://a.example, http://localhost:5173",
  };
  t.strictSame(loadConfig({ env }), {
    stateDir: join(folder, "state"),
    log: { level: "warn" },
    localApi: { port: 9000, allowedOrigins: ["https://a.example", "http://localhost:5173"] },
    findReaders: true,
    readers: [{ ...reader, baudRate: 9600, family: "ascii" }],
    profiles: [],
  });
  const jack = { transport: "audio", name: "jack", source: "hw:CARD=Device" };
  const readers = JSON.stringify([{ ...reader, baudRate: 19_200 }, jack]);
  t.match(loadConfig({ env: { SWIPEWIRE_DAEMON_READERS: readers } }).readers, [
    { baudRate: 19_200 },
    { ...jack, channels: 1 },
  ]);
  const modem = JSON.stringify([{ ...jack, baud: 1200, family: "idtech" }]);
  t.match(loadConfig({ env: { SWIPEWIRE_DAEMON_READERS: modem } }).readers, [{ baud: 1200, family: "idtech" }]);
  const headOfFamily = JSON.stringify([{ ...jack, family: "idtech" }]);
  t.throws(() => loadConfig({ env: { SWIPEWIRE_DAEMON_READERS: headOfFamily } }), ConfigInvalid);
});

t.test("names file or variable, field, what was given and what is allowed, all at once", async (t) => {
  const file = fileOf({
    log: { level: "loud" },
    locaApi: {},
    localApi: { port: 8000, allowedOrigins: ["https://a.example/page"] },
    readers: [{ transport: "usb" }, { transport: "serial", path: "" }, { transport: "audio", source: "default" }],
  });
  const env = { SWIPEWIRE_DAEMON_LOCAL_API_PORT: "70000", SWIPEWIRE_DAEMON_LOCALAPI_PORT: "1" };
  const problems = problemsOf(() => loadConfig({ file, env }));
  t.strictSame(
    [...problems].sort(),
    [
      `${file}: locaApi: there is no such field; allowed: stateDir, log, localApi, certificateKey, findReaders, readers, profiles`,
      `${file}: localApi.allowedOrigins.0: got "https://a.example/page"; allowed: an origin as browsers send it: scheme, host and port, nothing more`,
      `${file}: log.level: got "loud"; allowed: fatal, error, warn, info, debug or silent`,
      `${file}: readers.0.transport: got "usb"; allowed: an object whose transport is serial or audio`,
      `${file}: readers.1.name: got nothing; allowed: a name for people, 1 to 80 characters`,
      `${file}: readers.1.path: got ""; allowed: the path of a serial port`,
      `${file}: readers.2.name: got nothing; allowed: a name for people, 1 to 80 characters`,
      `${file}: readers.2.source: got "default"; allowed: a sound input by its name: hw:CARD=…, plughw:CARD=… or pulse:<source>`,
      "SWIPEWIRE_DAEMON_LOCALAPI_PORT: there is no such variable; allowed: SWIPEWIRE_DAEMON_STATE_DIR, SWIPEWIRE_DAEMON_LOG_LEVEL, SWIPEWIRE_DAEMON_LOCAL_API_PORT, SWIPEWIRE_DAEMON_LOCAL_API_ALLOWED_ORIGINS, SWIPEWIRE_DAEMON_CERTIFICATE_KEY_MODULE, SWIPEWIRE_DAEMON_CERTIFICATE_KEY_TOKEN, SWIPEWIRE_DAEMON_CERTIFICATE_KEY_PIN_FILE, SWIPEWIRE_DAEMON_FIND_READERS, SWIPEWIRE_DAEMON_READERS, SWIPEWIRE_DAEMON_PROFILES",
      "SWIPEWIRE_DAEMON_LOCAL_API_PORT: localApi.port: got 70000; allowed: a port from 0 (any free one) to 65535",
    ].sort(),
  );
});

t.test("a profile is taken from file or variable, with its defaults", async (t) => {
  const profile = { name: "till", vendorId: "1d50", productId: "6018", shownAs: "serial", family: "ascii" };
  const profiles = [profile];
  t.strictSame(loadConfig({ file: fileOf({ profiles }), env: {} }).profiles, [{ ...profile, quirks: [] }]);
  const env = { SWIPEWIRE_DAEMON_PROFILES: JSON.stringify(profiles) };
  t.strictSame(loadConfig({ env }).profiles, [{ ...profile, quirks: [] }]);
});

t.test("each thing that is wrong with a profile is a line, by the schema first and then by the linter", async (t) => {
  const good = { name: "till", vendorId: "1d50", family: "ascii" };
  const file = fileOf({
    profiles: [
      { ...good, vendorId: "1D50" },
      { ...good, productId: 24_600 },
      { ...good, usagePage: "8e" },
      { ...good, shownAs: "usb" },
      { ...good, family: "magtek" },
      { ...good, quirks: ["loud"] },
      { ...good, quirks: ["insert-reader", "insert-reader"] },
      { ...good, colour: "red" },
      { vendorId: "1d50", baudRate: 96 },
    ],
  });
  const of = (at: number) => `${file}: profiles.${at}`;
  t.strictSame(
    problemsOf(() => loadConfig({ file, env: {} })),
    [
      `${of(0)}.vendorId: got "1D50"; allowed: the USB vendor id: four hex digits, small letters, such as "0acd"`,
      `${of(1)}.productId: got 24600; allowed: the USB product id: four hex digits, small letters, such as "0acd"`,
      `${of(2)}.usagePage: got "8e"; allowed: the usage page of a HID device's collection: four hex digits, small letters, such as "0acd"`,
      `${of(3)}.shownAs: got "usb"; allowed: what the system shows it as: hid, keyboard, serial, vendor`,
      `${of(4)}.family: got "magtek"; allowed: what the reader sends: magtek-sureswipe, magtek-magnesafe, magtek-keyboard, idtech, idtech-keyboard, hid-msr, ascii`,
      `${of(5)}.quirks.0: got "loud"; allowed: a quirk: sureswipe-text, clear-lines, short-report, insert-reader, product-id-varies`,
      `${of(6)}.quirks: got a list of 2; allowed: a list of quirks, each once: sureswipe-text, clear-lines, short-report, insert-reader, product-id-varies`,
      `${of(7)}.colour: there is no such field; allowed: name, vendorId, productId, usagePage, shownAs, family, baudRate, framing, quirks`,
      `${of(8)}.name: got nothing; allowed: a name for people, 1 to 80 characters`,
      `${of(8)}.family: got nothing; allowed: what the reader sends: magtek-sureswipe, magtek-magnesafe, magtek-keyboard, idtech, idtech-keyboard, hid-msr, ascii`,
      `${of(8)}.baudRate: got 96; allowed: of a serial reader: an integer, 300 to 921600`,
    ],
  );
  const linted = fileOf({ profiles: [good, { ...good, name: "other" }, { name: "ID TECH", family: "ascii" }] });
  t.strictSame(
    problemsOf(() => loadConfig({ file: linted, env: {} })),
    [
      `${file}: profiles.1: fits the same readers as profiles.0; leave one of them out`,
      `${file}: profiles.2: would fit every device; give vendorId, usagePage or both`,
      `${file}: profiles.2.name: is taken (built in); give this one another`,
    ],
  );
  t.match(
    problemsOf(() => loadConfig({ env: { SWIPEWIRE_DAEMON_PROFILES: '[{"name":"x","family":"ascii"}]' } })),
    [/^SWIPEWIRE_DAEMON_PROFILES: profiles\.0: would fit every device/],
  );
});

t.test("a value of the wrong kind is named, and its content is not repeated", async (t) => {
  const problems = (content: unknown) => problemsOf(() => loadConfig({ file: fileOf(content), env: {} }));
  t.match(problems({ localApi: "secret" }), [/localApi: got "secret"; allowed: an object with port/]);
  t.match(problems({ log: { level: { secret: 1 } } }), [/log\.level: got an object; allowed: fatal, /]);
  t.match(problems({ readers: {} }), [/readers: got an object; allowed: a list of up to 8 readers/]);
  const [line] = problems({ localApi: { allowedOrigins: ["https://user:secret@a.example"] } });
  t.match(line, /allowedOrigins\.0/);
  t.notMatch(line, "secret");
  const [unknown] = problems({ password: "secret" });
  t.notMatch(unknown, "secret");
  t.match(
    problemsOf(() => loadConfig({ env: { SWIPEWIRE_DAEMON_READERS: "[{" } })),
    [/^SWIPEWIRE_DAEMON_READERS: readers: got "\[\{"; allowed: a list/],
  );
  t.match(
    problemsOf(() => loadConfig({ env: { SWIPEWIRE_DAEMON_LOCAL_API_PORT: "" } })),
    [/got ""; allowed: a port/],
  );
});

t.test("a file that is missing, no JSON or no object is named", async (t) => {
  const missing = join(folder, "none.json");
  t.strictSame(
    problemsOf(() => loadConfig({ file: missing, env: {} })),
    [`${missing}: cannot be read (ENOENT)`],
  );
  const broken = fileOf('{"password": "secret"');
  const [problem] = problemsOf(() => loadConfig({ file: broken, env: {} }));
  t.ok(problem?.startsWith(`${broken}: is not JSON`));
  t.notMatch(problem, "secret");
  t.match(
    problemsOf(() => loadConfig({ file: fileOf([1]), env: {} })),
    [/got a list of 1; allowed: a JSON object/],
  );
});
