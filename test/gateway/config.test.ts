import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeDataDirectory } from "@swipewire/gateway/config/data-directory";
import { readConfig } from "@swipewire/gateway/config/read-config";
import { GatewayConfigInvalid } from "@swipewire/gateway/errors";
import t, { type Test } from "tap";
import { seededRandom } from "../seeded-random.ts";
import { SimulatedClock } from "../simulated-clock.ts";

const services = { clock: new SimulatedClock(), random: seededRandom(1) };

const external = {
  kind: "external",
  url: "mqtts://broker.example.com:8883",
  username: "gateway",
  password: "broker-password",
};

/** A config file that is right, with `changes` to its parts; an undefined part is left out. */
async function configFile(t: Test, changes: Record<string, unknown> = {}) {
  const { config } = await makeDataDirectory(join(t.testdir(), "data"), services);
  const settings = { ...JSON.parse(readFileSync(config, "utf8")), ...changes };
  writeFileSync(config, JSON.stringify(settings, null, 2));
  return { file: config, settings };
}

function problemsOf(file: string, environment: Record<string, string> = {}): readonly string[] {
  try {
    readConfig({ file, environment });
  } catch (error) {
    if (error instanceof GatewayConfigInvalid) return error.problems.map((line) => line.replace(file, "FILE"));
    throw error;
  }
  return [];
}

t.test("a new directory holds a config that is right, for its owner only", async (t) => {
  const { file } = await configFile(t);
  const config = readConfig({ file, environment: {} });
  t.match(config, { order: { lifetimeMinutes: 30 }, broker: { kind: "embedded" } });
  t.equal(config.store.path, join(file, "../gateway.sqlite"), "paths start at the file's folder");
  t.match(config.keys, { file: join(file, "../keys.json"), secretFile: join(file, "../keys.secret") });
  t.equal(statSync(file).mode & 0o777, 0o600);
  t.equal(statSync(join(file, "../keys.json")).mode & 0o777, 0o600);
  t.equal(statSync(join(file, "..")).mode & 0o777, 0o700);
  await t.rejects(makeDataDirectory(join(file, ".."), services), { code: "data_directory_not_empty" });
  await t.rejects(makeDataDirectory(join(file, "below-a-file"), services), { code: "data_directory_not_writable" });
});

t.test("the environment has the last word", async (t) => {
  const { file } = await configFile(t, { order: undefined, log: undefined });
  const config = readConfig({
    file,
    environment: {
      SWIPEWIRE_GATEWAY_CONFIG: file,
      SWIPEWIRE_GATEWAY_HTTP_PORT: "0",
      SWIPEWIRE_GATEWAY_HTTP_TRUSTED_PROXIES: "10.0.0.1, 192.168.0.0/16",
      SWIPEWIRE_GATEWAY_ORDER_LIFETIME_MINUTES: "5",
      SWIPEWIRE_GATEWAY_ACQUIRER_TERMINAL: "12345678",
      PATH: "/bin",
    },
  });
  t.match(config, {
    http: { port: 0, trustedProxies: ["10.0.0.1", "192.168.0.0/16"] },
    order: { lifetimeMinutes: 5 },
    log: { level: "info" },
    acquirer: { terminal: "12345678" },
  });
});

t.test("every problem is told at once: where, what was given, what is allowed", async (t) => {
  const { file, settings } = await configFile(t);
  writeFileSync(
    file,
    JSON.stringify({
      ...settings,
      http: { host: "", prot: 1, trustedProxies: ["10.0.0.0/33"] },
      broker: { kind: "embeded" },
      acquirer: { ...settings.acquirer, terminal: "1" },
      voice: { kind: "simulated", url: "http://user:secret@127.0.0.1" },
      sms: [],
    }),
  );
  const problems = problemsOf(file, { SWIPEWIRE_GATEWAY_ACQUIRER_PORT: "70000" });
  t.same(
    new Set(problems),
    new Set([
      "SWIPEWIRE_GATEWAY_ACQUIRER_PORT: acquirer.port: got 70000; allowed: a port from 1 to 65535",
      'FILE: http.host: got ""; allowed: a host name or an IP address',
      "FILE: http.port: got nothing; allowed: a port from 0 (any free one) to 65535",
      "FILE: http.prot: there is no such field; allowed: host, port, publicUrl, trustedProxies",
      'FILE: http.trustedProxies.0: got "10.0.0.0/33"; allowed: an IP address or a network',
      'FILE: broker.kind: got "embeded"; allowed: an object whose kind is embedded or external',
      'FILE: acquirer.terminal: got "1"; allowed: 8 letters or digits (ISO 8583 field 41)',
      'FILE: voice.url: got "http://…@127.0.0.1"; allowed: the ws:// or wss:// URL of the phone simulator',
      "FILE: sms: got a list of 0; allowed: an object with kind, url",
    ]),
  );
});

