import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { buildDebianPackage } from "./debian/build.ts";
import { buildSingleFile } from "./single-file/build.ts";

/** `npm run package -- [--out FOLDER] [--version VERSION]`: the daemon as one file, and as a Debian package. */
const { values } = parseArgs({ options: { out: { type: "string" }, version: { type: "string" } } });
const folder = resolve(process.env["INIT_CWD"] ?? ".", values.out ?? "packages");
mkdirSync(folder, { recursive: true });
const file = join(folder, "swipewire-daemon");
const licences = `${file}.licences`;
writeFileSync(licences, await buildSingleFile(file));
const version = values.version ?? execFileSync(file, ["--version"], { encoding: "utf8" }).trim();
process.stdout.write(`${file}\n${buildDebianPackage(file, licences, folder, version)}\n`);
