import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Test } from "tap";

/** For a test's `skip`. */
export const noCompiler = spawnSync("cc", ["--version"]).status === 0 ? false : "no C compiler here";

/** Compiles a program without a warning. @returns its file, which ends with the test */
export function compileC(t: Test, source: string): string {
  const folder = mkdtempSync(join(tmpdir(), "swipewire-"));
  t.teardown(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, "main.c"), source);
  const program = join(folder, "main");
  const flags = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-fsanitize=undefined", "-fno-sanitize-recover"];
  const built = spawnSync("cc", [...flags, "-o", program, join(folder, "main.c")], { encoding: "utf8" });
  t.equal(built.status, 0, built.stderr);
  return program;
}
