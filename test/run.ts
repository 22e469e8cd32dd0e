import { execFileSync } from "node:child_process";
import { globSync, readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { relative, sep } from "node:path";
import { parseArgs } from "node:util";
import t from "tap";
import { Parser, type Result } from "tap-parser";

/**
 * Runs the tests, each file in a process of its own, and closes with one line: `N passed, N failed, N skipped`.
 * A folder of `services/` bears the name of the Debian package it needs, and may need more. Where one is missing the
 * folder is skipped and the summary says so; with CI=true it is a failure.
 */
process.chdir(import.meta.dirname);

const { positionals } = parseArgs({ allowPositionals: true });

/** `package command` a line: what to install, and what shows that it is there; `folder` where that has another name. */
const services = readFileSync("services/packages.txt", "utf8")
  .split("\n")
  .filter((line) => line.trim() !== "" && !line.startsWith("#"))
  .map((line) => {
    const [name = "", command = "", folder = name] = line.trim().split(/\s+/);
    return { name, folder, installed: isInstalled(command) };
  });

function isInstalled(command: string): boolean {
  try {
    execFileSync("sh", ["-c", `command -v ${command}`], {
      stdio: "ignore",
      env: { ...process.env, PATH: `${process.env["PATH"]}:/usr/sbin:/sbin` },
    });
    return true;
  } catch {
    return false;
  }
}

const missing = services.filter(({ installed }) => !installed);
const names = (packages: typeof services) => packages.map(({ name }) => name);

const wanted = positionals.map((path) => relative(process.cwd(), `${process.env["INIT_CWD"] ?? ".."}${sep}${path}`));
const files = globSync("**/*.test.ts")
  .filter((file) => wanted.length === 0 || wanted.some((prefix) => file === prefix || file.startsWith(prefix)))
  .sort();
if (files.length === 0) throw new Error("no test file matches");

const suite = t;
suite.jobs = availableParallelism();
// Each file has a limit of its own; together they take what they take.
suite.setTimeout(0);
const counts = { passed: 0, failed: 0, skipped: 0 };
const say = (line: string) => process.stdout.write(`${line}\n`);

/** Without tap's coverage and its records of every process, which nobody here reads. */
const testEnvironment = {
  ...process.env,
  TAP_OMIT_VERSION: "1",
  // Seconds: tap's own 30 are too few for a test of five processes on a busy machine.
  TAP_TIMEOUT: "120",
  _TAPJS_PROCESSINFO_COVERAGE_: "0",
  _TAPJS_PROCESSINFO_EXCLUDE_: ".",
};

/** Failed points, with the names of the subtests that lead to them; a subtest's own point only repeats them. */
const failures: string[] = [];
function collectFailures(parser: Parser): void {
  const subtests = new Set<string>();
  parser.on("child", (child: Parser) => {
    subtests.add(child.name);
    collectFailures(child);
  });
  parser.on("assert", ({ ok, skip, todo, name, fullname, diag }: Result) => {
    if (ok || skip || todo || subtests.has(name)) return;
    failures.push(`${fullname} > ${name}\n${JSON.stringify(diag ?? {}, null, 2)}`);
  });
}

// What the suite itself would print is nested TAP; the lines below say the same to a person.
const parser = new Parser();
collectFailures(parser);
suite.pipe(parser);

await Promise.all(
  files.map(async (file) => {
    const needed = missing.filter(({ folder }) => file.startsWith(`services${sep}${folder}${sep}`));
    if (needed.length > 0) {
      counts[process.env["CI"] ? "failed" : "skipped"]++;
      say(`${process.env["CI"] ? "FAIL" : "skip"} ${file}: needs ${names(needed).join(" and ")}`);
      return;
    }
    const results = await suite.spawn(
      process.execPath,
      [file],
      { buffered: true, timeout: 150_000, env: testEnvironment },
      file,
    );
    // A file that died before its first test, or has none, has failed too.
    const ok = results?.ok === true && results.count > 0;
    counts.passed += results?.pass ?? 0;
    counts.failed += ok ? 0 : Math.max(1, results?.fail ?? 0);
    counts.skipped += results?.skip ?? 0;
    say(`${ok ? "ok  " : "FAIL"} ${file}: ${results?.count ?? 0} in ${Math.round(results?.time ?? 0)} ms`);
  }),
);

for (const failure of failures) say(failure);
if (missing.length > 0) {
  say(
    `Not installed here: ${names(missing).join(", ")}. To run their groups: apt-get install ${names(missing).join(" ")}`,
  );
}
say(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
process.exitCode = counts.failed === 0 ? 0 : 1;
