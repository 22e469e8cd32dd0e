import { stat } from "node:fs/promises";
import { join } from "node:path";
import { startDaemon } from "@swipewire/daemon/daemon";
import { keptCertificate } from "@swipewire/daemon/state/certificate";
import { loadIdentity } from "@swipewire/daemon/state/identity";
import { InProcessTransport } from "@swipewire/daemon/transports/in-process";
import type { GatewayConfig } from "@swipewire/gateway/config/config-schema";
import { type Gateway, startGateway } from "@swipewire/gateway/gateway";
import { openKeys } from "@swipewire/gateway/keys/open-keys";
import { gatewayConfig, makeTestKeys, startSystem, startTerminal } from "@swipewire/simulator/demo/system";
import t from "tap";
import { clock, emptyFolder, listeningLogger, payOnce, random, recordingLogger, untilView } from "./stage.ts";

const HOST = "127.0.0.1";
const withTls = (config: GatewayConfig, port = 0): GatewayConfig => ({
  ...config,
  broker: { kind: "embedded", host: HOST, port, tls: { host: HOST, port: 0 } },
});

t.test("a payment over mutual TLS; revoked, the terminal is cut off at once and says so", async (t) => {
  const folder = await emptyFolder(t);
  const { logger, heard } = listeningLogger();
  const system = await startSystem({
    folder,
    family: "magtek-magnesafe",
    clock,
    random,
    logger,
    replySeconds: 60,
    adjust: withTls,
  });
  t.teardown(() => system.close());
  const { gateway, daemon } = system;
  const { session } = daemon;
  const stateDir = join(folder, "terminal");
  const { terminal, mqtt } = await loadIdentity(stateDir);
  t.match(mqtt.url, /^mqtts:\/\/127\.0\.0\.1:\d+$/);
  t.equal((await stat(join(stateDir, "certificate.json"))).mode & 0o777, 0o600);
  t.match(await gateway.terminals.list(), [{ terminal, certifiedUntil: Number }]);

  t.match(await payOnce(system), { outcome: "approved" });

  const refused = heard("does not take this terminal's certificate");
  await gateway.terminals.revoke(terminal);
  await untilView(session, (view) => !view.gateway);
  await refused;
  t.match(daemon.status().uplink, { broker: false, problem: "uplink_certificate_refused" });
});

t.test("a terminal that was enrolled before there were certificates works on, and moves over by itself", async (t) => {
  const folder = await emptyFolder(t);
  const { logger, heard } = listeningLogger();
  const before = gatewayConfig({ folder, bankPort: 9, phonesUrl: "ws://127.0.0.1:9", replySeconds: 60 });
  await makeTestKeys(before, { clock, random });
  let gateway: Gateway = await startGateway({ config: before, clock, random, logger: recordingLogger().logger });
  t.teardown(() => gateway.close());
  const port = Number(new URL(gateway.brokerUrl).port);
  const stateDir = join(folder, "terminal");
  const pinned = heard("the gateway's signing key is pinned");
  const { token } = await gateway.terminals.issueEnrolmentToken();
  const gatewayUrl = gateway.httpUrl;
  const { daemon } = await startTerminal({ gatewayUrl, token, stateDir, family: "ascii", clock, random, logger });
  let running = daemon;
  t.teardown(() => running.close());
  await untilView(daemon.session, (view) => view.gateway);
  await pinned;
  const { mqtt, signingKey } = await loadIdentity(stateDir);
  t.equal(await keptCertificate(stateDir), undefined);

  await gateway.close();
  const { custody, close } = await openKeys(before.keys, { clock, random });
  await custody.makeAuthority();
  close();
  const moved = heard("a broker took the certificate");
  gateway = await startGateway({ config: withTls(before, port), clock, random, logger: recordingLogger().logger });
  await moved;
  await untilView(daemon.session, (view) => view.gateway);
  t.ok(daemon.status().uplink.broker);
  t.match(await keptCertificate(stateDir), { url: /^mqtts:/, taken: true });
  t.match(await loadIdentity(stateDir), { mqtt, signingKey }, "an earlier release finds what it left");
  t.match(await gateway.terminals.list(), [{ certifiedUntil: Number }]);

  await daemon.close();
  running = await startDaemon({
    config: { stateDir, log: { level: "info" }, localApi: { port: 0, allowedOrigins: [] }, readers: [], profiles: [] },
    identity: await loadIdentity(stateDir),
    transports: [new InProcessTransport({ family: "ascii", name: "reader" })],
    clock,
    random,
    logger,
  });
  await untilView(running.session, (view) => view.gateway);
  t.ok(running.status().uplink.broker, "and is let in by it after a restart");
});
