import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";

const ROOT = join(import.meta.dirname, "../..");
const sources = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard", "*.ts"], {
  cwd: ROOT,
  encoding: "utf8",
})
  .split("\n")
  .filter((file) => file !== "" && existsSync(join(ROOT, file)));

const importsOf = (file: string) =>
  [...readFileSync(join(ROOT, file), "utf8").matchAll(/(?:from|import)\s*\(?\s*"([^"]+)"/g)].map(
    (match) => match[1] ?? "",
  );

/** What each package may import of the others; only the simulator's demo starts the two programs. */
const mayImport: Record<string, (file: string) => string[]> = {
  protocol: () => [],
  daemon: () => ["protocol"],
  gateway: () => ["protocol"],
  simulator: (file) => (file.startsWith("simulator/demo/") ? ["protocol", "daemon", "gateway"] : ["protocol"]),
};

t.test("imports between packages go one way", async (t) => {
  for (const file of sources) {
    const home = file.split("/")[0] ?? "";
    const allowed = mayImport[home];
    if (!allowed) continue;
    for (const target of importsOf(file)) {
      const other = /^@swipewire\/([^/]+)/.exec(target)?.[1];
      if (other) t.ok(allowed(file).includes(other), `${file} imports ${target}`);
      t.notMatch(target, /^(\.\.\/)+(daemon|gateway|simulator|protocol|test)\//, `${file} imports ${target}`);
    }
  }
});

t.test("protocol is pure: of Node it uses nothing but the ciphers that browsers lack", async (t) => {
  for (const file of sources.filter((file) => file.startsWith("protocol/"))) {
    for (const target of importsOf(file)) {
      if (target.startsWith("node:")) t.match(`${file} ${target}`, /^protocol\/crypto\/\S+ node:crypto$/);
    }
  }
});

t.test("every file is named for its subject", async (t) => {
  for (const file of sources) {
    const name = file.split("/").at(-1) ?? "";
    t.match(name, /^[a-z0-9]+(-[a-z0-9]+)*(\.test)?\.ts$/, file);
    t.notMatch(name, /(^|-)(utils?|helpers?|managers?|common|misc)(-|\.)/, file);
  }
});

t.test("every dependency has its reason in CONTRIBUTING.md", async (t) => {
  const table = readFileSync(join(ROOT, "CONTRIBUTING.md"), "utf8");
  for (const home of ["", "protocol", "daemon", "gateway", "simulator", "test/docs/api"]) {
    const manifest = JSON.parse(readFileSync(join(ROOT, home, "package.json"), "utf8"));
    const names = Object.keys({ ...manifest.dependencies, ...manifest.devDependencies });
    for (const name of names.filter((name) => !/^@(swipewire|types)\//.test(name))) {
      t.ok(table.includes(`\`${name}\``), `${name}, of ${home || "the root"}`);
    }
  }
});
