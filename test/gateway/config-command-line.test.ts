import { execFile } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { makeDataDirectory } from "@swipewire/gateway/config/data-directory";
import { EnrolmentReply } from "@swipewire/protocol/messages/enrolment";
import { checker } from "@swipewire/protocol/messages/parse";
import { connectAsync } from "mqtt";
import t, { type Test } from "tap";
import { seededRandom } from "../seeded-random.ts";
import { SimulatedClock } from "../simulated-clock.ts";

const services = { clock: new SimulatedClock(), random: seededRandom(1) };

const checkEnrolment = checker(EnrolmentReply);

async function configFile(t: Test, changes: Record<string, unknown> = {}) {
  const { config } = await makeDataDirectory(join(t.testdir(), "data"), services);
  writeFileSync(config, JSON.stringify({ ...JSON.parse(readFileSync(config, "utf8")), ...changes }));
  return config;
}

const cli = join(import.meta.dirname, "../../gateway/bin/swipewire-gateway.js");
const command = (...args: string[]) =>
  promisify(execFile)(process.execPath, [cli, ...args]).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    ({ code, stdout, stderr }) => ({ code, stdout, stderr }),
  );

t.test("a wrong config exits 2, with its problems and no stack trace", async (t) => {
  const file = await configFile(t, { sms: { kind: "pigeon", url: "ws://x" } });
  const wrong = await command("run", "--config", file);
  t.equal(wrong.code, 2);
  t.equal(wrong.stderr, `${file}: sms.kind: got "pigeon"; allowed: simulated\n`);
  t.equal(wrong.stdout, "");
});

t.test("merchants and terminals are seen to beside a running gateway", async (t) => {
  const file = await configFile(t);
  const environment = {
    ...process.env,
    SWIPEWIRE_GATEWAY_HTTP_PORT: "0",
    SWIPEWIRE_GATEWAY_BROKER_PORT: "0",
    // Nobody's: a bank that someone runs on the usual port is not to be signed on to.
    SWIPEWIRE_GATEWAY_ACQUIRER_PORT: "1",
  };
  const gateway = execFile(process.execPath, [cli, "run", "--config", file], { env: environment });
  let log = "";
  const up = Promise.withResolvers<void>();
  gateway.stdout?.on("data", (piece) => {
    log += piece;
    if (log.includes("gateway is up")) up.resolve();
  });
  gateway.once("exit", () => up.reject(new Error(log)));
  await up.promise;

  const merchant = ["merchant", "add", "--config", file, "--name", "Tea House", "--webhook", "https://example.com/"];
  const [added, token] = await Promise.all([
    command(...merchant, "--code", "M-1"),
    command("terminal", "token", "--config", file),
  ]);
  t.match(added.stdout, /API key +swk_\S{43}\nwebhook secret +whsec_\S{44}\n/);
  t.match(token.stdout, /swipewire-daemon enrol --gateway http:\/\/127\.0\.0\.1:8080 --token [\w-]{43} /);
  const again = await command(...merchant, "--code", "M-1");
  t.equal(again.code, 1);
  t.match(again.stderr, /^Another merchant has this member code/);
  t.equal(again.stderr.trim().split("\n").length, 3, "what it is, what it means, what to do");

  const key = /swk_\S+/.exec(added.stdout)?.[0];
  const url = /"http":"([^"]+)"/.exec(log)?.[1];
  const answer = await fetch(`${url}/v1/orders?orderNumber=1`, { headers: { authorization: `Bearer ${key}` } });
  t.equal(answer.status, 200);

  const enrolled = await fetch(`${url}/v1/terminals`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      token: /--token (\S+)/.exec(token.stdout)?.[1],
      name: "Kiosk 7",
      signingKey: { kty: "OKP", crv: "Ed25519", x: "b".repeat(43) },
    }),
  });
  const { terminal, mqtt } = checkEnrolment(await enrolled.json());
  const kiosk = await connectAsync(mqtt.url, { ...mqtt, clientId: terminal, protocolVersion: 4, reconnectPeriod: 0 });
  const cut = new Promise<void>((resolve) => kiosk.once("close", () => resolve()));
  const terminals = async () =>
    (await command("terminal", "list", "--config", file)).stdout.trim().split("\n").slice(1);
  const listed = (await command("keys", "list", "--config", file)).stdout;
  const sealsTo = / envelope .* ([0-9A-F]{6}) /.exec(listed)?.[1] ?? "";
  const time = "\\d{4}-\\d{2}-\\d{2}T[\\d:.]{12}Z";
  t.match(await terminals(), [new RegExp(`^${terminal}  ${time}  - {23}  - {23}  ${sealsTo}    Kiosk 7$`)]);
  const revoked = await command("terminal", "revoke", terminal, "--config", file);
  t.equal(revoked.code, 0, revoked.stderr);
  t.match(revoked.stdout, `Terminal ${terminal} is revoked`);
  await cut;
  t.match(await terminals(), [new RegExp(`^${terminal}  ${time}  ${time}  - {23}  ${sealsTo}    Kiosk 7$`)]);
  const nobody = await command("terminal", "revoke", "nobody", "--config", file);
  t.match(nobody, { code: 1, stdout: "", stderr: /^There is no terminal of this id/ });

  gateway.kill("SIGTERM");
  const [code] = await once(gateway, "exit");
  t.equal(code, 0);
  t.match(log, /gateway stopped/);
});

t.test("what is asked of settlements is checked", async (t) => {
  const file = await configFile(t);
  const [day, batch, unknown] = await Promise.all([
    command("reconcile", "--config", file, "--day", "2026-02-30"),
    command("settlement", "show", "--config", file, "all"),
    command("settlement", "show", "--config", file, "7"),
  ]);
  t.match(day, { code: 2, stderr: /day of the calendar/ });
  t.match(batch, { code: 2, stderr: /whole number/ });
  t.match(unknown, { code: 1, stderr: /^No batch of this number was closed\./ });
});
