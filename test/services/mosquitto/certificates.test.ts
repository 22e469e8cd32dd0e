import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type ConnectionOptions, connect } from "node:tls";
import { keptCertificate } from "@swipewire/daemon/state/certificate";
import { loadIdentity } from "@swipewire/daemon/state/identity";
import type { GatewayConfig } from "@swipewire/gateway/config/config-schema";
import { startSystem } from "@swipewire/simulator/demo/system";
import t from "tap";
import { freePort } from "../../free-port.ts";
import { gatewayCommand, writeConfig } from "../../system/gateway-process.ts";
import { clock, emptyFolder, listeningLogger, payOnce, random, untilView } from "../../system/stage.ts";
import { ACCESS_LIST, startMosquitto } from "./broker.ts";

const PASSWORD = "only-for-this-test";

t.test("terminals reach Mosquitto by the gateway's certificates, until they are revoked", async (t) => {
  const folder = await emptyFolder(t);
  const [plain, secure] = [await freePort(), await freePort()];
  const { logger, heard } = listeningLogger();
  let config: GatewayConfig | undefined;
  const system = await startSystem({
    folder,
    family: "magtek-magnesafe",
    clock,
    random,
    logger,
    replySeconds: 60,
    adjust: (usual) => {
      config = {
        ...usual,
        broker: {
          kind: "external",
          url: `mqtt://127.0.0.1:${plain}`,
          username: "gateway",
          password: PASSWORD,
          certificates: true,
          publicUrl: `mqtts://127.0.0.1:${secure}`,
        },
      };
      return config;
    },
  });
  t.teardown(() => system.close());
  const { gateway, daemon } = system;
  const { session } = daemon;
  const { terminal } = await loadIdentity(join(folder, "terminal"));

  // As the page for operators has it.
  const file = (name: string) => join(folder, name);
  const configFile = await writeConfig(folder, config as GatewayConfig);
  const printed = async (name: string, ...args: string[]) => {
    const { code, stdout, stderr } = await gatewayCommand(configFile, "certificates", ...args);
    t.equal(code, 0, stderr);
    await writeFile(file(name), stdout);
  };
  execFileSync(
    "openssl",
    "req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc -subj /CN=broker -keyout broker.key -out broker.csr".split(
      " ",
    ),
    { cwd: folder, stdio: "ignore" },
  );
  await printed("broker.pem", "broker", "--host", "127.0.0.1", "--request", file("broker.csr"));
  await printed("authority.pem", "authority");
  await printed("revoked.pem", "revoked");
  execFileSync("mosquitto_passwd", ["-b", "-c", file("passwords"), "gateway", PASSWORD], {
    env: { ...process.env, PATH: `${process.env["PATH"]}:/usr/sbin` },
  });
  await writeFile(file("access-list"), ACCESS_LIST, { mode: 0o600 });
  await writeFile(
    file("mosquitto.conf"),
    `user root
per_listener_settings true

listener ${plain} 127.0.0.1
allow_anonymous false
password_file ${file("passwords")}
acl_file ${file("access-list")}

listener ${secure} 127.0.0.1
cafile ${file("authority.pem")}
certfile ${file("broker.pem")}
keyfile ${file("broker.key")}
crlfile ${file("revoked.pem")}
require_certificate true
use_identity_as_username true
acl_file ${file("access-list")}
`,
  );
  const broker = await startMosquitto(file("mosquitto.conf"));
  t.teardown(async () => {
    const gone = once(broker, "exit");
    broker.kill("SIGKILL");
    await gone;
  });

  await untilView(session, (view) => view.gateway);
  t.ok(daemon.status().uplink.broker);
  t.match(await payOnce(system), { outcome: "approved" });

  const refused = heard("does not take this terminal's certificate");
  await gateway.terminals.revoke(terminal);
  await printed("revoked.pem", "revoked");
  broker.kill("SIGHUP");
  await refused;
  t.match(daemon.status().uplink, { problem: "uplink_certificate_refused" });
  const kept = await keptCertificate(join(folder, "terminal"));
  const shake = async (options: ConnectionOptions) => {
    const socket = connect({ host: "127.0.0.1", port: secure, ca: kept?.authority ?? "", ...options });
    t.teardown(() => socket.destroy());
    // TLS 1.3: the broker's word comes behind the handshake.
    const [error] = await once(socket, "error");
    return error.code;
  };
  t.equal(
    await shake({ cert: kept?.certificate ?? "", key: `${kept?.key}` }),
    "ERR_SSL_SSL/TLS_ALERT_CERTIFICATE_REVOKED",
  );
  t.equal(await shake({}), "ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED");
});
