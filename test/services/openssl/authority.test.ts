import { execFileSync, spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { revokedCertificates } from "@swipewire/gateway/certificates/terminal-certificates";
import { makeDataDirectory } from "@swipewire/gateway/config/data-directory";
import { Hours, systemClock } from "@swipewire/protocol/time";
import t from "tap";
import { signingFloor } from "../../gateway/certificates/signing-floor.ts";
import { seededRandom } from "../../seeded-random.ts";
import { gatewayCommand } from "../../system/gateway-process.ts";

const openssl = (folder: string, ...args: string[]) => spawnSync("openssl", args, { cwd: folder, encoding: "utf8" });

t.test("OpenSSL takes what the authority signs, strictly, and not what it revoked", async (t) => {
  const { authority, folder, terminals, store, enrol } = await signingFloor(t, systemClock);
  const [good, bad] = [await enrol(), await enrol()];
  await terminals.revoke(bad.terminal);
  const now = systemClock.now();
  const revoked = await revokedCertificates(store, now);
  t.equal(revoked.length, 1);
  const put = (name: string, text: string) => writeFileSync(join(folder, name), text);
  put("authority.pem", authority.certificate);
  put("good.pem", good.certificate.certificate);
  put("bad.pem", bad.certificate.certificate);
  put("revoked.pem", authority.revocationList(revoked, now, Hours(24)));
  put("nobody.pem", authority.revocationList([], now, Hours(24)));
  const verify = (name: string, list: string, purpose = "sslclient") =>
    openssl(
      folder,
      ...["verify", "-x509_strict", "-CAfile", "authority.pem", "-crl_check_all", "-CRLfile", list],
      ...["-purpose", purpose, name],
    );
  t.match(verify("good.pem", "revoked.pem"), { status: 0, stdout: /^good\.pem: OK/ });
  t.match(verify("bad.pem", "nobody.pem"), { status: 0 });
  t.match(verify("bad.pem", "revoked.pem"), { status: 2, stderr: /certificate revoked/ });
  t.match(verify("good.pem", "revoked.pem", "sslserver"), { status: 2, stderr: /purpose/ });
});

t.test("an operator makes the authority, a broker's certificate and the list of revoked ones", async (t) => {
  const folder = t.testdir();
  const services = { clock: systemClock, random: seededRandom(2) };
  const { config } = await makeDataDirectory(join(folder, "gw"), services);
  const run = (...args: string[]) => gatewayCommand(config, "certificates", ...args);
  t.match(await run("authority"), { code: 1, stderr: /certificates init/ });
  t.match(await run("init"), { code: 0, stdout: /check value [0-9A-F]{6}/ });
  t.match(await run("init"), { code: 1, stderr: /has a key that signs certificates/ });
  const [authority, again, list] = await Promise.all([run("authority"), run("authority"), run("revoked")]);
  t.equal(authority.stdout, again.stdout);
  writeFileSync(join(folder, "authority.pem"), authority.stdout);
  writeFileSync(join(folder, "revoked.pem"), list.stdout);

  execFileSync(
    "openssl",
    ["req", "-new", "-newkey", "ed25519", "-noenc", "-keyout", "key", "-subj", "/CN=x", "-out", "request.pem"],
    { cwd: folder, stdio: "ignore" },
  );
  const request = join(folder, "request.pem");
  const signed = await run("broker", "--host", "broker.example", "--request", request);
  writeFileSync(join(folder, "broker.pem"), signed.stdout);
  const chain = ["-CAfile", "authority.pem", "-crl_check_all", "-CRLfile", "revoked.pem"];
  const verified = openssl(
    folder,
    ...[
      "verify",
      "-x509_strict",
      ...chain,
      "-purpose",
      "sslserver",
      "-verify_hostname",
      "broker.example",
      "broker.pem",
    ],
  );
  t.match(verified, { status: 0, stdout: /^broker\.pem: OK/ });

  writeFileSync(request, "no PEM");
  const wrong = await run("broker", "--host", "broker.example", "--request", request);
  t.match(wrong, { code: 1, stderr: /certification request/ });
  t.match(await run("broker", "--host", "a b", "--request", request), { code: 2, stderr: /host name/ });
  t.match(await run("broker", "--host", "a", "--request", join(folder, "nowhere")), { code: 1, stderr: /ENOENT/ });
  t.match(await run("revoked", "--days", "0"), { code: 2, stderr: /1 to 365/ });
});