t.test("a password is never shown", async (t) => {
  const { file } = await configFile(t, { broker: external });
  t.same(problemsOf(file), []);
  t.same(problemsOf(file, { SWIPEWIRE_GATEWAY_BROKER_PASSWORD: "" }), [
    "SWIPEWIRE_GATEWAY_BROKER_PASSWORD: broker.password: got a value that is not shown; allowed: the gateway's password at the broker",
  ]);
  const number = await configFile(t, { broker: { ...external, password: 271828, url: "mqtt://me:hidden@host" } });
  const text = problemsOf(number.file).join("\n");
  t.match(text, "broker.password");
  t.match(text, "broker.url");
  t.notMatch(text, /271828|hidden/);
  const broken = await configFile(t, { broker: { ...external, url: "mqtt://[" } });
  t.match(problemsOf(broken.file), [/^FILE: broker\.url: got "mqtt:\/\/\["/]);
});

t.test("a broker that listens everywhere needs a URL that terminals can be told", async (t) => {
  const broker = { kind: "embedded", host: "0.0.0.0", port: 1883 };
  const { file } = await configFile(t, { broker });
  t.same(problemsOf(file), [
    "FILE: broker.publicUrl: got nothing; allowed: the mqtt:// or mqtts:// URL that terminals reach it by",
  ]);
  t.same(problemsOf((await configFile(t, { broker: { ...broker, publicUrl: "mqtt://pay.example.com" } })).file), []);
});

t.test("where terminals need certificates, they are given an mqtts:// URL", async (t) => {
  const tls = { host: "127.0.0.1", port: 8883 };
  const embedded = { kind: "embedded", host: "127.0.0.1", port: 1883, tls };
  const problems = async (broker: object) => problemsOf((await configFile(t, { broker })).file);
  t.same(await problems(embedded), []);
  t.same(await problems({ ...embedded, publicUrl: "mqtts://pay.example.com:8883" }), []);
  const wanted = "the mqtts:// URL that terminals with certificates reach it by";
  t.same(await problems({ ...embedded, publicUrl: "mqtt://pay.example.com" }), [
    `FILE: broker.publicUrl: got "mqtt://pay.example.com"; allowed: ${wanted}`,
  ]);
  t.same(await problems({ ...embedded, tls: { ...tls, host: "::" } }), [
    "FILE: broker.publicUrl: got nothing; allowed: the mqtt:// or mqtts:// URL that terminals reach it by",
  ]);
  t.same(await problems({ ...external, certificates: true }), [
    `FILE: broker.publicUrl: got nothing; allowed: ${wanted}`,
  ]);
  t.same(await problems({ ...external, certificates: false }), []);
  const { tls: _, ...plain } = embedded;
  const { file } = await configFile(t, { broker: plain });
  const environment = { SWIPEWIRE_GATEWAY_BROKER_TLS_HOST: "127.0.0.2", SWIPEWIRE_GATEWAY_BROKER_TLS_PORT: "8884" };
  t.match(readConfig({ file, environment }).broker, { tls: { host: "127.0.0.2", port: 8884 } });
});

t.test("a bank's dialect says whether its messages have an address and a header", async (t) => {
  const { file, settings } = await configFile(t);
  const { tpdu, header, ...bank } = settings.acquirer;
  t.match(readConfig({ file, environment: {} }).acquirer, { dialect: "unionpay", tpdu, header });
  const bare = await configFile(t, { acquirer: bank });
  t.same(problemsOf(bare.file), [
    "FILE: acquirer.tpdu: got nothing; allowed: 10 digits",
    "FILE: acquirer.header: got nothing; allowed: 12 digits",
  ]);
  t.same(problemsOf((await configFile(t, { acquirer: { ...bank, dialect: "iso1987" } })).file), []);
  t.same(problemsOf((await configFile(t, { acquirer: { ...bank, dialect: "iso1993" } })).file), [
    'FILE: acquirer.dialect: got "iso1993"; allowed: unionpay, iso1987, iso1987-binary',
  ]);
});

