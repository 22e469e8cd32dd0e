import { execFileSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Test } from "tap";

/** A folder of certificates, gone with the test. */
export function certificateFolder(t: Test) {
  const folder = mkdtempSync(join(tmpdir(), "swipewire-tls-"));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const file = (name: string) => join(folder, name);

  /** Makes NAME.pem and NAME.key, by itself or from an authority. */
  function certificate(name: string, subjectAltName: string, authority?: string, days = 2): void {
    const files = ["-keyout", file(`${name}.key`), "-out", file(`${name}.pem`)];
    const issuer = authority ? ["-CA", file(`${authority}.pem`), "-CAkey", file(`${authority}.key`)] : [];
    const kind = authority ? ["-addext", "basicConstraints=CA:FALSE"] : [];
    execFileSync(
      "openssl",
      [
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-noenc",
        "-days",
        `${days}`,
      ].concat(["-subj", `/CN=${name}`, "-addext", `subjectAltName=${subjectAltName}`], files, issuer, kind),
      { stdio: "ignore" },
    );
    chmodSync(file(`${name}.key`), 0o600);
  }
  return { file, certificate };
}
