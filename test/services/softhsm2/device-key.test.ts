import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { chmod, readFile } from "node:fs/promises";
import { join } from "node:path";
import { loadConfig } from "@swipewire/daemon/config/load-config";
import { startDaemon } from "@swipewire/daemon/daemon";
import { checkUplink } from "@swipewire/daemon/doctor/check-broker";
import { checkOwn } from "@swipewire/daemon/doctor/check-certificate";
import { makeCertificateKey } from "@swipewire/daemon/enrolment/certificate-request";
import { enrol } from "@swipewire/daemon/enrolment/enrol";
import { shownKey } from "@swipewire/daemon/enrolment/token-key";
import { keptCertificate } from "@swipewire/daemon/state/certificate";
import { InProcessTransport } from "@swipewire/daemon/transports/in-process";
import { startCentre } from "@swipewire/simulator/demo/system";
import t from "tap";
import { clock, emptyFolder, listeningLogger, random, untilView } from "../../system/stage.ts";

const HOST = "127.0.0.1";
const MODULE = "/usr/lib/softhsm/libsofthsm2.so";
const PIN = "271828";

const folder = await emptyFolder(t);
mkdirSync(join(folder, "tokens"));
const configFile = join(folder, "softhsm2.conf");
writeFileSync(configFile, `directories.tokendir = ${join(folder, "tokens")}\nlog.level = ERROR\n`);
process.env["SOFTHSM2_CONF"] = configFile;
execFileSync("softhsm2-util", ["--init-token", "--free", "--label", "kiosk 1", "--so-pin", "31415926", "--pin", PIN]);
const pinFile = join(folder, "pin");
writeFileSync(pinFile, PIN, { mode: 0o600 });
const place = { module: MODULE, token: "kiosk 1", pinFile };

t.test("a terminal whose key never leaves its token enrols, connects, and is looked at", async (t) => {
  const { logger, heard } = listeningLogger();
  const centre = await startCentre({
    folder,
    clock,
    random,
    logger,
    replySeconds: 60,
    adjust: (usual) => ({
      ...usual,
      broker: { kind: "embedded", host: HOST, port: 0, tls: { host: HOST, port: 0 } },
    }),
  });
  t.teardown(() => centre.close());
  const daemonFile = join(folder, "daemon.json");
  writeFileSync(
    daemonFile,
    JSON.stringify({
      stateDir: "state",
      localApi: { port: 0 },
      findReaders: false,
      certificateKey: { ...place, pinFile: "pin" },
    }),
  );
  const config = loadConfig({ file: daemonFile, env: {} });
  t.same(config.certificateKey, place, "paths start at the file's folder");
  const { stateDir } = config;
  const enrolled = async () => {
    const { token } = await centre.gateway.terminals.issueEnrolmentToken();
    return enrol({ gateway: centre.gateway.httpUrl, token, name: "kiosk", stateDir, certificateKey: place });
  };
  const { identity } = await enrolled();
  const kept = await keptCertificate(stateDir);
  t.match(kept, { key: { in: "token" } });
  t.notMatch(await readFile(join(stateDir, "certificate.json"), "utf8"), /PRIVATE|271828/);
  if (!kept) return;
  const certificate = { ...kept, key: shownKey(kept, place) };
  const { findings } = await checkUplink({ ...identity, certificate }, { clock, random });
  t.match(findings, [{ says: /takes this terminal/ }, { verdict: "good" }]);

  const look = (at: typeof place | undefined) =>
    checkOwn(kept, { terminal: identity.terminal, place: at, now: clock.now() });
  t.match(look(place), { shown: { url: kept.url }, findings: [{ verdict: "good" }] });
  for (const wrong of [undefined, { ...place, token: "nobody's" }]) {
    t.match(look(wrong), { shown: undefined, findings: [{ verdict: "bad", todo: /certificateKey/ }] });
  }

  const taken = heard("a broker took the certificate");
  const daemon = await startDaemon({
    config,
    identity,
    transports: [new InProcessTransport({ family: "ascii", name: "reader" })],
    clock,
    random,
    logger,
  });
  t.teardown(() => daemon.close());
  await untilView(daemon.session, (view) => view.gateway);
  await taken;
  t.match((await enrolled()).identity, { terminal: String }, "a second time by the same key");
});

t.test("what goes wrong with a token is told, and never its PIN", async (t) => {
  const unusable = { code: "token_key_unusable" };
  await t.rejects(makeCertificateKey({ ...place, token: "nobody's" }), unusable);
  await t.rejects(makeCertificateKey({ ...place, module: pinFile }), unusable);
  await t.rejects(makeCertificateKey({ ...place, pinFile: join(folder, "nowhere") }), unusable);
  const wrong = join(folder, "wrong");
  writeFileSync(wrong, "161803", { mode: 0o600 });
  const failure = await makeCertificateKey({ ...place, pinFile: wrong }).catch((error: unknown) => error);
  t.match(failure, unusable);
  t.notMatch(JSON.stringify(failure), /161803/);
  writeFileSync(wrong, `${PIN}\n`);
  await t.rejects(makeCertificateKey({ ...place, pinFile: wrong }), unusable);
  await chmod(wrong, 0o644);
  await t.rejects(makeCertificateKey({ ...place, pinFile: wrong }), { code: "state_file_exposed" });
  t.throws(() => shownKey({ key: { in: "token" } }, undefined), unusable);
});
