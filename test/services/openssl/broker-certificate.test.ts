import { readFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { createServer, setDefaultCACertificates } from "node:tls";
import { checkBrokerCertificate } from "@swipewire/daemon/doctor/check-broker";
import t, { type Test } from "tap";
import { certificateFolder } from "./certificates.ts";

const { file, certificate } = certificateFolder(t);
certificate("authority", "DNS:authority.test");
certificate("broker", "IP:127.0.0.1", "authority", 60);
certificate("short", "IP:127.0.0.1", "authority", 5);
certificate("elsewhere", "DNS:broker.test", "authority");
certificate("stranger", "IP:127.0.0.1");
setDefaultCACertificates([readFileSync(file("authority.pem"), "utf8")]);

async function look(t: Test, name: string) {
  const received: Buffer[] = [];
  const server = createServer(
    { cert: readFileSync(file(`${name}.pem`)), key: readFileSync(file(`${name}.key`)) },
    (socket) => socket.on("error", () => {}).on("data", (piece) => received.push(piece)),
  );
  server.on("tlsClientError", () => {}).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  t.teardown(() => server.close());
  const { port } = server.address() as AddressInfo;
  const mqtt = { url: `mqtts://127.0.0.1:${port}`, username: "terminal", password: "mqtt-password-0123456789" };
  const findings = await checkBrokerCertificate({ mqtt }, Date.now());
  t.strictSame(received, [], "nothing is sent to it");
  return findings;
}

t.test("says whether the broker's certificate is trusted, and how long it is good for", async (t) => {
  t.match(await look(t, "broker"), [{ verdict: "good", says: /trusted until 20\d\d-/ }]);
  t.match(await look(t, "short"), [{ verdict: "doubtful", says: /, 4 days/, todo: /renew/ }]);
  t.match(await look(t, "stranger"), [{ verdict: "bad", says: /not trusted/, todo: /clock/ }]);
  t.match(await look(t, "elsewhere"), [{ verdict: "bad", says: /not trusted/ }]);
});

t.test("has nothing to say of a clear connection, nor of a broker that is not there", async (t) => {
  const mqtt = { username: "terminal", password: "mqtt-password-0123456789" };
  t.strictSame(await checkBrokerCertificate({ mqtt: { ...mqtt, url: "mqtt://127.0.0.1:1883" } }, Date.now()), []);
  t.strictSame(await checkBrokerCertificate({ mqtt: { ...mqtt, url: "mqtts://127.0.0.1:1" } }, Date.now()), []);
});
