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
  });
  const readers = JSON.stringify([{ ...reader, baudRate: 19_200 }]);
  t.match(loadConfig({ env: { SWIPEWIRE_DAEMON_READERS: readers } }).readers, [{ baudRate: 19_200 }]);
});

t.test("names file or variable, field, what was given and what is allowed, all at once", async (t) => {
  const file = fileOf({
    log: { level: "loud" },
    locaApi: {},
    localApi: { port: 8000, allowedOrigins: ["https://a.example/page"] },
    readers: [{ transport: "usb", path: "" }],
  });
  const env = { SWIPEWIRE_DAEMON_LOCAL_API_PORT: "70000", SWIPEWIRE_DAEMON_LOCALAPI_PORT: "1" };
  const problems = problemsOf(() => loadConfig({ file, env }));
  t.strictSame(
    [...problems].sort(),
    [
      `${file}: locaApi: there is no such field; allowed: stateDir, log, localApi, findReaders, readers`,
      `${file}: localApi.allowedOrigins.0: got "https://a.example/page"; allowed: an origin as browsers send it: scheme, host and port, nothing more`,
      `${file}: log.level: got "loud"; allowed: fatal, error, warn, info, debug or silent`,
      `${file}: readers.0.name: got nothing; allowed: a name for people, 1 to 80 characters`,
      `${file}: readers.0.path: got ""; allowed: the path of a serial port`,
      `${file}: readers.0.transport: got "usb"; allowed: "serial"`,
      "SWIPEWIRE_DAEMON_LOCALAPI_PORT: there is no such variable; allowed: SWIPEWIRE_DAEMON_STATE_DIR, SWIPEWIRE_DAEMON_LOG_LEVEL, SWIPEWIRE_DAEMON_LOCAL_API_PORT, SWIPEWIRE_DAEMON_LOCAL_API_ALLOWED_ORIGINS, SWIPEWIRE_DAEMON_FIND_READERS, SWIPEWIRE_DAEMON_READERS",
      "SWIPEWIRE_DAEMON_LOCAL_API_PORT: localApi.port: got 70000; allowed: a port from 0 (any free one) to 65535",
    ].sort(),
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