t.test("what differs in how a bank has its batches closed may be told", async (t) => {
  const { settings } = await configFile(t);
  const withRules = (settlement: unknown) => configFile(t, { acquirer: { ...settings.acquirer, settlement } });
  const { file } = await withRules({ mac: true, upload: "single" });
  const environment = {
    SWIPEWIRE_GATEWAY_ACQUIRER_SETTLEMENT_MAC: "false",
    SWIPEWIRE_GATEWAY_ACQUIRER_SETTLEMENT_ENDS_BALANCED: "true",
  };
  t.same(readConfig({ file, environment }).acquirer.settlement, { mac: false, upload: "single", endsBalanced: true });
  t.same(problemsOf((await withRules({ mac: "no", upload: "zip", code: true })).file), [
    "FILE: acquirer.settlement.code: there is no such field; allowed: mac, upload, endsBalanced",
    'FILE: acquirer.settlement.mac: got "no"; allowed: true or false',
    'FILE: acquirer.settlement.upload: got "zip"; allowed: list or single',
  ]);
});

t.test(
  "TLS to the bank: paths from the file's folder, a certificate only with its key, no way to skip the check",
  async (t) => {
    const { file, settings } = await configFile(t);
    const withTls = (tls: unknown) => configFile(t, { acquirer: { ...settings.acquirer, tls } });
    t.equal(readConfig({ file, environment: {} }).acquirer.tls, undefined);
    const tls = { ca: "ca.pem", certificate: "own.pem", key: "/keys/own.key", serverName: "pos.bank.example" };
    const whole = await withTls(tls);
    t.same(readConfig({ file: whole.file, environment: {} }).acquirer.tls, {
      ...tls,
      ca: join(whole.file, "../ca.pem"),
      certificate: join(whole.file, "../own.pem"),
    });
    t.match(problemsOf((await withTls({})).file), [/acquirer\.tls\.ca: got nothing/]);
    t.match(problemsOf((await withTls({ ca: "ca.pem", certificate: "own.pem" })).file), [/acquirer\.tls/]);
    const believing = await withTls({ ca: "ca.pem", declinesWithoutMac: true });
    t.match(readConfig({ file: believing.file, environment: {} }).acquirer.tls, { declinesWithoutMac: true });
    const onAnOpenLine = { acquirer: { ...settings.acquirer, declinesWithoutMac: true } };
    t.match(problemsOf((await configFile(t, onAnOpenLine)).file), [/declinesWithoutMac: there is no such field/]);
    t.match(problemsOf((await withTls({ ca: "ca.pem", rejectUnauthorized: false })).file), [
      /rejectUnauthorized: there is no such field/,
    ]);
  },
);

t.test("a file that is not there is told, and how one is made", async (t) => {
  const { file } = await configFile(t);
  t.same(problemsOf(join(file, "nowhere")), ["FILE: can't be read (ENOTDIR); swipewire-gateway init makes one"]);
});

t.test("a SIP trunk is checked for what baresip would take for something else", async (t) => {
  const trunk = { kind: "baresip", domain: "sip.example.com", user: "+8675512345678", prompts: "prompts" };
  const { file } = await configFile(t, { voice: trunk });
  t.match(readConfig({ file, environment: {} }).voice, {
    ...trunk,
    prompts: join(file, "../prompts"),
    transport: "udp",
    register: false,
    srtp: false,
    sipPort: 0,
    language: "en",
    languages: [{ prefix: "+86", language: "zh" }],
  });
  const problems = async (changes: object) =>
    problemsOf((await configFile(t, { voice: { ...trunk, ...changes } })).file).map(
      (line) => line.slice("FILE: voice.".length).split(":")[0],
    );
  for (const [changes, fields] of [
    [{ domain: "sip.example.com;transport=udp" }, ["domain"]],
    [{ domain: "sip.example.com>\nx" }, ["domain"]],
    [{ user: "me@elsewhere" }, ["user"]],
    [{ password: "a;regint=0" }, ["password"]],
    [{ password: "a\nb" }, ["password"]],
    [{ password: 'a"b' }, ["password"]],
    [{ password: "p@ss/w0rd!#$%&'()*+-.:=?[]^_`{|}~" }, []],
    [{ srtp: true }, ["transport"]],
    [{ srtp: true, transport: "tls" }, []],
    [{ address: "::1" }, ["address"]],
    [{ language: "../../etc" }, ["language"]],
    [{ languages: [{ prefix: "86", language: "zh" }] }, ["languages.0.prefix"]],
    [{ sipPort: 70_000 }, ["sipPort"]],
  ] as const) {
    t.same(await problems(changes), fields, JSON.stringify(changes));
  }
  const { file: secret } = await configFile(t, { voice: { ...trunk, password: "hush hush" } });
  t.notMatch(problemsOf(secret).join(), "hush");
});
