import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";

const PACKAGING = join(import.meta.dirname, "../../packaging");

export interface SingleFile {
  readonly file: string;
  /** What the unit sets. */
  readonly env: Readonly<Record<string, string>>;
}

/** Builds the daemon as a single file. */
export function singleFile(folder: string): SingleFile {
  execFileSync(process.execPath, [join(PACKAGING, "build.ts"), "--out", folder], { stdio: "pipe" });
  const unit = readFileSync(join(PACKAGING, "debian/swipewire-daemon.service"), "utf8");
  const settings = [...unit.matchAll(/^Environment=(\w+)=(\S+)$/gm)];
  return {
    file: join(folder, "swipewire-daemon"),
    env: Object.fromEntries(settings.map(([, name, value]) => [name, value])),
  };
}
