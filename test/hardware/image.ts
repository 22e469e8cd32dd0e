import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeDaemonLayer, writeSystemLayer } from "./initramfs.ts";
import { stockKernelRelease, unpackKernel } from "./kernel-package.ts";
import type { MachineImage } from "./machine.ts";

const here = (name: string) => join(import.meta.dirname, name);
const CACHE = here("../../node_modules/.cache/swipewire-hardware");

const packages = readFileSync(here("packages.txt"), "utf8")
  .split("\n")
  .filter((line) => line !== "" && !line.startsWith("#"));

/**
 * The kernel, and what it boots into: a layer that is kept from run to run, and one with the daemon as it is now.
 * @param more files for the latter: where each is here, and there
 */
export function buildImage(folder: string, more: readonly (readonly [from: string, to: string])[] = []): MachineImage {
  const release = stockKernelRelease();
  const kept = join(CACHE, keyOf(release));
  if (!existsSync(kept)) keep(release, kept);
  const daemon = join(folder, "daemon.cpio");
  const gathered = join(folder, "daemon");
  mkdirSync(gathered);
  for (const [from, to] of more) cpSync(from, join(gathered, to));
  writeDaemonLayer(gathered, daemon);
  // The kernel unpacks one archive after the other.
  const initrd = join(folder, "initrd");
  writeFileSync(initrd, Buffer.concat([daemon, join(kept, "system.cpio.lz4")].map((file) => readFileSync(file))));
  return { vmlinux: join(kept, "vmlinux"), initrd };
}

function keyOf(release: string): string {
  const hash = createHash("sha256").update(process.version).update(installedPackages());
  for (const source of ["initramfs.ts", "kernel-package.ts"]) hash.update(readFileSync(here(source)));
  return `${release}-${hash.digest("hex").slice(0, 16)}`;
}

/** With their versions. @throws where one is missing */
function installedPackages(): Buffer {
  try {
    return execFileSync("dpkg-query", ["--show", ...packages]);
  } catch (cause) {
    throw new Error(`the test needs Debian's packages: apt-get install ${packages.join(" ")}`, { cause });
  }
}

function keep(release: string, kept: string): void {
  rmSync(CACHE, { recursive: true, force: true });
  mkdirSync(CACHE, { recursive: true });
  const folder = mkdtempSync(join(tmpdir(), "swipewire-kernel-"));
  try {
    const kernel = unpackKernel(release, folder);
    const made = join(CACHE, "unfinished");
    mkdirSync(made);
    const gathered = join(folder, "system");
    mkdirSync(gathered);
    writeSystemLayer(kernel, gathered, join(made, "system.cpio.lz4"));
    writeFileSync(join(made, "vmlinux"), readFileSync(kernel.vmlinux));
    renameSync(made, kept);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
